"""The page on budgets, forecasts and savings of a site or meter."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.pages.access import requires
from accounts.pages.people import acting_of
from devices.models import Site
from energy.lib.units import symbol
from metering.models import Baseline, Budget, Commodity, Measure, Meter
from metering.models.plan import FIRST_YEAR, LAST_YEAR
from metering.queries.plans import (
    compare_with_budget,
    find_baseline,
    find_budget,
    find_scope,
    read_savings,
)
from metering.queries.scopes import Scope
from metering.queries.tariffs import list_assignments
from metering.queries.weather import choose_channel, outdoor_channels
from metering.services.plans import (
    PlanRefused,
    Year,
    copy_last_year,
    fit_baseline,
    remove_baseline,
    remove_budget,
    set_budget,
)
from reports.energy.choice import read_choice, scope_query
from reports.energy.plan_forms import BaselineForm, BudgetForm, CopyForm
from reports.energy.plan_view import view_budget, view_fit, view_savings

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose plan the address asks for, of which year and in what."""

    scope: Scope
    year: int
    measure: str
    now: dt.datetime

    def address(self, name: str = "plan", **changes: str) -> str:
        """Return a page of the same plan, with some parameters changed."""
        query = scope_query(self.scope) | {"year": str(self.year)}
        if self.measure == Measure.COST:
            query["measure"] = self.measure
        return f"{reverse(name)}?{urlencode(query | changes)}"


@require_safe
@requires("read:meter")
def plan(request: HttpRequest) -> HttpResponse:
    """Show a budget against what was used, and what was saved."""
    sites = _sites()
    if not sites and not {"site", "meter"} & request.GET.keys():
        return render(request, "energy/empty.html")
    asked = _asked(request, sites)
    timezone.activate(asked.scope.zone)
    codes = acting_of(request).codes
    context = _controls(asked, sites, may_read_costs="read:tariff" in codes)
    context |= {"may_write": "write:meter" in codes, "may_delete": "delete:meter" in codes}
    return render(request, "energy/plan.html", context | _budget(asked) | _savings(asked))


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:meter")
def plan_budget(request: HttpRequest) -> HttpResponse:
    """Enter the twelve months of a budget."""
    asked = _asked(request, _sites())
    budget, currency = _known_budget(asked), _currency(asked)
    data = request.POST if request.method == "POST" else None
    form = BudgetForm(data, budget=budget, currency=currency)
    if data is not None and form.is_valid():
        year = Year(asked.year, asked.measure, form.cleaned_data.get("currency", ""))

        def save() -> None:
            set_budget(scope=asked.scope, year=year, amounts=form.amounts(), now=asked.now)

        if _try(form, save):
            messages.success(request, _("The budget is set."))
            return redirect(asked.address())
    copy = CopyForm(None, currency=currency)
    return _show_budget_form(request, asked, form, copy)


@require_POST
@requires("write:meter")
def plan_budget_copy(request: HttpRequest) -> HttpResponse:
    """Set a year to the one before, less some percent."""
    asked = _asked(request, _sites())
    currency = _currency(asked)
    copy = CopyForm(request.POST, currency=currency)
    if copy.is_valid():
        said = copy.cleaned_data
        year = Year(asked.year, asked.measure, said.get("currency", ""))

        def save() -> None:
            copy_last_year(scope=asked.scope, year=year, percent=-said["less"], now=asked.now)

        if _try(copy, save):
            messages.success(request, _("The budget is set."))
            return redirect(asked.address())
    form = BudgetForm(None, budget=_known_budget(asked), currency=currency)
    return _show_budget_form(request, asked, form, copy)


@require_POST
@requires("delete:meter")
def plan_budget_remove(request: HttpRequest, budget_id: uuid.UUID) -> HttpResponse:
    """Delete a budget."""
    try:
        gone = remove_budget(budget_id=budget_id, now=timezone.now())
    except Budget.DoesNotExist as error:
        raise Http404 from error
    messages.success(request, _("The budget is removed."))
    return redirect(_address_of(gone))


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:meter")
def plan_baseline(request: HttpRequest) -> HttpResponse:
    """Fit a baseline to the days before a measure."""
    asked = _asked(request, _sites())
    data = request.POST if request.method == "POST" else None
    channels = outdoor_channels(asked.scope.site.id)
    chosen = choose_channel(channels)
    initial = {"source": str(chosen.uuid) if chosen else ""} | _proposed(asked)
    form = BaselineForm(data, channels=channels, initial=initial)
    if data is not None and form.is_valid():
        by = request.user.id if isinstance(request.user, User) else None

        def save() -> None:
            fit_baseline(scope=asked.scope, wanted=form.wanted(), by=by, now=asked.now)

        if _try(form, save):
            messages.success(request, _("The baseline is there."))
            return redirect(asked.address())
    context = {
        "form": form, "scope": asked.scope, "back": asked.address(), "channels": channels,
        "action": asked.address("plan-baseline"),
    }  # fmt: skip
    return render(request, "energy/plan_baseline.html", context)


@require_POST
@requires("delete:meter")
def plan_baseline_remove(request: HttpRequest, baseline_id: uuid.UUID) -> HttpResponse:
    """Delete a baseline."""
    try:
        gone = remove_baseline(baseline_id=baseline_id, now=timezone.now())
    except Baseline.DoesNotExist as error:
        raise Http404 from error
    messages.success(request, _("The baseline is removed."))
    return redirect(_address_of(gone))


def _sites() -> list[Site]:
    return list(Site.objects.filter(meters__isnull=False).distinct().order_by("name", "id"))


def _asked(request: HttpRequest, sites: list[Site]) -> Asked:
    """Read the address. Raises: Http404. PermissionDenied: costs are not for this person."""
    choice, now = read_choice(request.GET), timezone.now()
    found = choice.meter or choice.site or (sites[0].id if sites else None)
    if found is None:
        raise Http404
    try:
        scope = find_scope("meter" if choice.meter else "site", found, choice.commodity)
    except (Site.DoesNotExist, Meter.DoesNotExist) as error:
        raise Http404 from error
    measure = Measure.ENERGY.value
    if request.GET.get("measure") == Measure.COST:
        if "read:tariff" not in acting_of(request).codes:
            raise PermissionDenied
        measure = Measure.COST.value
    text = request.GET.get("year", "")
    year = int(text) if text.isascii() and text.isdigit() and len(text) == 4 else 0
    if not FIRST_YEAR <= year <= LAST_YEAR:
        year = now.astimezone(scope.zone).year
    return Asked(scope, year, measure, now)


def _controls(asked: Asked, sites: list[Site], *, may_read_costs: bool) -> dict[str, Any]:
    scope = asked.scope
    measures = [(symbol(scope.unit), Measure.ENERGY.value), (_("Cost"), Measure.COST.value)]
    return {
        "scope": scope, "year": asked.year, "sites": sites, "measure": asked.measure,
        "before": asked.address(year=str(asked.year - 1)),
        "after": asked.address(year=str(asked.year + 1)),
        "measures": [
            (label, asked.address(measure=one), one == asked.measure) for label, one in measures
        ] if may_read_costs else [],
        "commodities": [
            (Commodity(one).label, asked.address(commodity=one.value), one == scope.commodity)
            for one in scope.offered
        ] if len(scope.offered) > 1 else [],
        "energy_url": f"{reverse('energy')}?{urlencode(scope_query(scope))}",
        "site_url": f"{reverse('plan')}?site={scope.site.id}",
        "budget_url": asked.address("plan-budget"), "baseline_url": asked.address("plan-baseline"),
    }  # fmt: skip


def _budget(asked: Asked) -> dict[str, Any]:
    budget = _known_budget(asked)
    if budget is None:
        return {"budget": None}
    answer = compare_with_budget(asked.scope, budget, now=asked.now)
    return {"budget": budget, "budget_view": view_budget(answer)}


def _savings(asked: Asked) -> dict[str, Any]:
    baseline = find_baseline(asked.scope)
    if baseline is None:
        return {"baseline": None}
    answer, unit = read_savings(asked.scope, baseline, now=asked.now), asked.scope.unit
    return {
        "baseline": baseline, "savings": view_savings(answer, unit), "fit": view_fit(answer, unit),
        "is_blind": answer.is_blind,
    }  # fmt: skip


def _known_budget(asked: Asked) -> Budget | None:
    try:
        return find_budget(asked.scope, asked.year, asked.measure)
    except Budget.DoesNotExist:
        return None


def _currency(asked: Asked) -> str | None:
    """Return the currency to propose; None for energy."""
    if asked.measure != Measure.COST:
        return None
    known = _known_budget(asked)
    if known is not None:
        return known.currency
    uses = list(list_assignments(asked.scope.site.id))
    return uses[-1].tariff.currency if uses else ""


def _try(form: BudgetForm | CopyForm | BaselineForm, save: Callable[[], None]) -> bool:
    try:
        save()
    except PlanRefused as error:
        form.refuse(error)
        return False
    return True


def _show_budget_form(
    request: HttpRequest, asked: Asked, form: BudgetForm, copy: CopyForm
) -> HttpResponse:
    context = {
        "form": form, "copy": copy, "scope": asked.scope, "year": asked.year,
        "unit": "" if asked.measure == Measure.COST else symbol(asked.scope.unit),
        "back": asked.address(), "action": asked.address("plan-budget"),
        "copy_action": asked.address("plan-budget-copy"), "last_year": asked.year - 1,
    }  # fmt: skip
    return render(request, "energy/plan_budget.html", context)


def _proposed(asked: Asked) -> dict[str, Any]:
    """Return the baseline that is there, or the year before this month."""
    known = find_baseline(asked.scope)
    if known is not None:
        return {
            "start": known.start, "last": known.end - _DAY, "counted_from": known.counted_from,
            "note": known.note, "source": str(known.channel.uuid) if known.channel else "",
        }  # fmt: skip
    end = asked.now.astimezone(asked.scope.zone).date().replace(day=1)
    start = end.replace(year=end.year - 1)
    return {"start": start, "last": end - _DAY, "counted_from": end}


def _address_of(row: Budget | Baseline) -> str:
    whose = {"meter": str(row.meter_id)} if row.meter_id else {"site": str(row.site_id)}
    query = whose | {"commodity": row.commodity}
    if isinstance(row, Budget):
        query |= {"year": str(row.year), "measure": row.measure}
    return f"{reverse('plan')}?{urlencode(query)}"
