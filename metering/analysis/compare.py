"""A period against another one: which, up to when, and what changed."""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np

from metering.analysis.local import first_quarter, quarter_at
from metering.series import Grade, Series, to_decimal

LIKE_SHARE = 0.95
_WEEKS_OF_A_YEAR = dt.timedelta(days=364)


class Against(StrEnum):
    """The period one is compared with."""

    PREVIOUS = "previous_period"  # the month before a month, else as many days before
    LAST_YEAR = "previous_year"  # the same dates
    SAME_WEEKDAY = "same_weekday"  # 52 weeks before


@dataclass(frozen=True, slots=True)
class Period:
    """The local days [start, end)."""

    start: dt.date
    end: dt.date

    @property
    def days(self) -> int:
        """Return the number of days."""
        return (self.end - self.start).days


@dataclass(frozen=True, slots=True)
class Span:
    """The quarters [first, last) since 1970 UTC."""

    first: int
    last: int

    def cut(self, series: Series) -> Series:
        """Return the part of a series that lies inside."""
        first, last = np.searchsorted(series.numbers, [self.first, self.last])
        return series.take(slice(int(first), int(last)))


@dataclass(frozen=True, slots=True)
class Pair:
    """What is compared with what, both up to the same moment of the wall clock.

    `running`: the current period is not over, and both end early. `shorter`: the other
    period ends before that moment (February against the 30th of March).
    """

    current_period: Period
    base_period: Period
    current: Span
    base: Span
    running: bool
    shorter: bool


@dataclass(frozen=True, slots=True)
class Side:
    """One of two periods: its energy, and how well it is known (shares of its quarters)."""

    kwh: Decimal
    known_share: float
    estimated_share: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two periods, and whether as much is known of one as of the other."""

    current: Side
    base: Side
    shorter: bool

    @property
    def change_kwh(self) -> Decimal:
        """Return what the current period has more."""
        return self.current.kwh - self.base.kwh

    @property
    def is_like(self) -> bool:
        """Tell whether like is compared with like: both known nearly whole, and as long."""
        known = min(self.current.known_share, self.base.known_share)
        return known >= LIKE_SHARE and not self.shorter

    @property
    def percent(self) -> Decimal | None:
        """Return the change in % of the size of the base; None where that is 0 or unknown."""
        if not self.base.kwh or not self.current.known_share:
            return None
        return self.change_kwh / abs(self.base.kwh) * 100


def find_base(period: Period, against: Against) -> Period:
    """Return the period to compare with.

    Whole months go with whole months, whole years with whole years; the 29th of February
    goes with the 28th.
    """
    if against is Against.SAME_WEEKDAY:
        return Period(period.start - _WEEKS_OF_A_YEAR, period.end - _WEEKS_OF_A_YEAR)
    months = _whole_months(period)
    if against is Against.PREVIOUS and not months:
        return Period(period.start - dt.timedelta(days=period.days), period.start)
    shift = months if against is Against.PREVIOUS else 12
    last = _go_back(period.end - dt.timedelta(days=1), shift)
    if months:
        last = last.replace(day=monthrange(last.year, last.month)[1])
    return Period(_go_back(period.start, shift), last + dt.timedelta(days=1))


def _whole_months(period: Period) -> int:
    """Return how many calendar months the period is; 0 if it is not made of them."""
    if period.start.day != 1 or period.end.day != 1:
        return 0
    return (period.end.year - period.start.year) * 12 + period.end.month - period.start.month


def _go_back(day: dt.date, months: int) -> dt.date:
    """Return the same day so many months before, or the last one of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return dt.date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def pair_periods(period: Period, against: Against, *, zone: ZoneInfo, now: dt.datetime) -> Pair:
    """Return both periods; of one that is running only the quarters that are over.

    The other period is then taken up to the same day and wall clock time, so that a day of
    23 or 25 hours does not shift the rest.

    Args: now: or the moment up to which the current period is known, if that is earlier.
    """
    base = find_base(period, against)
    current_span, base_span = _span(period, zone), _span(base, zone)
    over = quarter_at(now)
    if over >= current_span.last:
        return Pair(period, base, current_span, base_span, running=False, shorter=False)
    cut = max(over, current_span.first)
    same = _same_moment(cut, period, base, zone)
    return Pair(
        period,
        base,
        Span(current_span.first, cut),
        Span(base_span.first, min(same, base_span.last)),
        running=True,
        shorter=same > base_span.last,
    )


def _span(period: Period, zone: ZoneInfo) -> Span:
    return Span(first_quarter(period.start, zone), first_quarter(period.end, zone))


def _same_moment(quarter: int, period: Period, base: Period, zone: ZoneInfo) -> int:
    """Return the quarter of the base at the same day of the period and wall clock time."""
    local = dt.datetime.fromtimestamp(quarter * 900, zone)
    day = base.start + (local.date() - period.start)
    there = dt.datetime.combine(day, local.time(), tzinfo=zone)
    return quarter_at(there.replace(fold=local.fold))


def compare_series(series: Series, pair: Pair, *, base: Series | None = None) -> Comparison:
    """Compare the energy of two periods; `base` where another series holds the other one."""
    return Comparison(
        current=_side(series, pair.current),
        base=_side(series if base is None else base, pair.base),
        shorter=pair.shorter,
    )


def _side(series: Series, span: Span) -> Side:
    part = span.cut(series)
    asked = max(span.last - span.first, 1)
    return Side(
        kwh=to_decimal(int(part.amounts.sum())),
        known_share=len(part) / asked,
        estimated_share=int(np.count_nonzero(part.grades == Grade.ESTIMATED)) / asked,
    )
