"""Who tries codes too often: ten failures in fifteen minutes for a person, key or address."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence

from django.core.cache import cache
from django.utils.translation import gettext_lazy as _

from accounts.services.refusals import Refusal

ALLOWED = 10
WINDOW = dt.timedelta(minutes=15)


class CodeRefused(Refusal):
    """What was typed proves nothing; counts as a guess."""

    code = "code_wrong"
    message = _("There is no such box, or the code is wrong. Read it again from the box.")


class TooManyTries(Refusal):
    """Ten guesses failed within fifteen minutes."""

    code = "too_many_tries"
    message = _("Too many wrong codes. Try again in fifteen minutes.")
    wait_seconds = int(WINDOW.total_seconds())


@contextlib.contextmanager
def guessing(subjects: Sequence[str], *, now: dt.datetime) -> Iterator[None]:
    """Count a try before it is judged, so that racing guesses count too; forget it if good.

    Args: subjects: such as "person:<id>", "address:<ip>".

    Raises: TooManyTries.
    """
    window = int(now.timestamp() // WINDOW.total_seconds())
    names = [f"guesses:{subject}:{window}" for subject in subjects]
    counts = [_count(name, 1) for name in names]
    if any(count > ALLOWED for count in counts):
        raise TooManyTries
    try:
        yield
    except CodeRefused:
        raise
    except BaseException:
        _forget(names)
        raise
    _forget(names)


def _count(name: str, step: int) -> int:
    cache.add(name, 0, WINDOW.total_seconds())
    try:
        return int(cache.incr(name, step))
    except ValueError:  # it ended in between
        return 0


def _forget(names: Sequence[str]) -> None:
    for name in names:
        _count(name, -1)
