"""A week of a site's schedules as a calendar: seven days of 24 hours by the clock on the wall."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from automation.models import Schedule
from automation.schedules.definition import BadSchedule, ScheduleDefinition, Window, read_schedule
from automation.schedules.holiday import holiday_on
from automation.schedules.occurrences import Edge, Run, left_out, runs_between
from automation.schedules.place import Place

DAY_MINUTES = 1_440
MARK_MINUTES = 14  # how high a run is drawn
MANY = 16  # more runs of a day than that are drawn as one block
MOST = 12_000
COLOURS = 8
_DAY = dt.timedelta(days=1)


class Span(NamedTuple):
    """Something of a schedule on a day, in minutes by the clock on the wall."""

    start: int
    end: int
    text: str
    is_window: bool
    is_many: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A span as it is drawn: places across in percent, `y` and `height` in minutes."""

    x: str
    width: str
    y: int
    height: int
    colour: int
    text: str
    is_window: bool
    is_many: bool
    is_off: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """What a schedule does on a day, as text."""

    schedule: Schedule
    colour: int
    text: str


@dataclass(frozen=True, slots=True)
class Day:
    """A column. notes: holidays, days left out, and that the day is longer or shorter."""

    date: dt.date
    is_today: bool
    notes: Sequence[str]
    bars: Sequence[Bar]
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Week:
    """Seven days; legend: schedules with their colours. now: minutes of today."""

    days: Sequence[Day]
    legend: Sequence[tuple[Schedule, int]]
    previous: dt.date
    following: dt.date
    now: int


def make_week(
    schedules: Iterable[Schedule], place: Place, monday: dt.date, now: dt.datetime
) -> Week:
    """Return the week that begins on a day; schedules that cannot be read are left out."""
    read = _readable(schedules)
    here = now.astimezone(place.zone)
    days = [monday + n * _DAY for n in range(7)]
    found = [
        (schedule, definition, number % COLOURS, _spans(definition, place, days))
        for number, (schedule, definition) in enumerate(read)
    ]
    return Week(
        [
            Day(
                day, day == here.date(), _notes([one[1] for one in found], place, day),
                _bars([(one[0], one[2], one[3][day]) for one in found]),
                [
                    Entry(one[0], one[2], _texts(one[3][day])) for one in found if one[3][day]
                ],
            )
            for day in days
        ],
        [(one[0], one[2]) for one in found], monday - 7 * _DAY, monday + 7 * _DAY,
        here.hour * 60 + here.minute,
    )  # fmt: skip


def _readable(schedules: Iterable[Schedule]) -> list[tuple[Schedule, ScheduleDefinition]]:
    found = []
    for schedule in schedules:
        try:
            found.append((schedule, read_schedule(schedule.definition)))
        except BadSchedule:
            continue
    return found


def _spans(
    definition: ScheduleDefinition, place: Place, days: Sequence[dt.date]
) -> dict[dt.date, list[Span]]:
    zone = place.zone
    begin = dt.datetime.combine(days[0], dt.time(), zone)
    end = dt.datetime.combine(days[-1] + _DAY, dt.time(), zone)
    tick = dt.timedelta(seconds=1)
    spans: dict[dt.date, list[Span]] = {day: [] for day in days}
    if isinstance(definition.when, Window):  # one may reach into the week, and one out of it
        runs = runs_between(definition, place, begin - 2 * _DAY, end + 2 * _DAY, most=MOST)
        _add_windows(spans, runs, place)
        return spans
    runs = runs_between(definition, place, begin - tick, end - tick, most=MOST)
    for run in runs:
        at = run.at.astimezone(zone)
        minute = at.hour * 60 + at.minute
        spans[at.date()].append(Span(minute, minute + MARK_MINUTES, f"{at:%H:%M}", False))
    return {day: _thinned(found) for day, found in spans.items()}


def _add_windows(spans: dict[dt.date, list[Span]], runs: Sequence[Run], place: Place) -> None:
    start: dt.datetime | None = None
    for run in runs:
        if run.edge == Edge.START:
            start = run.at.astimezone(place.zone)
        elif start is not None:
            _add_window(spans, start, run.at.astimezone(place.zone))
            start = None


def _add_window(spans: dict[dt.date, list[Span]], start: dt.datetime, end: dt.datetime) -> None:
    text, day = f"{start:%H:%M}–{end:%H:%M}", start.date()
    while day <= end.date():
        first = start.hour * 60 + start.minute if day == start.date() else 0
        last = end.hour * 60 + end.minute if day == end.date() else DAY_MINUTES
        if day in spans and last > first:
            spans[day].append(Span(first, last, text, True))
        day += _DAY


def _thinned(found: list[Span]) -> list[Span]:
    if len(found) <= MANY:
        return found
    text = ngettext("%(number)d run", "%(number)d runs", len(found)) % {"number": len(found)}
    text = f"{found[0].text}–{found[-1].text}: {text}"
    return [Span(found[0].start, min(found[-1].end, DAY_MINUTES), text, True, True)]


def _bars(found: Iterable[tuple[Schedule, int, list[Span]]]) -> list[Bar]:
    """Return bars side by side: each schedule of the day has a lane."""
    lanes = [one for one in found if one[2]]
    width = 100 / len(lanes) if lanes else 100
    return [
        Bar(
            f"{lane * width + 1:.1f}%", f"{max(width - 2, 1):.1f}%", span.start,
            min(span.end, DAY_MINUTES) - span.start, colour,
            f"{schedule.name}: {span.text}", span.is_window, span.is_many, not schedule.is_enabled,
        )
        for lane, (schedule, colour, spans) in enumerate(lanes)
        for span in spans
    ]  # fmt: skip


def _texts(spans: Iterable[Span]) -> str:
    return ", ".join(span.text for span in spans)


def _notes(definitions: Sequence[ScheduleDefinition], place: Place, day: dt.date) -> list[str]:
    language = (get_language() or "").split("-")[0]
    names = (
        holiday_on(one.country, one.subdivision, day, language)
        for one in definitions
        if one.holidays != "ignore"
    )
    notes = dict.fromkeys(name for name in names if name)
    why = {left_out(one, place, day) for one in definitions}
    if "except" in why:
        notes[_("left out")] = None
    if "no_sun" in why:
        notes[_("the sun does not rise or set")] = None
    seconds = (_midnight(day + _DAY, place) - _midnight(day, place)).total_seconds()
    if seconds != DAY_MINUTES * 60:
        hours = f"{seconds / 3600:g}"
        notes[_("clocks change: %(hours)s hours") % {"hours": hours}] = None
    return list(notes)


def _midnight(day: dt.date, place: Place) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), place.zone).astimezone(dt.UTC)
