"""The page on the energy of a site or meter."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of
from devices.models import Site
from energy.lib.units import symbol
from metering.models import Commodity, Meter
from metering.queries.energy import Summary, read_summary
from metering.queries.frames import STEPS, UnknownPeriod, make_frame, write_day
from metering.queries.scopes import Scope, find_meter_scope, find_site_scope
from reports.energy.choice import (
    AGAINST_NAMES,
    Choice,
    Show,
    date_in,
    read_choice,
    scope_query,
    step_dates,
)
from reports.energy.content import view_content
from reports.energy.notes import view_notes
from reports.energy.view_model import odd_day
from reports.energy.words import against_labels, period_label, unit_labels


@require_safe
@requires("read:meter")
def energy(request: HttpRequest) -> HttpResponse:
    """Show a day, week, month or year; another organisation's site does not exist."""
    may_read_costs = "read:tariff" in acting_of(request).codes
    choice, now = read_choice(request.GET), timezone.now()
    if choice.show is Show.COST and not may_read_costs:
        choice = replace(choice, show=Show.ENERGY)
    sites = list(Site.objects.filter(meters__isnull=False).distinct().order_by("name", "id"))
    if not sites and choice.meter is None and choice.site is None:
        return render(request, "energy/empty.html")
    scope = _find_scope(choice, sites)
    timezone.activate(scope.zone)
    today = now.astimezone(scope.zone).date()
    try:
        frame = make_frame(choice.unit, choice.day(today), zone=scope.zone, step=choice.step)
    except UnknownPeriod as error:
        raise Http404 from error
    summary = read_summary(scope, frame, now=now, against=choice.against)
    context = _controls(choice, summary, sites, today) | {
        "shows": _shows(choice, summary, may_read_costs=may_read_costs),
    }  # fmt: skip
    context |= view_content(choice, summary, may_read_costs=may_read_costs, now=now)
    if "read:telemetry" in acting_of(request).codes:
        context["notes"] = view_notes(summary)
    return render(request, "energy/energy.html", context)


def _find_scope(choice: Choice, sites: list[Site]) -> Scope:
    try:
        if choice.meter is not None:
            return find_meter_scope(choice.meter)
        site = choice.site or sites[0].id
        return find_site_scope(site, choice.commodity)
    except (Meter.DoesNotExist, Site.DoesNotExist) as error:
        raise Http404 from error


def _controls(
    choice: Choice, summary: Summary, sites: list[Site], today: dt.date
) -> dict[str, Any]:
    scope, frame = summary.scope, summary.frame
    before, after = step_dates(frame.unit, frame.period, today)
    plan_query = scope_query(scope) | {"year": str(frame.period.start.year)}
    return {
        "scope": scope,
        "choice": choice,
        "title": period_label(frame),
        "date": write_day(frame.unit, frame.period.start),
        "odd_day": odd_day(frame),
        "before": choice.address(date=before, step=""),
        "after": choice.address(date=after, step="") if after else "",
        "now_url": choice.address(date="", step=""),
        "units": [
            (label, choice.address(period=unit, date=date_in(unit, frame.period, today), step=""),
             unit == frame.unit)
            for unit, label in unit_labels().items()
        ],
        "steps": [
            (step, choice.address(step=step), step == frame.step) for step in STEPS[frame.unit]
        ] if len(STEPS[frame.unit]) > 1 else [],
        "againsts": [
            (AGAINST_NAMES[against], label, against == choice.against)
            for against, label in against_labels().items()
        ],
        "sites": sites,
        "commodities": [
            (Commodity(one).label, choice.address(commodity=one), one == scope.commodity)
            for one in scope.offered
        ] if len(scope.offered) > 1 else [],
        "site_url": choice.address(meter=""),
        "csv_url": _csv_url(choice, summary),
        "plan_url": f"{reverse('plan')}?{urlencode(plan_query)}",
    }  # fmt: skip


def _shows(
    choice: Choice, summary: Summary, *, may_read_costs: bool
) -> list[tuple[str, str, bool]]:
    """Return in what the bars can be; money only for those who may read costs."""
    labels = {Show.ENERGY: symbol(summary.scope.unit), Show.COST: _("Cost"), Show.CO2: _("CO₂")}
    return [
        (label, choice.address(show="" if show is Show.ENERGY else show), show is choice.show)
        for show, label in labels.items()
        if show is not Show.COST or may_read_costs
    ]


def _csv_url(choice: Choice, summary: Summary) -> str:
    scope, frame = summary.scope, summary.frame
    whose = f"meter:{scope.root.id}" if scope.root else f"site:{scope.site.id}"
    query = {
        "scope": whose, "commodity": scope.commodity.value, "period": frame.unit.value,
        "date": write_day(frame.unit, frame.period.start), "step": frame.step.value,
        "compare": AGAINST_NAMES[choice.against], "format": "csv",
    }  # fmt: skip
    if choice.show is not Show.ENERGY:
        query["include"] = choice.show.value
    return f"{reverse('api-energy-summary')}?{urlencode(query)}"
