"""Tariffs are made, and let hold for a site or a meter."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.pages.access import requires
from devices.models import Site
from metering.models import Tariff, TariffAssignment
from metering.pages.cost_forms import AssignForm
from metering.pages.tariff_forms import NewTariffForm
from metering.queries.costs import charged_meters
from metering.queries.tariffs import list_assignments, list_tariffs
from metering.services.costs import local_today
from metering.services.tariffs import (
    TariffRefused,
    add_version,
    assign_tariff,
    create_tariff,
    remove_assignment,
)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:tariff")
def costs_assign(request: HttpRequest, site_id: uuid.UUID) -> HttpResponse:
    """Let a tariff hold for a site, or for one of its meters."""
    site = site_of(site_id)
    tariffs = list(list_tariffs())
    form = AssignForm(
        request.POST if request.method == "POST" else None,
        tariffs=tariffs, meters=charged_meters(site.id),
        initial={
            "valid_from": local_today(site, timezone.now()).replace(day=1),
            "tariff": request.GET.get("tariff", ""),
        },
    )  # fmt: skip
    if request.method == "POST" and form.is_valid() and _assign(site, form):
        messages.success(request, _("The tariff holds; costs follow within a minute."))
        return redirect(costs_of(site))
    context = {"site": site, "form": form, "tariffs": tariffs}
    return render(request, "energy/costs_assign.html", context)


def _assign(site: Site, form: AssignForm) -> bool:
    try:
        assign_tariff(site_id=site.id, **form.wanted(), now=timezone.now())
    except TariffRefused as error:
        name = {"valid_to": "last"}.get(error.field, error.field)
        form.add_error(name if name in form.fields else None, str(error))
        return False
    return True


@require_POST
@requires("delete:tariff")
def costs_unassign(request: HttpRequest, assignment_id: uuid.UUID) -> HttpResponse:
    """Take a tariff away as if it never held."""
    row = list_assignments().filter(id=assignment_id).first()
    if row is None:
        raise Http404
    try:
        remove_assignment(assignment_id=row.id, now=timezone.now())
    except TariffAssignment.DoesNotExist as error:
        raise Http404 from error
    messages.success(request, _("The tariff does not hold there any more; costs follow."))
    return redirect(costs_of(row.site))


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:tariff")
def costs_tariff(request: HttpRequest, site_id: uuid.UUID) -> HttpResponse:
    """Make a tariff, to be assigned next."""
    site = site_of(site_id)
    newest = Tariff.objects.order_by("-created_at").first()
    form = NewTariffForm(
        request.POST if request.method == "POST" else None,
        initial={
            "valid_from": local_today(site, timezone.now()).replace(month=1, day=1),
            "currency": newest.currency if newest else "",
        },
    )
    made = _make(form, now=timezone.now()) if request.method == "POST" else None
    if made is None:
        return render(request, "energy/costs_tariff.html", {"site": site, "form": form})
    messages.success(request, _("The tariff is there. Say where it holds."))
    return redirect(f"{reverse('costs-assign', args=[site.id])}?tariff={made.id}")


def _make(form: NewTariffForm, *, now: dt.datetime) -> Tariff | None:
    if not form.is_valid():
        return None
    said: dict[str, Any] = form.cleaned_data
    try:
        with transaction.atomic():
            made = create_tariff(
                name=said["name"], commodity=said["commodity"], currency=said["currency"], now=now
            )
            add_version(
                tariff_id=made.id, definition=form.definition(), valid_from=said["valid_from"],
                now=now,
            )  # fmt: skip
    except TariffRefused as error:
        form.refuse(error.code, error.field, str(error))
        return None
    return made


def site_of(site_id: uuid.UUID) -> Site:
    """Return a site of the organisation. Raises: Http404."""
    try:
        return Site.objects.get(id=site_id)
    except Site.DoesNotExist as error:
        raise Http404 from error


def costs_of(site: Site) -> str:
    """Return the address of the costs of a site."""
    return f"{reverse('costs')}?site={site.id}"
