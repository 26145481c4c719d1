"""What a running month or year will come to, and how that compares with a plan.

A day that is not over yet, or of which quarters are missing, counts with what is known of
it and the missing part of what such a day takes. What a day takes is known from last year:
the same weekday 52 weeks before, scaled by how the last eight weeks compare with the same
ones of then; without a year of history it is the mean of the same weekday in the last eight
weeks. These know nothing of the seasons, so for more than eight weeks ahead there is a
total but no band.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from metering.analysis.local import Days, day_number
from metering.analysis.use import Floats
from metering.series import MICRO, Ints, to_decimal

RECENT_DAYS = 56
YEAR_SHIFT = 364
# of the days a shape of last year is needed for, and of the recent ones it is scaled by
LEAST_SHARE = 0.9
LEAST_DAYS = 7
_WEEK = 7


class Method(StrEnum):
    """Where the days to come are taken from."""

    LAST_YEAR = "last_year"
    WEEKDAYS = "weekdays"
    OVER = "over"  # nothing is left to forecast
    NONE = "none"  # too little history


@dataclass(frozen=True, slots=True)
class Forecast:
    """Energy of a period, in kWh.

    `actual_kwh`: what is known of it. `filled_kwh`: guessed for gaps before the last known
    day; `rest_kwh`: for what lies after. `low_kwh`, `high_kwh`: the band of the total, None
    where it is not known. With `Method.NONE` the total is only what is known.
    """

    method: Method
    actual_kwh: Decimal
    filled_kwh: Decimal
    rest_kwh: Decimal
    low_kwh: Decimal | None
    high_kwh: Decimal | None

    @property
    def total_kwh(self) -> Decimal:
        """Return what the period comes to."""
        return self.actual_kwh + self.filled_kwh + self.rest_kwh


class BudgetVerdict(StrEnum):
    """How a month stands against its plan."""

    MET = "met"  # over, at or below the plan
    EXCEEDED = "exceeded"  # already above it
    ON_TRACK = "on_track"
    MAY_EXCEED = "may_exceed"  # the forecast is above the plan, the band is not
    WILL_EXCEED = "will_exceed"  # even the lower end of the band is above it
    UNKNOWN = "unknown"  # too little history for a band


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """A planned month or year, by its first day; `difference_kwh`: forecast − plan."""

    month: dt.date
    plan_kwh: Decimal
    forecast: Forecast
    verdict: BudgetVerdict

    @property
    def difference_kwh(self) -> Decimal:
        """Return what is used above the plan."""
        return self.forecast.total_kwh - self.plan_kwh


@dataclass(frozen=True, slots=True)
class _Guess:
    """What the days of a period take, with the errors the same guess made recently (kWh)."""

    method: Method
    amounts: Floats
    errors: Floats


def forecast_period(
    history: Days, *, start: dt.date, end: dt.date, today: dt.date, confidence: float = 0.9
) -> Forecast:
    """Forecast the local days [start, end).

    Args: history: all known days, today's with its quarters so far. today: later days are
    not looked at. confidence: two-sided, of the band.
    """
    known = history.take(history.numbers <= day_number(today))
    inside = known.between(start, end)
    numbers = np.arange(day_number(start), day_number(end), dtype=np.int64)
    open_share = _open_share(inside, numbers)
    actual = to_decimal(int(inside.amounts.sum()))
    if not open_share.any():
        return Forecast(Method.OVER, actual, Decimal(0), Decimal(0), actual, actual)
    guess = _guess(known, numbers[open_share > 0], today)
    if guess.method is Method.NONE:
        return Forecast(Method.NONE, actual, Decimal(0), Decimal(0), None, None)
    return _assemble(guess, actual, open_share, numbers, today, confidence)


def _open_share(inside: Days, numbers: Ints) -> Floats:
    """Return which share of each day is not known."""
    shares = np.ones(len(numbers))
    if len(inside):
        shares[inside.numbers - numbers[0]] = 1 - inside.known / inside.expected
    return shares


def _assemble(
    guess: _Guess, actual: Decimal, open_share: Floats, numbers: Ints, today: dt.date, level: float
) -> Forecast:
    shares = open_share[open_share > 0]
    past = numbers[open_share > 0] < day_number(today)
    filled = _to_kwh(float((guess.amounts * shares)[past].sum()))
    rest = _to_kwh(float((guess.amounts * shares)[~past].sum()))
    ahead = int(numbers[-1]) - day_number(today)
    if guess.method is Method.WEEKDAYS and ahead > RECENT_DAYS:
        return Forecast(guess.method, actual, filled, rest, None, None)
    total, band = actual + filled + rest, _to_kwh(_band(guess, float(shares.sum()), level))
    # what only grows does not fall below what it has reached
    floor = actual if (guess.amounts >= 0).all() else total - band
    return Forecast(guess.method, actual, filled, rest, max(total - band, floor), total + band)


def _band(guess: _Guess, days: float, confidence: float) -> float:
    """Return half the width for the sum of so many days.

    The level is only known from as many days as there are errors. It also wanders, which is
    why days resemble their neighbours: the rest may lie beside the mean as the weeks did.
    Weekdays know no seasons, and their mean is four weeks old: a level that has wandered so
    far in eight weeks is expected to be as much again away from it.
    """
    noise = float(guess.errors.var(ddof=1)) * (days + days**2 / len(guess.errors))
    lag = 2 if guess.method is Method.WEEKDAYS else 1
    variance = noise + lag * _wandering(guess.errors) * days**2
    return NormalDist().inv_cdf((1 + confidence) / 2) * float(np.sqrt(variance))


def _wandering(errors: Floats) -> float:
    """Return the variance between weeks that the scatter within weeks does not explain."""
    weeks = len(errors) // _WEEK
    if weeks < 2:
        return 0.0
    rows = errors[-weeks * _WEEK :].reshape(weeks, _WEEK)
    scatter = float(rows.var(axis=1, ddof=1).mean()) / _WEEK
    return max(float(rows.mean(axis=1).var(ddof=1)) - scatter, 0.0)


def _guess(known: Days, wanted: Ints, today: dt.date) -> _Guess:
    whole = known.take(known.whole & (known.numbers < day_number(today)))
    recent = whole.take(whole.numbers >= day_number(today) - RECENT_DAYS)
    if len(recent) < LEAST_DAYS:
        return _Guess(Method.NONE, np.zeros(len(wanted)), np.zeros(0))
    return _guess_by_year(whole, recent, wanted) or _guess_by_weekday(recent, wanted)


def _guess_by_weekday(recent: Days, wanted: Ints) -> _Guess:
    kwh, weekdays = recent.amounts / MICRO, recent.numbers % 7
    counts = np.bincount(weekdays, minlength=7)
    means = np.bincount(weekdays, kwh, 7) / np.maximum(counts, 1)
    table = np.where(counts > 0, means, kwh.mean())
    # each day is compared with the others of its weekday, not with itself
    scale = np.where(counts > 1, counts / np.maximum(counts - 1, 1), 1.0)
    errors = (kwh - table[weekdays]) * scale[weekdays]
    return _Guess(Method.WEEKDAYS, table[wanted % 7], errors)


def _guess_by_year(whole: Days, recent: Days, wanted: Ints) -> _Guess | None:
    """Return last year's days, scaled; None where too few of them are known."""
    then, have = _look_up(whole, wanted - YEAR_SHIFT)
    before, had = _look_up(whole, recent.numbers - YEAR_SHIFT)
    now = recent.amounts / MICRO
    if have.mean() < LEAST_SHARE or had.mean() < LEAST_SHARE or had.sum() < LEAST_DAYS:
        return None
    if before[had].sum() <= 0 or now[had].sum() < 0:
        return None
    factor = float(now[had].sum() / before[had].sum())
    fallback = _guess_by_weekday(recent, wanted).amounts
    errors = now[had] - factor * before[had]
    return _Guess(Method.LAST_YEAR, np.where(have, factor * then, fallback), errors)


def _look_up(days: Days, numbers: Ints) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the kWh of days, and which of them are known."""
    rows = np.minimum(np.searchsorted(days.numbers, numbers), len(days) - 1)
    known = days.numbers[rows] == numbers
    return np.where(known, days.amounts[rows] / MICRO, 0.0), known


def _to_kwh(value: float) -> Decimal:
    return to_decimal(round(value * MICRO))


def compare_budget(
    plan: Mapping[dt.date, Decimal], history: Days, *, today: dt.date
) -> list[BudgetLine]:
    """Compare planned months with what was used or is to be expected, in their order.

    Args: plan: kWh by the first day of the month.
    """
    return [
        compare_period(planned, history, start=month, end=_next_month(month), today=today)
        for month, planned in sorted(plan.items())
    ]


def compare_period(
    planned: Decimal, history: Days, *, start: dt.date, end: dt.date, today: dt.date
) -> BudgetLine:
    """Compare the plan of the local days [start, end) with what they came or will come to."""
    forecast = forecast_period(history, start=start, end=end, today=today)
    return BudgetLine(start, planned, forecast, _judge(planned, forecast))


def _judge(plan: Decimal, forecast: Forecast) -> BudgetVerdict:
    if forecast.method is Method.OVER:
        return BudgetVerdict.EXCEEDED if forecast.actual_kwh > plan else BudgetVerdict.MET
    if forecast.actual_kwh > plan:
        return BudgetVerdict.EXCEEDED
    if forecast.low_kwh is None:
        return BudgetVerdict.UNKNOWN
    if forecast.low_kwh > plan:
        return BudgetVerdict.WILL_EXCEED
    return BudgetVerdict.MAY_EXCEED if forecast.total_kwh > plan else BudgetVerdict.ON_TRACK


def _next_month(month: dt.date) -> dt.date:
    return (month + dt.timedelta(days=32)).replace(day=1)
