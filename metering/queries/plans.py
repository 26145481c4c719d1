"""Budgets against what was used or spent, and savings against what a baseline expects."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from metering.analysis.compare import Period
from metering.analysis.forecast import BudgetLine, compare_budget, compare_period
from metering.analysis.kept import read_model
from metering.analysis.local import Days, day_number
from metering.analysis.savings import Savings, measure_savings
from metering.analysis.use import use_of_days
from metering.models import Baseline, Budget, Driver, Measure
from metering.queries.cost_strands import read_strands
from metering.queries.counts import expected_quarters, read_days, sum_counts
from metering.queries.frames import Frame, Step, Unit, frame_of, next_month
from metering.queries.scopes import Scope, find_meter_scope, find_site_scope
from metering.queries.weather import read_temperatures
from metering.series import Ints, to_decimal

HISTORY = dt.timedelta(days=364 + 56 + 10)  # a year, and the weeks it is scaled by
_DAY = dt.timedelta(days=1)
_NOTHING: Ints = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class BudgetAnswer:
    """A budget by month and as a whole. `line.plan_kwh` and the like are in its own unit."""

    budget: Budget
    unit: str
    months: tuple[BudgetLine, ...]
    year: BudgetLine
    today: dt.date


@dataclass(frozen=True, slots=True)
class SavedMonth:
    """A month, or the part of it that counts; `savings` is None where no day can be used."""

    month: dt.date
    days: int
    savings: Savings | None


@dataclass(frozen=True, slots=True)
class SavingsAnswer:
    """What was saved since a measure; `total` is None before the first day that counts.

    `is_blind`: the channel of the temperatures is gone, so nothing is known any more.
    """

    baseline: Baseline
    months: tuple[SavedMonth, ...]
    total: Savings | None
    is_blind: bool


def find_scope(kind: str, found: uuid.UUID, commodity: str = "") -> Scope:
    """Return a site or a meter. Raises: Site.DoesNotExist. Meter.DoesNotExist."""
    return find_meter_scope(found) if kind == "meter" else find_site_scope(found, commodity)


def find_frame_budget(scope: Scope, frame: Frame) -> Budget | None:
    """Return the budget of energy that a month or year lies in; None for another period."""
    if frame.unit not in (Unit.MONTH, Unit.YEAR):
        return None
    return Budget.objects.filter(
        site=scope.site, meter=scope.root, commodity=scope.commodity,
        year=frame.period.start.year, measure=Measure.ENERGY,
    ).first()  # fmt: skip


def find_budget(scope: Scope, year: int, measure: str) -> Budget:
    """Return one of them. Raises: Budget.DoesNotExist."""
    return Budget.objects.get(
        site=scope.site, meter=scope.root, commodity=scope.commodity, year=year, measure=measure
    )


def find_baseline(scope: Scope) -> Baseline | None:
    """Return the baseline of a site or meter, with its channel."""
    rows = Baseline.objects.filter(site=scope.site, meter=scope.root, commodity=scope.commodity)
    return rows.select_related("channel", "channel__device", "fitted_by").first()


def compare_with_budget(scope: Scope, budget: Budget, *, now: dt.datetime) -> BudgetAnswer:
    """Put what was used, or spent, and what is to be expected beside each month."""
    start, end = dt.date(budget.year, 1, 1), dt.date(budget.year + 1, 1, 1)
    today = min(now.astimezone(scope.zone).date(), end)
    history = read_history(scope, budget.measure, budget.currency, start, today=today)
    plan = {
        dt.date(budget.year, at + 1, 1): to_decimal(amount)
        for at, amount in enumerate(budget.amounts)
    }
    whole = sum(plan.values(), Decimal(0))
    return BudgetAnswer(
        budget=budget,
        unit=budget.currency or scope.unit,
        months=tuple(compare_budget(plan, history, today=today)),
        year=compare_period(whole, history, start=start, end=end, today=today),
        today=today,
    )


def read_history(
    scope: Scope, measure: str, currency: str, start: dt.date, *, today: dt.date
) -> Days:
    """Return what was used, or spent, on each local day, from a year before today at least."""
    start = min(start, today - HISTORY)
    if measure == Measure.COST:
        return _spent(scope, currency, start, today)
    return read_use(scope, start, today + _DAY)


def read_use(scope: Scope, start: dt.date, end: dt.date) -> Days:
    """Return the use of the local days [start, end)."""
    counts = read_days(scope.measured, start, end)
    total = sum_counts((counts[key], sign) for key, sign in scope.use_terms(counts))
    if total is None or not len(total.numbers):
        return Days(_NOTHING, _NOTHING, _NOTHING, _NOTHING, _NOTHING)
    return total.local_days(scope.zone)


def _spent(scope: Scope, currency: str, start: dt.date, end: dt.date) -> Days:
    """Return the costs of days that are over; adjustments of bills belong to no day."""
    frame = frame_of(Unit.YEAR, Step.DAY, Period(start, end), scope.zone)
    amounts = np.zeros(len(frame), dtype=np.int64)
    has_lines = np.zeros(len(frame), dtype=bool)
    for strand in read_strands(scope, frame):
        if strand.currency == currency:
            amounts += strand.amounts
            has_lines |= strand.amounts != 0
    numbers = np.arange(day_number(start), day_number(end), dtype=np.int64)[has_lines]
    expected = expected_quarters(numbers, scope.zone)
    return Days(numbers, amounts[has_lines], expected, expected, np.zeros_like(numbers))


def read_savings(scope: Scope, baseline: Baseline, *, now: dt.datetime) -> SavingsAnswer:
    """Compare each month since the measure with what the baseline expects of its days."""
    today = now.astimezone(scope.zone).date()
    start, end = baseline.counted_from, max(today, baseline.counted_from)
    needs = baseline.driver == Driver.TEMPERATURE
    if needs and baseline.channel is None:
        return SavingsAnswer(baseline, (), None, is_blind=True)
    degrees = None
    if needs and baseline.channel is not None:
        degrees = read_temperatures(baseline.channel, start, end, scope.zone)
    days = read_use(scope, start, end)
    model = read_model(baseline.model)

    def measure(first: dt.date, last: dt.date) -> Savings | None:
        use = use_of_days(days.between(first, last), degrees)
        return measure_savings(model, use) if len(use) else None

    months = tuple(
        SavedMonth(first, (last - first).days, measure(first, last))
        for first, last in _months(start, end)
    )
    return SavingsAnswer(baseline, months, measure(start, end), is_blind=False)


def _months(start: dt.date, end: dt.date) -> Sequence[tuple[dt.date, dt.date]]:
    found = []
    while start < end:
        last = min(next_month(start), end)
        found.append((start, last))
        start = last
    return found
