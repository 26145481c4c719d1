"""Sets what years are meant to take, and fits what savings are measured against."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.services.audit import record_event
from accounts.services.refusals import DetailedRefusal
from devices.models import Channel
from metering.analysis.baseline import Model, TooLittleData, fit_degree_days, fit_weekdays
from metering.analysis.forecast import Method, forecast_period
from metering.analysis.kept import find_bias, write_model
from metering.analysis.use import Problem, Sufficiency, check_sufficiency, use_of_days
from metering.models import Baseline, Budget, Driver, Measure
from metering.models.plan import FIRST_YEAR, LAST_YEAR, MONTHS
from metering.queries.frames import next_month
from metering.queries.plans import read_history, read_use
from metering.queries.scopes import Scope
from metering.queries.weather import choose_channel, outdoor_channels, read_temperatures
from metering.series import to_micro
from metering.services.costs import lock_site
from metering.services.tariffs import FIRST_DAY, LAST_DAY

MOST = Decimal(10**12)
MOST_PERCENT = 1000
LONGEST = dt.timedelta(days=3 * 366)
# of the days of the year before that are over
_LEAST_KNOWN = 0.9


class PlanRefused(DetailedRefusal):
    """What was asked for cannot be; `code` says why and `field` where."""


@dataclass(frozen=True, slots=True)
class Year:
    """The year of a budget and in what it is; `currency` of costs only."""

    year: int
    measure: str = Measure.ENERGY.value
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """What a baseline is to be made of: the local days [start, end).

    `driver`: blank for the temperature where the site has a channel of it, else the calendar.
    `channel`: public id; None for the one that is outdoors.
    """

    start: dt.date
    end: dt.date
    counted_from: dt.date
    driver: str = ""
    channel: uuid.UUID | None = None
    note: str = ""


@transaction.atomic
def set_budget(*, scope: Scope, year: Year, amounts: Sequence[Decimal], now: dt.datetime) -> Budget:
    """Set the twelve months of a year, in kWh, m³ or the currency; what was there goes.

    Raises: PlanRefused.
    """
    _check_year(scope, year)
    if len(amounts) != MONTHS:
        raise PlanRefused("not_twelve", _("A year has twelve months."), "amounts")
    for amount in amounts:
        if not amount.is_finite() or abs(amount) > MOST:
            raise PlanRefused("too_large", _("The amount is too large."), "amounts")
        if amount < 0 and year.measure == Measure.ENERGY:
            raise PlanRefused("negative", _("A month cannot use less than nothing."), "amounts")
    lock_site(scope.site.id)
    budget, is_new = Budget.objects.update_or_create(
        tenant_id=scope.site.tenant_id, site=scope.site, meter=scope.root,
        commodity=scope.commodity.value, measure=year.measure, year=year.year,
        defaults={
            "currency": year.currency, "amounts": [to_micro(amount) for amount in amounts],
        },
    )  # fmt: skip
    _record("budget.created" if is_new else "budget.changed", budget, scope, now)
    return budget


def copy_last_year(*, scope: Scope, year: Year, percent: Decimal, now: dt.datetime) -> Budget:
    """Set a year to what the one before came to, or will come to, and so many percent more.

    Raises: PlanRefused: `no_last_year` where too little is known of it.
    """
    _check_year(scope, year)
    if not -100 <= percent <= MOST_PERCENT:
        raise PlanRefused("bad_percent", _("Give −100 to 1000 percent."), "percent")
    start, end = dt.date(year.year - 1, 1, 1), dt.date(year.year, 1, 1)
    today = min(now.astimezone(scope.zone).date(), end)
    history = read_history(scope, year.measure, year.currency, start, today=today)
    over = (today - start).days
    if over <= 0 or len(history.between(start, today)) < _LEAST_KNOWN * over:
        raise PlanRefused(
            "no_last_year",
            _("Too little is known of %s: nine days in ten have to be.") % start.year, "year",
        )  # fmt: skip
    amounts = []
    for month in range(1, MONTHS + 1):
        first = start.replace(month=month)
        found = forecast_period(history, start=first, end=next_month(first), today=today)
        if found.method is Method.NONE:
            raise PlanRefused(
                "no_last_year", _("%s cannot be estimated yet.") % f"{first:%Y-%m}", "year"
            )
        amounts.append(_round(found.total_kwh * (1 + percent / 100)))
    return set_budget(scope=scope, year=year, amounts=amounts, now=now)


@transaction.atomic
def remove_budget(*, budget_id: uuid.UUID, now: dt.datetime) -> Budget:
    """Delete a budget. Raises: Budget.DoesNotExist."""
    budget = Budget.objects.select_related("site", "meter").get(id=budget_id)
    _record_removal("budget.removed", budget, now)
    budget.delete()
    return budget


def fit_baseline(
    *, scope: Scope, wanted: Reference, by: uuid.UUID | None, now: dt.datetime
) -> Baseline:
    """Model the use of a reference period; what was there goes.

    A model that follows it badly is kept: `analysis.kept.judge_fit` says so.

    Args: by: the person who asks, None for a program.
    Raises: PlanRefused: the days or temperatures are not enough, with the `Problem` as code.
    """
    _check_reference(scope, wanted, now)
    channel = _channel(scope, wanted)
    model, bias = _fit(scope, wanted, channel)
    with transaction.atomic():
        lock_site(scope.site.id)
        baseline, is_new = Baseline.objects.update_or_create(
            tenant_id=scope.site.tenant_id, site=scope.site, meter=scope.root,
            commodity=scope.commodity.value,
            defaults={
                "start": wanted.start, "end": wanted.end, "counted_from": wanted.counted_from,
                "driver": Driver.TEMPERATURE if channel else Driver.CALENDAR,
                "channel": channel, "model": write_model(model),
                "observations": model.fit.observations, "r2": model.fit.r2,
                "cvrmse": model.fit.cvrmse, "nmbe": bias, "note": wanted.note.strip(),
                "fitted_at": now, "fitted_by_id": by,
            },
        )  # fmt: skip
        _record("baseline.fitted" if is_new else "baseline.fitted_again", baseline, scope, now)
    return baseline


@transaction.atomic
def remove_baseline(*, baseline_id: uuid.UUID, now: dt.datetime) -> Baseline:
    """Delete a baseline. Raises: Baseline.DoesNotExist."""
    baseline = Baseline.objects.select_related("site", "meter").get(id=baseline_id)
    _record_removal("baseline.removed", baseline, now)
    baseline.delete()
    return baseline


def _check_year(scope: Scope, year: Year) -> None:
    if not scope.meters:
        raise PlanRefused("no_meters", _("There is no meter of this kind."), "commodity")
    if not FIRST_YEAR <= year.year <= LAST_YEAR:
        raise PlanRefused("bad_year", _("Give a year from 1971 to 2198."), "year")
    is_cost = year.measure == Measure.COST
    letters = len(year.currency) == 3 and year.currency.isascii() and year.currency.isupper()
    if is_cost != bool(year.currency) or (is_cost and not letters):
        raise PlanRefused("bad_currency", _("Costs have a currency, energy has none."), "currency")


def _check_reference(scope: Scope, wanted: Reference, now: dt.datetime) -> None:
    today = now.astimezone(scope.zone).date()
    if not scope.measured:
        raise PlanRefused("no_meters", _("There is no meter of this kind."), "commodity")
    for day, field in ((wanted.start, "start"), (wanted.counted_from, "counted_from")):
        if not FIRST_DAY <= day < LAST_DAY:
            raise PlanRefused("out_of_range", _("The day is out of range."), field)
    if wanted.end <= wanted.start:
        raise PlanRefused("bad_period", _("The last day is before the first."), "end")
    if wanted.end > today:
        raise PlanRefused("bad_period", _("The reference period has to be over."), "end")
    if wanted.end - wanted.start > LONGEST:
        raise PlanRefused("bad_period", _("Three years are the most."), "start")
    if wanted.counted_from < wanted.end:
        text = _("Savings count after the reference period.")
        raise PlanRefused("bad_period", text, "counted_from")


def _channel(scope: Scope, wanted: Reference) -> Channel | None:
    """Return what tells the temperature; None for the calendar."""
    if wanted.driver == Driver.CALENDAR:
        return None
    channels = outdoor_channels(scope.site.id)
    if wanted.channel is not None:
        channels = [channel for channel in channels if channel.uuid == wanted.channel]
        if not channels:
            text = _("The site has no such channel of temperatures.")
            raise PlanRefused("unknown_channel", text, "channel")
        return channels[0]
    found = choose_channel(channels)
    if found is None and wanted.driver == Driver.TEMPERATURE:
        text = _("No channel of the site is known to be outdoors: name one.")
        raise PlanRefused("no_temperature", text, "channel")
    return found


def _fit(scope: Scope, wanted: Reference, channel: Channel | None) -> tuple[Model, float | None]:
    start, end = wanted.start, wanted.end
    days = read_use(scope, start, end)
    degrees = None
    if channel is not None:
        degrees = read_temperatures(channel, start, end, scope.zone)
    _refuse(check_sufficiency(days, start=start, end=end, temperatures=degrees))
    use = use_of_days(days, degrees)
    try:
        model: Model = fit_weekdays(use) if channel is None else fit_degree_days(use)
    except TooLittleData as error:
        raise PlanRefused(Problem.TOO_FEW_DAYS.value, _too_few(len(use)), "start") from error
    return model, find_bias(model, use)


def _refuse(found: Sufficiency) -> None:
    """Say the first thing that is wrong with a reference period."""
    for problem in found.problems:
        if problem is Problem.TOO_SHORT:
            text = _("A reference period has 365 days at least; this one has %s.")
            raise PlanRefused(problem.value, text % found.days_asked, "start")
        if problem is Problem.TOO_FEW_DAYS:
            text = _("Nine days in ten have to be measured; %(known)s of %(days)s are.")
            detail = text % {"known": found.days_usable, "days": found.days_asked}
            raise PlanRefused(problem.value, detail, "start")
        if problem is Problem.TOO_FEW_TEMPERATURES:
            text = _("The temperature is known on fewer than nine days in ten.")
            raise PlanRefused(problem.value, text, "channel")
        text = _("On some days more was given than taken: no model of the use can be made.")
        raise PlanRefused(problem.value, text, "start")


def _too_few(count: int) -> str:
    return _("Only %s days can be used.") % count


def _round(amount: Decimal) -> Decimal:
    """Return an amount as people write it, without a millionth of accuracy that is not there."""
    return round(amount, 2)


def _record(action: str, row: Budget | Baseline, scope: Scope, now: dt.datetime) -> None:
    detail: dict[str, Any] = {"site": str(row.site_id), "commodity": row.commodity}
    if isinstance(row, Budget):
        detail |= {"year": row.year, "measure": row.measure}
    record_event(
        action=action, now=now, tenant_id=row.tenant_id, obj=row, label=scope.name, detail=detail
    )


def _record_removal(action: str, row: Budget | Baseline, now: dt.datetime) -> None:
    label = row.meter.name if row.meter else row.site.name
    detail = {"site": str(row.site_id), "commodity": row.commodity}
    record_event(
        action=action, now=now, tenant_id=row.tenant_id, obj=row, label=label, detail=detail
    )
