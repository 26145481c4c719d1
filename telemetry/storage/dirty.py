"""Works off the marks: they are deleted in the transaction that computes the last of them."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from telemetry.storage.marks import Windows, decode_mark, unite
from telemetry.storage.rollup import lock_rollups, prepare, recompute
from telemetry.storage.watch import pass_on

MARKS = 64  # read at a time
MOST_MARKS = 4096  # read for one transaction's windows
WINDOWS = 20_000  # of one transaction
SLICE = 1_000  # the same while there is time
MOST_PAUSE_SECONDS = 3.0  # between the slices of one look
ENOUGH = 60_000  # windows worked off together
_OLDEST = """
SELECT id, channels, windows, firsts, lasts FROM telemetry_dirty_mark
WHERE id > %s ORDER BY id LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Worked:
    """How many marks and windows were worked off, and whether more are waiting."""

    marks: int = 0
    windows: int = 0
    is_more: bool = False


def work_off(*, now: dt.datetime, seconds: float = 2.0) -> Worked:
    """Compute the rollups of the waiting marks, oldest first, for about so many seconds."""
    deadline = time.monotonic() + seconds
    marks = windows = 0
    while True:
        ids, dirty, is_last = _read()
        if not ids:
            return Worked(marks, windows)
        _compute(ids, dirty, now)
        marks, windows = marks + len(ids), windows + len(dirty)
        if time.monotonic() >= deadline:
            # what came meanwhile waits for the next look, or looks would follow without a pause
            return Worked(marks, windows, is_more=not is_last)


def _read() -> tuple[list[int], Windows, bool]:
    """Return the oldest marks to work off together, and whether no more wait.

    Marks of live data repeat each other: a quarter that many of them tell of is computed once.
    """
    ids: list[int] = []
    parts: list[Windows] = []
    loose = 0
    for mark, *columns in _oldest_marks():
        part = decode_mark(*map(bytes, columns))
        ids.append(mark)
        parts.append(part)
        loose += len(part)
        if loose >= ENOUGH:
            parts = [unite(parts)]
            loose = 0
            if len(parts[0]) >= ENOUGH:
                return ids, parts[0], False
    return ids, unite(parts), len(ids) < MOST_MARKS


def _oldest_marks() -> Iterator[tuple[Any, ...]]:
    after = 0
    for _ in range(MOST_MARKS // MARKS):
        with connection.cursor() as cursor:
            cursor.execute(_OLDEST, [after, MARKS])
            rows = cursor.fetchall()
        yield from rows
        if len(rows) < MARKS:
            return
        after = rows[-1][0]


def _compute(ids: list[int], dirty: Windows, now: dt.datetime) -> None:
    """Compute windows in slices, each its own transaction; the last one deletes the marks.

    What was computed before a crash is computed again, to the same figures. Between slices
    those who write samples get the processor; a backlog is worked off without such pauses.
    """
    if len(dirty):
        prepare(dirty)
    starts = range(0, max(1, len(dirty)), SLICE if len(dirty) <= WINDOWS else WINDOWS)
    left = MOST_PAUSE_SECONDS if len(dirty) <= WINDOWS else 0.0
    for start in starts:
        began = time.monotonic()
        with transaction.atomic():
            lock_rollups()
            if len(dirty):
                part = dirty.take(slice(start, start + starts.step))
                recompute(part, now=now)
                pass_on(part)
            if start == starts[-1]:
                _delete(ids)
                return
        pause = min(left, time.monotonic() - began)
        left -= pause
        time.sleep(pause)


def _delete(ids: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM telemetry_dirty_mark WHERE id = ANY(%s)", [ids])


def oldest_mark(*, now: dt.datetime) -> float:
    """Return the age of the oldest mark in seconds; 0 without any."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT created_at FROM telemetry_dirty_mark ORDER BY id LIMIT 1")
        row = cursor.fetchone()
    return max(0.0, (now - row[0]).total_seconds()) if row else 0.0
