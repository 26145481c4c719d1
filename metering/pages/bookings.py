"""What people book at a meter, decide about jumps, and have calculated anew."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from accounts.pages.access import requires
from metering.models import LedgerDecision
from metering.pages.forms import BookForm, RecalculateForm, refuse
from metering.pages.views import meter_context, meter_of
from metering.queries.meters import find_register, list_decisions
from metering.services.bookings import book_amount, book_withheld, keep_withheld
from metering.services.meters import MeterRefused
from metering.services.rebuilds import recalculate_meter
from telemetry.timespec import local_midnight

_DAY = dt.timedelta(days=1)


@require_POST
@requires("write:meter")
def meter_book(request: HttpRequest, meter_id: uuid.UUID) -> HttpResponse:
    """Book an amount that the meter could not tell."""
    found = meter_of(meter_id)
    timezone.activate(ZoneInfo(found.site.timezone))
    form = BookForm(request.POST, registers=list(found.registers.all()))
    if form.is_valid():
        said = form.cleaned_data
        try:
            book_amount(
                register=find_register(found.id, said["quantity"]),
                start=said["start"].astimezone(dt.UTC),
                end=said["end"].astimezone(dt.UTC),
                amount=said["amount"],
                reason=said["reason"],
                now=timezone.now(),
            )
        except MeterRefused as error:
            refuse(form, error, {})
        else:
            messages.success(request, _("It is booked."))
            return redirect("meter", meter_id=found.id)
    return render(request, "metering/meter.html", meter_context(request, found, book=form))


@require_POST
@requires("write:meter")
def decision_book(request: HttpRequest, meter_id: uuid.UUID, decision_id: int) -> HttpResponse:
    """Book what a jump withheld: it was used."""
    return _decide(request, meter_id, decision_id, book_withheld, gettext_lazy("It is booked."))


@require_POST
@requires("write:meter")
def decision_keep(request: HttpRequest, meter_id: uuid.UUID, decision_id: int) -> HttpResponse:
    """Keep out what a jump withheld: it was never used."""
    text = gettext_lazy("It stays out of every bill.")
    return _decide(request, meter_id, decision_id, keep_withheld, text)


def _decide(
    request: HttpRequest,
    meter_id: uuid.UUID,
    decision_id: int,
    do: Callable[..., Any],
    text: str | Promise,
) -> HttpResponse:
    found = meter_of(meter_id)
    try:
        decision = list_decisions(found.id).get(id=decision_id)
        reason = request.POST.get("reason", "").strip()[:300]
        do(decision_id=decision.id, reason=reason, now=timezone.now())
    except LedgerDecision.DoesNotExist as error:
        raise Http404 from error
    except MeterRefused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, str(text))
    return redirect("meter", meter_id=found.id)


@require_POST
@requires("write:meter")
def meter_recalculate(request: HttpRequest, meter_id: uuid.UUID) -> HttpResponse:
    """Have some local days built again, or all of the past."""
    found = meter_of(meter_id)
    zone, now = ZoneInfo(found.site.timezone), timezone.now()
    timezone.activate(zone)
    form = RecalculateForm(request.POST, today=now.astimezone(zone).date())
    if not form.is_valid():
        context = meter_context(request, found, recalculate=form)
        return render(request, "metering/meter.html", context)
    first, last = form.cleaned_data["first"], form.cleaned_data["last"]
    recalculate_meter(
        meter_id=found.id,
        start=local_midnight(first, zone) if first else None,
        end=min(now, local_midnight(last + _DAY, zone)) if last else None,
        now=now,
    )
    messages.success(request, _("It is being calculated anew; what is the same stays."))
    return redirect("meter", meter_id=found.id)
