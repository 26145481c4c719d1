"""What is billed together: tried, closed, and read as an invoice."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of
from devices.models import Site
from metering.models import BillingPeriod, CostCentre
from metering.pages.cost_forms import PeriodForm
from metering.pages.tariffs import costs_of, site_of
from metering.queries.costs import charged_meters, find_period, list_periods, problems
from metering.queries.statements import StatementLine, make_statement
from metering.services.billing import close_as_seen, is_settled, seal_of
from metering.services.costs import CostRefused, local_today, open_period, remove_period
from metering.storage.costs import TooLarge
from metering.tariffs.energy import UnknownPriceSeries

_DAY = dt.timedelta(days=1)
Dated = tuple[StatementLine, dt.date, dt.date]


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:tariff")
def period_new(request: HttpRequest, site_id: uuid.UUID) -> HttpResponse:
    """Choose the days of a bill, and look at it before it is closed."""
    site = site_of(site_id)
    form = PeriodForm(
        request.POST if request.method == "POST" else None,
        initial=_proposed(site, local_today(site, timezone.now())),
    )
    made = _open(site, form) if request.method == "POST" and form.is_valid() else None
    if made is None:
        return render(request, "energy/costs_period_new.html", {"site": site, "form": form})
    return redirect("costs-period", period_id=made.id)


def _proposed(site: Site, today: dt.date) -> dict[str, dt.date]:
    """Return the month before, or what follows the last bill up to the end of its month."""
    last = list_periods(site.id).first()
    first = last.end if last else (today.replace(day=1) - _DAY).replace(day=1)
    after = (first.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
    return {"valid_from": first, "last": after - _DAY}


def _open(site: Site, form: PeriodForm) -> BillingPeriod | None:
    first, after = form.cleaned_data["valid_from"], form.cleaned_data["last"] + _DAY
    try:
        return open_period(site_id=site.id, start=first, end=after, now=timezone.now())
    except CostRefused as error:
        name = {"start": "valid_from", "end": "last"}.get(error.field)
        form.add_error(name, str(error))
        return None


@require_safe
@requires("read:tariff")
def period(request: HttpRequest, period_id: uuid.UUID) -> HttpResponse:
    """Show what a period billed; what it would bill while it is open."""
    found = period_of(period_id)
    statement = make_statement(found)
    codes, today = acting_of(request).codes, local_today(found.site, timezone.now())
    context = {
        "period": found, "last": found.end - _DAY, "statement": statement,
        "meters": _by_meter(statement.lines),
        "sums": [(key, statement.net.get(key, 0), statement.tax.get(key, 0), amount)
                 for key, amount in sorted(statement.total.items())],
        "shares": [(row, CostCentre.Kind(row.kind).label) for row in statement.shares],
        "shared_out": statement.quality.prorated_share * 100,
        "estimated": statement.quality.estimated_share * 100,
        "missing": statement.quality.missing_share * 100,
        "seal": seal_of(statement), "is_over": found.end <= today,
        "is_settled": found.closed_at is not None or is_settled(found),
        "problems": [] if found.closed_at else problems(charged_meters(found.site_id)),
        "may_write": "write:tariff" in codes, "may_delete": "delete:tariff" in codes,
        "back": costs_of(found.site), "organisation": acting_of(request).tenant.name,
    }  # fmt: skip
    return render(request, "energy/costs_period.html", context)


def _by_meter(lines: Sequence[StatementLine]) -> list[tuple[str, list[Dated]]]:
    """Return the lines of each meter: what it used, then taxes, then adjustments."""
    found: dict[tuple[str, uuid.UUID], list[Dated]] = {}
    for line in sorted(lines, key=lambda one: (one.is_adjustment, one.is_tax)):
        first, last = (dt.date.fromisoformat(day) for day in (line.first_day, line.last_day))
        found.setdefault((line.meter, line.meter_id), []).append((line, first, last))
    return [(name, rows) for (name, _id), rows in sorted(found.items())]


@require_POST
@requires("write:tariff")
def period_close(request: HttpRequest, period_id: uuid.UUID) -> HttpResponse:
    """Bill a period as it was seen."""
    found, seal = period_of(period_id), request.POST.get("seal", "")
    try:
        close_as_seen(period_id=found.id, seal=seal, now=timezone.now())
    except (CostRefused, TooLarge) as error:
        messages.error(request, str(error))
    except UnknownPriceSeries as error:
        messages.error(request, _("There is no price series %s.") % error.args[0])
    else:
        messages.success(request, _("The bill is closed."))
    return redirect("costs-period", period_id=found.id)


@require_POST
@requires("delete:tariff")
def period_remove(request: HttpRequest, period_id: uuid.UUID) -> HttpResponse:
    """Drop a period that was not billed."""
    found = period_of(period_id)
    try:
        remove_period(period_id=found.id, now=timezone.now())
    except CostRefused as error:
        messages.error(request, str(error))
        return redirect("costs-period", period_id=found.id)
    messages.success(request, _("The draft is gone; nothing was billed."))
    return redirect(costs_of(found.site))


def period_of(period_id: uuid.UUID) -> BillingPeriod:
    """Return a billing period of the organisation. Raises: Http404."""
    try:
        return find_period(period_id)
    except BillingPeriod.DoesNotExist as error:
        raise Http404 from error
