"""The runs of a schedule: each local time once, also where clocks are changed.

A local time that autumn repeats is its first one. One that spring leaves out is the moment at
which the clock jumps. What is counted in seconds goes on evenly through both, and so does a
cron line that names every hour where clocks are changed by whole hours.

Functions take a `Place`, or a bare `ZoneInfo` where nobody needs to know where the sun is.
"""

from __future__ import annotations

import datetime as dt
import heapq
from collections.abc import Iterator
from enum import StrEnum
from itertools import count
from typing import NamedTuple
from zoneinfo import ZoneInfo

from automation.schedules.cron import is_of_every_hour, local_times, next_day
from automation.schedules.definition import (
    Cron,
    Every,
    Once,
    ScheduleDefinition,
    Sun,
    Times,
    Window,
)
from automation.schedules.holiday import holiday_on
from automation.schedules.place import Place, Where, place_of, sun_at

_DAY = dt.timedelta(days=1)
_HOUR = 3_600
# a schedule of Mondays between two days of a year is found within this time
_LOOK = dt.timedelta(days=400)
_LOOK_AHEAD = dt.timedelta(days=3_000)  # from one 29 February to the next, also around 2100


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


def runs_after(schedule: ScheduleDefinition, where: Where, moment: dt.datetime) -> Iterator[Run]:
    """Yield the runs later than a moment, in order of time; ends where there are none for a year.

    Of a cron line and a single day it finds those of the next eight years.

    Args: moment: aware.
    """
    place = place_of(where)
    waiting: list[tuple[Run, int, Iterator[Run]]] = []
    ticket = count()
    for day in _days(schedule, place, moment.astimezone(place.zone).date() - 2 * _DAY):
        # what belongs to a day may lie some hours before it by the clock, never a day
        yield from _settle(waiting, ticket, _instant(_midnight(day - _DAY), place.zone))
        runs = _later(_runs_of(schedule, place, day, moment), moment)
        _push(waiting, ticket, runs)
    yield from _settle(waiting, ticket, None)


def next_run(schedule: ScheduleDefinition, where: Where, moment: dt.datetime) -> Run | None:
    """Return the first run later than a moment; None if there is none for a year."""
    return next(runs_after(schedule, where, moment), None)


def runs_between(
    schedule: ScheduleDefinition,
    where: Where,
    after: dt.datetime,
    until: dt.datetime,
    *,
    most: int = 1_000,
) -> list[Run]:
    """Return the runs in (after, until], the first `most` of them; never a part of a moment's."""
    found: list[Run] = []
    for run in runs_after(schedule, where, after):
        if run.at > until or (len(found) >= most and run.at > found[-1].at):
            break
        found.append(run)
    return found


def left_out(schedule: ScheduleDefinition, where: Where, day: dt.date) -> str:
    """Return why a day has no run although its weekday has: "except", "no_sun", or "".

    A public holiday is told as "holiday", and a day that is none, where only those count, as
    "workday".
    """
    if not _is_of_week(schedule, day):
        return ""
    if why := _exception(schedule, day):
        return why
    if isinstance(schedule.when, Sun) and not _sun(schedule.when, place_of(where), day):
        return "no_sun"
    return ""


def _days(schedule: ScheduleDefinition, place: Place, first: dt.date) -> Iterator[dt.date]:
    """Yield the days with runs, from one on, until there are none for long."""
    if schedule.first is not None:
        first = max(first, schedule.first)
    if isinstance(schedule.when, Once):
        only = schedule.when.moment.date()
        if only >= first and _is_of_week(schedule, only) and not _exception(schedule, only):
            yield only
        return
    patience = _LOOK_AHEAD if isinstance(schedule.when, Cron) else _LOOK
    seen = first
    day: dt.date | None = _coming(schedule, first)
    while day is not None and day - seen < patience:
        if _is_of_week(schedule, day) and not left_out(schedule, place, day):
            seen = day
            yield day
        day = _coming(schedule, day + _DAY)


def _coming(schedule: ScheduleDefinition, day: dt.date) -> dt.date | None:
    """Return the first day, not before another, that is worth a look."""
    if schedule.last is not None and day > schedule.last:
        return None
    return next_day(schedule.when.line, day) if isinstance(schedule.when, Cron) else day


def _settle(
    waiting: list[tuple[Run, int, Iterator[Run]]], ticket: Iterator[int], until: dt.datetime | None
) -> Iterator[Run]:
    """Yield what waits and is before a moment, or all of it, in order."""
    while waiting and (until is None or waiting[0][0].at < until):
        run, _number, more = heapq.heappop(waiting)
        _push(waiting, ticket, more)
        yield run


def _push(
    waiting: list[tuple[Run, int, Iterator[Run]]], ticket: Iterator[int], runs: Iterator[Run]
) -> None:
    run = next(runs, None)
    if run is not None:
        heapq.heappush(waiting, (run, next(ticket), runs))


def _later(runs: Iterator[Run], moment: dt.datetime) -> Iterator[Run]:
    return (run for run in runs if run.at > moment)


def _runs_of(
    schedule: ScheduleDefinition, place: Place, day: dt.date, moment: dt.datetime
) -> Iterator[Run]:
    """Yield the runs that belong to a local day, in order; they may lie in the next one.

    Of many, those long before `moment` may be left out.
    """
    zone = place.zone
    match schedule.when:
        case Times(at=at):
            yield from sorted(_at(day, clock, zone) for clock in at)
        case Every() as every:
            yield from _every(every, day, zone, moment)
        case Window(start=start, end=end):
            begin, over = _at(day, start, zone), _at(_ending(day, start, end), end, zone)
            yield begin._replace(edge=Edge.START)
            yield over._replace(edge=Edge.END)
        case Once() as once:
            if once.moment.date() == day:
                yield Run(_instant(once.moment, zone), once.at)
        case Cron(line=line):
            yield from _cron(line, day, zone, moment)
        case Sun() as sun:
            yield from _sun(sun, place, day)


def _is_of_week(schedule: ScheduleDefinition, day: dt.date) -> bool:
    if schedule.days and day.isoweekday() not in schedule.days:
        return False
    if schedule.first is not None and day < schedule.first:
        return False
    return schedule.last is None or day <= schedule.last


def _exception(schedule: ScheduleDefinition, day: dt.date) -> str:
    if day in schedule.except_:
        return "except"
    if schedule.holidays == "ignore":
        return ""
    is_holiday = bool(holiday_on(schedule.country, schedule.subdivision, day))
    if is_holiday == (schedule.holidays == "only"):
        return ""
    return "holiday" if is_holiday else "workday"


def _every(every: Every, day: dt.date, zone: ZoneInfo, moment: dt.datetime) -> Iterator[Run]:
    end = _instant(_local(_ending(day, every.start, every.end), every.end), zone)
    at, step = _instant(_local(day, every.start), zone), dt.timedelta(seconds=every.seconds)
    at += max((moment - at) // step, 0) * step
    while at < end:
        yield Run(at, f"{at:%Y-%m-%dT%H:%M:%SZ}")
        at += step


def _cron(line: str, day: dt.date, zone: ZoneInfo, moment: dt.datetime) -> Iterator[Run]:
    """Yield the runs of a cron line; two local times that the clock jumps over are one run."""
    length = _instant(_midnight(day + _DAY), zone) - _instant(_midnight(day), zone)
    if length == _DAY:  # each local time is there once, and in order
        after = moment.astimezone(zone).replace(tzinfo=None)
        for local in local_times(line, day, after):
            yield Run(_instant(local, zone), f"{local:%Y-%m-%dT%H:%M}")
        return
    found = {run.at: run for run in _cron_runs(line, day, zone)}
    yield from sorted(found.values())


def _cron_runs(line: str, day: dt.date, zone: ZoneInfo) -> Iterator[Run]:
    is_rhythm = is_of_every_hour(line)
    for local in local_times(line, day):
        first, second = (_read(local, zone, fold) for fold in (0, 1))
        is_even = is_rhythm and first != second and (second - first).seconds % _HOUR == 0
        if not is_even:
            yield Run(_instant(local, zone), f"{local:%Y-%m-%dT%H:%M}")
        elif second > first:  # autumn shows it twice; what spring leaves out does not exist
            yield Run(first, f"{local:%Y-%m-%dT%H:%M}")
            yield Run(second, f"{local:%Y-%m-%dT%H:%M}+")


def _sun(sun: Sun, place: Place, day: dt.date) -> list[Run]:
    at = sun_at(sun.event, place, day)
    if at is None:
        return []
    return [Run(at + dt.timedelta(minutes=sun.offset), f"{day:%Y-%m-%d}")]


def _ending(day: dt.date, start: str, end: str) -> dt.date:
    return day if end > start else day + _DAY


def _at(day: dt.date, clock: str, zone: ZoneInfo) -> Run:
    local = _local(day, clock)
    return Run(_instant(local, zone), f"{local:%Y-%m-%dT%H:%M}")


def _local(day: dt.date, clock: str) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.fromisoformat(clock))


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time())


def _read(local: dt.datetime, zone: ZoneInfo, fold: int) -> dt.datetime:
    return local.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC)


def _instant(local: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """Return when the clock on the wall first shows a time, or jumps over it, in UTC."""
    early = _read(local, zone, 0)
    if early.astimezone(zone).replace(tzinfo=None) == local:
        return early
    # in a gap: fold 0 reads it by the offset before the jump, so it lies behind the jump
    return _jump(_read(local, zone, 1), early, zone)


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
