"""Which phases of a recipe begin as time goes by."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Begun:
    """A phase that begins; `until` None: it lasts until somebody goes on."""

    number: int
    started_at: dt.datetime
    until: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Walk:
    """The phases that have begun since, in order; `finished_at`: when the last one was over."""

    begun: tuple[Begun, ...]
    finished_at: dt.datetime | None = None


def begin(hours: Sequence[float | None], number: int, at: dt.datetime) -> Begun:
    """Return a phase that begins at a moment."""
    lasts = hours[number]
    return Begun(number, at, None if lasts is None else at + dt.timedelta(hours=lasts))


def walk(
    hours: Sequence[float | None], number: int, until: dt.datetime | None, now: dt.datetime
) -> Walk:
    """Follow the phases after one that ends at `until`, up to now.

    Each begins where the one before ended, however late that is noticed.
    """
    begun: list[Begun] = []
    while until is not None and until <= now:
        number += 1
        if number >= len(hours):
            return Walk(tuple(begun), until)
        begun.append(begin(hours, number, until))
        until = begun[-1].until
    return Walk(tuple(begun))
