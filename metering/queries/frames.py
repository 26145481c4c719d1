"""A day, week, month or year of a site's calendar, and the buckets it is shown in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np

from metering.analysis.compare import Period
from metering.analysis.local import day_number, first_quarter, to_moment
from metering.series import QUARTER_SECONDS, Ints
from telemetry.timespec import INTERVALS, bucket_edges

EARLIEST, LATEST = dt.date(1971, 1, 1), dt.date(2199, 1, 1)
_MOST_BUCKETS = 1000


class Unit(StrEnum):
    """How long a period is."""

    DAY = "day"
    WEEK = "week"  # from Monday
    MONTH = "month"
    YEAR = "year"


class Step(StrEnum):
    """How wide a bucket is."""

    QUARTER = "15m"
    HOUR = "1h"
    DAY = "1d"
    MONTH = "1mo"


STEPS: dict[Unit, tuple[Step, ...]] = {
    Unit.DAY: (Step.HOUR, Step.QUARTER),
    Unit.WEEK: (Step.DAY, Step.HOUR),
    Unit.MONTH: (Step.DAY,),
    Unit.YEAR: (Step.MONTH,),
}


class UnknownPeriod(ValueError):
    """The text names no day, week, month or year, or none that can be shown."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A period with the edges of its buckets.

    `quarters`: numbers since 1970 UTC. `days`: since 1970-01-01, for buckets of whole days.
    """

    unit: Unit
    step: Step
    period: Period
    zone: ZoneInfo
    quarters: Ints
    days: Ints | None

    def __len__(self) -> int:
        return len(self.quarters) - 1

    @property
    def by_day(self) -> bool:
        """Tell whether sums of days are enough for it."""
        return self.unit in (Unit.MONTH, Unit.YEAR)

    @property
    def edges(self) -> Ints:
        """Return the edges in the grain that is read: days or quarters."""
        return self.days if self.by_day and self.days is not None else self.quarters

    @property
    def widths(self) -> Ints:
        """Return how many quarters each bucket has."""
        return np.diff(self.quarters)

    def starts(self) -> list[dt.datetime]:
        """Return when each bucket begins, on the clock of the site."""
        return [to_moment(number).astimezone(self.zone) for number in self.quarters[:-1]]

    def over(self, now: dt.datetime) -> Ints:
        """Return how many quarters of each bucket are over."""
        reached = int(now.timestamp() // QUARTER_SECONDS)
        return np.clip(reached - self.quarters[:-1], 0, self.widths)


def make_frame(unit: Unit, day: dt.date, *, zone: ZoneInfo, step: Step | None = None) -> Frame:
    """Return the period in which a day lies.

    Raises: UnknownPeriod: the step is not offered for it, or it lies outside 1971 to 2198.
    """
    if not EARLIEST <= day < LATEST:
        raise UnknownPeriod(f"{day} lies outside {EARLIEST} to {LATEST}.")
    step = step or STEPS[unit][0]
    if step not in STEPS[unit]:
        offered = ", ".join(STEPS[unit])
        raise UnknownPeriod(f"A {unit} is not shown in steps of {step}; offered are {offered}.")
    return frame_of(unit, step, period_of(unit, day), zone)


def frame_of(unit: Unit, step: Step, period: Period, zone: ZoneInfo) -> Frame:
    """Return a period in buckets of this width."""
    days = None
    if step in (Step.DAY, Step.MONTH):
        dates = _dates(period, _next_day if step is Step.DAY else next_month)
        days = np.array([day_number(date) for date in dates], dtype=np.int64)
        quarters = [first_quarter(date, zone) for date in dates]
    else:
        quarters = _clock_quarters(period, step, zone)
    return Frame(unit, step, period, zone, np.array(quarters, dtype=np.int64), days)


def _clock_quarters(period: Period, step: Step, zone: ZoneInfo) -> list[int]:
    first, last = first_quarter(period.start, zone), first_quarter(period.end, zone)
    if step is Step.QUARTER:
        return list(range(first, last + 1))
    edges = bucket_edges(
        to_moment(first), to_moment(last), interval=INTERVALS[step], zone=zone,
        limit=_MOST_BUCKETS,
    )  # fmt: skip
    inside = {int(edge.timestamp()) // QUARTER_SECONDS for edge in edges}
    return sorted({first, last} | {number for number in inside if first < number < last})


def _dates(period: Period, following: Callable[[dt.date], dt.date]) -> list[dt.date]:
    dates = [period.start]
    while dates[-1] < period.end:
        dates.append(min(following(dates[-1]), period.end))
    return dates


def period_of(unit: Unit, day: dt.date) -> Period:
    """Return the day, week from Monday, month or year in which a day lies."""
    if unit is Unit.DAY:
        return Period(day, _next_day(day))
    if unit is Unit.WEEK:
        monday = day - dt.timedelta(days=day.weekday())
        return Period(monday, monday + dt.timedelta(days=7))
    if unit is Unit.MONTH:
        return Period(day.replace(day=1), next_month(day))
    return Period(dt.date(day.year, 1, 1), dt.date(day.year + 1, 1, 1))


def read_day(text: str, *, today: dt.date) -> dt.date:
    """Read 2026, 2026-11 or 2026-11-20; blank is today.

    Raises: UnknownPeriod.
    """
    if not text:
        return today
    parts = text.split("-")
    try:
        if len(parts) > 3 or not all(part.isascii() and part.isdigit() for part in parts):
            raise ValueError
        year, month, day = (*(int(part) for part in parts), 1, 1)[:3]
        return dt.date(year, month, day)
    except ValueError:
        raise UnknownPeriod(f"{text!r} is no date: give 2026, 2026-11 or 2026-11-20.") from None


def write_day(unit: Unit, day: dt.date) -> str:
    """Return how a period is named in addresses: 2026, 2026-11 or 2026-11-20."""
    lengths = {Unit.YEAR: 4, Unit.MONTH: 7}
    return day.isoformat()[: lengths.get(unit, 10)]


def next_month(day: dt.date) -> dt.date:
    """Return the first day of the following month."""
    return (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1)


def _next_day(day: dt.date) -> dt.date:
    return day + dt.timedelta(days=1)
