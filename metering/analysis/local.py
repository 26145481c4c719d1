"""Quarter hours on the wall clock of a time zone: local days and what each adds up to."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from metering.series import QUARTER_SECONDS, Grade, Ints, Series
from telemetry.timespec import local_midnight

QUARTERS_A_DAY = 96
_MINUTES = QUARTER_SECONDS // 60
_FIRST_DAY = dt.date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Days:
    """What was counted on each local day; a day of which nothing is known has no entry.

    `numbers`: days since 1970-01-01, ascending. `amounts`: millionths. `known`: how many of
    the `expected` quarters (92 to 100) are there. `estimated`: how many of them are guesses.
    """

    numbers: Ints
    amounts: Ints
    known: Ints
    expected: Ints
    estimated: Ints

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def whole(self) -> NDArray[np.bool_]:
        """Tell of each day whether all its quarters are known."""
        whole: NDArray[np.bool_] = self.known == self.expected
        return whole

    def take(self, which: Any) -> Days:
        """Return the days of a mask, a slice or indexes."""
        return Days(
            self.numbers[which],
            self.amounts[which],
            self.known[which],
            self.expected[which],
            self.estimated[which],
        )

    def between(self, start: dt.date, end: dt.date) -> Days:
        """Return the days of [start, end)."""
        first, last = np.searchsorted(self.numbers, [day_number(start), day_number(end)])
        return self.take(slice(first, last))


def day_number(day: dt.date) -> int:
    """Return the days since 1970-01-01."""
    return (day - _FIRST_DAY).days


def to_date(number: int) -> dt.date:
    """Return the date of a number of days since 1970-01-01."""
    return _FIRST_DAY + dt.timedelta(days=int(number))


def to_moment(quarter: int) -> dt.datetime:
    """Return when a quarter begins, in UTC."""
    return dt.datetime.fromtimestamp(int(quarter) * QUARTER_SECONDS, dt.UTC)


def quarter_at(moment: dt.datetime) -> int:
    """Return the quarter in which a moment lies."""
    return int(moment.timestamp() // QUARTER_SECONDS)


@lru_cache(maxsize=20_000)
def first_quarter(day: dt.date, zone: ZoneInfo) -> int:
    """Return the first quarter that begins on the local day."""
    return -int(-local_midnight(day, zone).timestamp() // QUARTER_SECONDS)


def count_quarters(start: dt.date, end: dt.date, *, zone: ZoneInfo) -> int:
    """Return how many quarters the local days [start, end) have."""
    return first_quarter(end, zone) - first_quarter(start, zone)


def find_offsets(numbers: Ints, zone: ZoneInfo) -> Ints:
    """Return how many minutes the wall clock is ahead of UTC at each quarter, ascending."""
    if not len(numbers):
        return np.empty(0, dtype=np.int64)
    starts, offsets = _offset_changes(int(numbers[0]), int(numbers[-1]), zone)
    return offsets[np.searchsorted(starts, numbers, side="right") - 1]


def _offset_changes(first: int, last: int, zone: ZoneInfo) -> tuple[Ints, Ints]:
    """Return the quarters from which an offset holds, and the offsets; looks once a day."""
    starts, offsets = [first], [_offset(first, zone)]
    low = first
    while low < last:
        high = min(low + QUARTERS_A_DAY, last)
        if (after := _offset(high, zone)) != offsets[-1]:
            starts.append(_find_change(low, high, zone))
            offsets.append(after)
        low = high
    return np.array(starts, dtype=np.int64), np.array(offsets, dtype=np.int64)


def _find_change(low: int, high: int, zone: ZoneInfo) -> int:
    before = _offset(low, zone)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(middle, zone) == before else (low, middle)
    return high


def _offset(quarter: int, zone: ZoneInfo) -> int:
    offset = dt.datetime.fromtimestamp(quarter * QUARTER_SECONDS, zone).utcoffset()
    return int((offset or dt.timedelta()).total_seconds() // 60)


def local_days(numbers: Ints, zone: ZoneInfo) -> Ints:
    """Return the local day of each quarter as days since 1970-01-01.

    A clock set back across midnight does not bring the old day back.
    """
    days = (numbers * _MINUTES + find_offsets(numbers, zone)) // 1440
    return np.maximum.accumulate(days) if len(days) else days


def group_starts(keys: Ints) -> NDArray[np.intp]:
    """Return at which index each run of equal keys begins."""
    if not len(keys):
        return np.empty(0, dtype=np.intp)
    return np.concatenate([[0], np.flatnonzero(np.diff(keys)) + 1])


def sum_days(series: Series, *, zone: ZoneInfo) -> Days:
    """Add a series up by local day."""
    if not len(series):
        none = np.empty(0, dtype=np.int64)
        return Days(none, none, none, none, none)
    keys = local_days(series.numbers, zone)
    starts = group_starts(keys)
    estimated = (series.grades == Grade.ESTIMATED).astype(np.int64)
    return Days(
        numbers=keys[starts],
        amounts=np.add.reduceat(series.amounts, starts),
        known=np.diff(np.append(starts, len(keys))).astype(np.int64),
        expected=_expected(keys[starts], zone),
        estimated=np.add.reduceat(estimated, starts),
    )


def _expected(numbers: Ints, zone: ZoneInfo) -> Ints:
    day = dt.timedelta(days=1)
    dates = [to_date(number) for number in numbers]
    return np.array([count_quarters(date, date + day, zone=zone) for date in dates], dtype=np.int64)
