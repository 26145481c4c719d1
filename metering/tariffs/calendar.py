"""Local days of quarter hours, their types, and which slots of a day a quarter lies in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from metering.series import QUARTER_SECONDS, Ints
from metering.tariffs.components import Calendar, DayType, Period, Slot, quarter_of_day
from telemetry.timespec import local_midnight

QUARTERS_OF_DAY = 96
_DAY = dt.timedelta(days=1)
_ISO_SATURDAY = 6

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Days:
    """Local days without a gap.

    edges: the first quarter of each day and of the day after the last. A quarter belongs to
    the local day and time at which it begins.
    """

    first: dt.date
    edges: Ints
    zone: ZoneInfo

    def __len__(self) -> int:
        return len(self.edges) - 1

    def day(self, index: int) -> dt.date:
        """Return the day at a position."""
        return self.first + dt.timedelta(days=index)

    def position(self, day: dt.date) -> int:
        """Return where a day stands; outside of the days negative or too large."""
        return (day - self.first).days

    def locate(self, numbers: Ints) -> Ints:
        """Return the position of the day of each quarter, all of which lie in these days."""
        return np.searchsorted(self.edges, numbers, side="right").astype(np.int64) - 1

    def clock(self, numbers: Ints, days: Ints) -> Ints:
        """Return the local quarter of the day, 0 to 95, of each quarter."""
        clock = numbers - self.edges[days]
        for day in np.flatnonzero(np.diff(self.edges) != QUARTERS_OF_DAY):
            low, high = np.searchsorted(days, [day, day + 1])
            if low < high:
                clock[low:high] = _odd_clock(self.zone, self.day(int(day)))[clock[low:high]]
        return clock


def local_days(start: dt.date, end: dt.date, zone: ZoneInfo) -> Days:
    """Return the days of [start, end)."""
    parts = [_year_edges(zone, year) for year in range(start.year, end.year + 1)]
    offset = (start - dt.date(start.year, 1, 1)).days
    edges = np.concatenate(parts)[offset : offset + max((end - start).days, 0) + 1]
    return Days(start, edges, zone)


@lru_cache(maxsize=256)
def _year_edges(zone: ZoneInfo, year: int) -> Ints:
    """Return the first quarter of each local day of the year."""
    count = (dt.date(year + 1, 1, 1) - dt.date(year, 1, 1)).days
    days = (dt.date(year, 1, 1) + dt.timedelta(days=number) for number in range(count))
    seconds = [int(local_midnight(day, zone).timestamp()) for day in days]
    edges = -(-np.array(seconds, dtype=np.int64) // QUARTER_SECONDS)
    edges.setflags(write=False)
    return edges


@lru_cache(maxsize=2048)
def _odd_clock(zone: ZoneInfo, day: dt.date) -> Ints:
    """Return the local quarter of each quarter of a day on which the clock is changed."""
    first, after = local_days(day, day + _DAY, zone).edges
    moments = (
        dt.datetime.fromtimestamp(int(number) * QUARTER_SECONDS, tz=zone)
        for number in range(first, after)
    )
    return np.array([at.hour * 4 + at.minute // 15 for at in moments], dtype=np.int64)


def period_of(day: dt.date, per: Period) -> tuple[dt.date, dt.date]:
    """Return [start, end) of the local day, month or year a day lies in."""
    if per == "day":
        return day, day + _DAY
    if per == "year":
        return dt.date(day.year, 1, 1), dt.date(day.year + 1, 1, 1)
    first = day.replace(day=1)
    return first, (first + dt.timedelta(days=32)).replace(day=1)


def periods_between(start: dt.date, end: dt.date, per: Period) -> Iterator[tuple[dt.date, dt.date]]:
    """Yield all periods that touch [start, end)."""
    day = start
    while day < end:
        period = period_of(day, per)
        yield period
        day = period[1]


def easter(year: int, church: str = "western") -> dt.date:
    """Return Easter Sunday, in the Gregorian calendar."""
    if church == "orthodox":
        return _orthodox_easter(year)
    century, rest = divmod(year, 100)
    leap, odd = divmod(century, 4)
    shift = (century - (century + 8) // 25 + 1) // 3
    moon = (19 * (year % 19) + century - leap - shift + 15) % 30
    week = (32 + 2 * odd + 2 * (rest // 4) - moon - rest % 4) % 7
    late = (year % 19 + 11 * moon + 22 * week) // 451
    month, day = divmod(moon + week - 7 * late + 114, 31)
    return dt.date(year, month, day + 1)


def _orthodox_easter(year: int) -> dt.date:
    moon = (19 * (year % 19) + 15) % 30
    week = (2 * (year % 4) + 4 * (year % 7) - moon + 34) % 7
    month, day = divmod(moon + week + 114, 31)
    julian_is_behind = year // 100 - year // 400 - 2
    return dt.date(year, month, day + 1) + dt.timedelta(days=julian_is_behind)


@lru_cache(maxsize=4096)
def day_types(calendar: Calendar, day: dt.date) -> frozenset[str]:
    """Return weekday, saturday, sunday or holiday, and all named types of the day."""
    if _is_named(calendar.holidays, calendar.yearly, calendar.easter, day, calendar.church):
        own = "holiday"
    elif day.isoweekday() < _ISO_SATURDAY:
        own = "weekday"
    else:
        own = "saturday" if day.isoweekday() == _ISO_SATURDAY else "sunday"
    named = (kind.name for kind in calendar.day_types if _is_of(kind, day, calendar.church))
    return frozenset((own, *named))


def _is_of(kind: DayType, day: dt.date, church: str) -> bool:
    return day.isoweekday() in kind.weekdays or _is_named(
        kind.dates, kind.yearly, kind.easter, day, church
    )


def _is_named(
    dates: Sequence[dt.date],
    yearly: Sequence[str],
    offsets: Sequence[int],
    day: dt.date,
    church: str,
) -> bool:
    if day in dates or f"{day:%m-%d}" in yearly:
        return True
    return bool(offsets) and (day - easter(day.year, church)).days in offsets


def match_slots(
    slots: Sequence[Slot], *, calendar: Calendar, days: Days, numbers: Ints, located: Ints
) -> Ints:
    """Return for each quarter the position of the first slot it lies in; -1 without one."""
    kinds = [
        (day.month, day_types(calendar, day))
        for day in (days.day(index) for index in range(len(days)))
    ]
    of_kind = {kind: _match_day(tuple(slots), *kind) for kind in set(kinds)}
    rows = np.stack([of_kind[kind] for kind in kinds])
    return rows[located, days.clock(numbers, located)].astype(np.int64)


@lru_cache(maxsize=1024)
def _match_day(slots: tuple[Slot, ...], month: int, types: frozenset[str]) -> NDArray[np.int16]:
    """Return the same for each of the 96 quarters of such a day."""
    row = np.full(QUARTERS_OF_DAY, -1, dtype=np.int16)
    for number, slot in reversed(list(enumerate(slots))):
        if (slot.months and month not in slot.months) or (
            slot.day_types and types.isdisjoint(slot.day_types)
        ):
            continue
        row[_clock_mask(slot)] = number
    row.setflags(write=False)
    return row


def _clock_mask(slot: Slot) -> Mask:
    start, end = quarter_of_day(slot.start), quarter_of_day(slot.end)
    clock = np.arange(QUARTERS_OF_DAY)
    if start < end:
        return (clock >= start) & (clock < end)
    return (clock >= start) | (clock < end)
