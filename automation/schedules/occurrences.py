"""The runs of a schedule: each local time once, also where clocks are changed.

A local time that autumn repeats is its first one. One that spring leaves out is the moment at
which the clock jumps. What is counted in seconds goes on evenly through both.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from automation.schedules.definition import Every, Once, ScheduleDefinition, Times, Window

_DAY = dt.timedelta(days=1)
# a schedule of Mondays between two days of a year is found within this time
_LOOK_DAYS = 400


class Edge(StrEnum):
    """What a run is: a moment, or the begin or end of a window."""

    RUN = "run"
    START = "start"
    END = "end"


class Run(NamedTuple):
    """A run. at: UTC. key: names it among the runs of its schedule, whoever works it out."""

    at: dt.datetime
    key: str
    edge: Edge = Edge.RUN


def runs_after(schedule: ScheduleDefinition, zone: ZoneInfo, moment: dt.datetime) -> Iterator[Run]:
    """Yield the runs later than a moment, in order of time; ends where there are none for a year.

    Args: moment: aware.
    """
    first = moment.astimezone(zone).date() - 2 * _DAY  # a window may end two days later
    waiting: list[Run] = []
    quiet_days = 0
    day = first
    while quiet_days < _LOOK_DAYS:
        found = _runs_of(schedule, zone, day)
        quiet_days = 0 if found else quiet_days + 1
        waiting = sorted({*waiting, *found})
        day += _DAY
        settled = _instant(dt.datetime.combine(day, dt.time()), zone)
        while waiting and waiting[0].at < settled:
            run = waiting.pop(0)
            if run.at > moment:
                yield run
    yield from waiting


def next_run(schedule: ScheduleDefinition, zone: ZoneInfo, moment: dt.datetime) -> Run | None:
    """Return the first run later than a moment; None if there is none for a year."""
    return next(runs_after(schedule, zone, moment), None)


def runs_between(
    schedule: ScheduleDefinition,
    zone: ZoneInfo,
    after: dt.datetime,
    until: dt.datetime,
    *,
    most: int = 1_000,
) -> list[Run]:
    """Return the runs in (after, until], the first `most` of them."""
    found: list[Run] = []
    for run in runs_after(schedule, zone, after):
        if run.at > until or len(found) >= most:
            break
        found.append(run)
    return found


def _runs_of(schedule: ScheduleDefinition, zone: ZoneInfo, day: dt.date) -> list[Run]:
    """Return the runs that belong to a local day; those of a window may lie in the next one."""
    if not _holds(schedule, day):
        return []
    match schedule.when:
        case Times(at=at):
            return [_at(day, clock, zone) for clock in at]
        case Every() as every:
            return _every(every, day, zone)
        case Window(start=start, end=end):
            begin, over = _at(day, start, zone), _at(_ending(day, start, end), end, zone)
            return [begin._replace(edge=Edge.START), over._replace(edge=Edge.END)]
        case Once() as once:
            is_it = once.moment.date() == day
            return [Run(_instant(once.moment, zone), once.at)] if is_it else []


def _holds(schedule: ScheduleDefinition, day: dt.date) -> bool:
    if schedule.days and day.isoweekday() not in schedule.days:
        return False
    if schedule.first is not None and day < schedule.first:
        return False
    return schedule.last is None or day <= schedule.last


def _every(every: Every, day: dt.date, zone: ZoneInfo) -> list[Run]:
    start = _local(day, every.start)
    end = _instant(_local(_ending(day, every.start, every.end), every.end), zone)
    at, step, found = _instant(start, zone), dt.timedelta(seconds=every.seconds), []
    while at < end:
        found.append(Run(at, f"{at:%Y-%m-%dT%H:%M:%SZ}"))
        at += step
    return found


def _ending(day: dt.date, start: str, end: str) -> dt.date:
    return day if end > start else day + _DAY


def _at(day: dt.date, clock: str, zone: ZoneInfo) -> Run:
    local = _local(day, clock)
    return Run(_instant(local, zone), f"{local:%Y-%m-%dT%H:%M}")


def _local(day: dt.date, clock: str) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.fromisoformat(clock))


def _instant(local: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """Return when the clock on the wall first shows a time, or jumps over it, in UTC."""
    early = local.replace(tzinfo=zone, fold=0).astimezone(dt.UTC)
    if early.astimezone(zone).replace(tzinfo=None) == local:
        return early
    # in a gap: fold 0 reads it by the offset before the jump, so it lies behind the jump
    late = local.replace(tzinfo=zone, fold=1).astimezone(dt.UTC)
    return _jump(late, early, zone)


def _jump(before: dt.datetime, after: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """Return the moment between two at which the offset changes, to the second."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > dt.timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle <= before:
            break
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
