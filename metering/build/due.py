"""What is due: changes of samples that the rollups pass on, and what people changed."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import psycopg
from django.db import InterfaceError, OperationalError, connection, transaction

from metering.build.engine import Window, build_until
from metering.build.feeds import feeds_of_channels
from metering.build.live import build_live
from metering.models import LedgerMark
from metering.series import QUARTER_US
from metering.storage.entries import Written
from telemetry.storage.watch import delete_changed, take_changed

logger = logging.getLogger(__name__)

CHANGES = 50_000  # read at a time
MARKS = 5_000
TOGETHER = 2_000  # registers of one transaction
NEAR = 8 * 96  # quarters between two changes that are built as one
FAILED_SECONDS = 600
UNAVAILABLE = (psycopg.OperationalError, OperationalError, InterfaceError)

Due = dict[int, Sequence[Window]]

_MARK = """
INSERT INTO metering_ledger_mark (register_id, start, "end", due_at, failures)
SELECT register_id, start, finish, %(due)s, failures
FROM unnest(%(register)s::int[], %(start)s::int8[], %(end)s::int8[], %(failures)s::int2[])
    AS given(register_id, start, finish, failures)
"""


@dataclass(frozen=True, slots=True)
class Worked:
    """What one look wrote, of how many registers, and whether more is waiting."""

    registers: int = 0
    written: Written = Written()
    is_more: bool = False


def work_off(*, now: dt.datetime, seconds: float = 5.0) -> Worked:
    """Build what is due, oldest first, for about so many seconds; inside `all_tenants`.

    What the time does not suffice for is kept as marks. A register that cannot be built is tried
    again later and never stops the others.
    """
    deadline = time.monotonic() + seconds
    registers, written = 0, Written()
    while True:
        changed = take_changed(CHANGES)
        marks = _due_marks(now)
        due = _windows(changed.numbers, marks)
        found, rest = _build(due, _failures(marks), deadline, now=now)
        with transaction.atomic():
            mark_due(_flat(rest), now=now)
            delete_changed(changed.ids)
            LedgerMark.objects.filter(pk__in=[mark.pk for mark in marks]).delete()
        registers, written = registers + len(due) - len(rest), written + found
        is_more = bool(rest) or len(changed.ids) == CHANGES or len(marks) == MARKS
        if not is_more or time.monotonic() >= deadline:
            return Worked(registers, written, is_more)


def mark_due(
    windows: Iterable[tuple[int, int, int]], *, now: dt.datetime, failures: int = 0
) -> None:
    """Have (register, first µs, last µs) built, soon or at `now` if that is later."""
    rows = list(windows)
    if rows:
        registers, starts, ends = (list(column) for column in zip(*rows, strict=True))
        with connection.cursor() as cursor:
            cursor.execute(
                _MARK,
                {
                    "register": registers,
                    "start": starts,
                    "end": ends,
                    "due": now,
                    "failures": [failures] * len(rows),
                },
            )


def _due_marks(now: dt.datetime) -> list[LedgerMark]:
    return list(LedgerMark.objects.filter(due_at__lte=now).order_by("due_at", "id")[:MARKS])


def _failures(marks: Sequence[LedgerMark]) -> dict[int, int]:
    return {mark.register_id: mark.failures for mark in marks}


def _windows(
    numbers: Mapping[int, Sequence[int]], marks: Sequence[LedgerMark]
) -> dict[int, list[Window]]:
    due: dict[int, list[Window]] = {}
    for feed in feeds_of_channels(list(numbers)):
        for first, last in _runs(numbers[feed.channel]):
            start, end = first * QUARTER_US, (last + 1) * QUARTER_US - 1
            if start < feed.end and end >= feed.start:
                due.setdefault(feed.register, []).append((start, end))
    for mark in marks:
        due.setdefault(mark.register_id, []).append((mark.start, mark.end))
    return due


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if runs and number - runs[-1][1] <= NEAR:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _build(
    due: Mapping[int, Sequence[Window]],
    failures: Mapping[int, int],
    deadline: float,
    *,
    now: dt.datetime,
) -> tuple[Written, Due]:
    """Build registers until the deadline; return what was written, and what is still due."""
    written, rest = Written(), dict(due)
    keys = list(due)
    is_first = True  # one at least, or nothing would ever be done
    for start in range(0, len(keys), TOGETHER):
        found, left = _build_together(
            {key: due[key] for key in keys[start : start + TOGETHER]}, now
        )
        written += found
        for register in keys[start : start + TOGETHER]:
            rest.pop(register)
        for register, windows in left.items():
            if time.monotonic() >= deadline and not is_first:
                rest[register] = windows
                continue
            is_first = False
            found, waiting = _build_alone(register, windows, deadline, failures, now=now)
            written += found
            if waiting:
                rest[register] = waiting
        if time.monotonic() >= deadline:
            break
    return written, rest


def _build_together(
    due: Mapping[int, Sequence[Window]], now: dt.datetime
) -> tuple[Written, Mapping[int, Sequence[Window]]]:
    try:
        return build_live(due, now=now)
    except UNAVAILABLE:
        raise
    except Exception:
        logger.exception("A register broke the build of all; building one by one")
        return Written(), due


def _build_alone(
    register: int,
    windows: Sequence[Window],
    deadline: float,
    failures: Mapping[int, int],
    *,
    now: dt.datetime,
) -> tuple[Written, Sequence[Window]]:
    try:
        return build_until(register, windows, deadline, now=now)
    except UNAVAILABLE:
        raise
    except Exception:
        logger.exception("Register %d cannot be built, trying again later", register)
        _again(register, windows, failures.get(register, 0) + 1, now=now)
        return Written(), ()


def _flat(due: Mapping[int, Sequence[Window]]) -> list[tuple[int, int, int]]:
    return [(register, *window) for register, windows in due.items() for window in windows]


def _again(register: int, windows: Sequence[Window], failures: int, *, now: dt.datetime) -> None:
    later = now + dt.timedelta(seconds=FAILED_SECONDS * min(failures, 36))
    mark_due(
        [(register, start, end) for start, end in windows],
        now=later,
        failures=min(failures, 1_000),
    )
