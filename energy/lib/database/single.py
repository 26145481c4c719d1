"""Work that two processes must not do at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

EXIT_HELD = 75  # as EX_TEMPFAIL of sysexits.h: the same command succeeds later


class HeldElsewhere(RuntimeError):
    """Another process does this work at the moment."""


@contextmanager
def only_here(work: str) -> Iterator[None]:
    """Keep others from the same work; a process that dies lets go of it.

    Raises: HeldElsewhere.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [work])
        if not cursor.fetchone()[0]:
            raise HeldElsewhere(f"Another process is at {work}.")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [work])
