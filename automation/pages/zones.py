"""Pages of zones: cards of all, and one zone with what acts in it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of
from automation.models import Recipe
from automation.pages.zone_forms import ModeForm
from automation.pages.zone_views import card_of
from automation.queries.recipes import find_recipe
from automation.queries.zone_chart import recent_values
from automation.queries.zones import (
    ZoneRow,
    find_zone,
    list_zones,
    phases_of_zone,
    recent_executions,
    recipes_to_choose,
    schedules_of_zone,
)
from automation.services.zone_recipes import go_to_phase, renew_recipe, start_recipe, stop_recipe
from automation.services.zone_refusals import ZoneRefused
from automation.services.zones import set_zone_mode
from devices.models import Zone
from devices.services.commands import MayNotControl

SECTION = "automation-zones"


@require_safe
@requires("read:automation")
def zones(request: HttpRequest) -> HttpResponse:
    """Show all zones: who decides in them, targets and values, recipes, errors."""
    now = timezone.now()
    cards = [card_of(row) for row in list_zones(now=now)]
    context = {
        "section": SECTION, "cards": cards, "now": now, "may": acting_of(request).codes,
        "modes": ModeForm.base_fields["mode"].choices,  # type: ignore[attr-defined]
    }  # fmt: skip
    return render(request, "automation/zones.html", context)


@require_safe
@requires("read:automation")
def zone(request: HttpRequest, zone_id: uuid.UUID) -> HttpResponse:
    """Show a zone: mode, recipe, controllers with their last day, roles, what was done."""
    row = find_or_404(zone_id)
    codes = acting_of(request).codes
    context = {
        "section": SECTION, "row": row, "zone": row.zone, "control": row.control, "now": row.now,
        "card": card_of(row, _values(row)), "may": codes,
        "form": ModeForm(initial={"mode": row.mode}),
        "roles": row.control.roles.select_related("device").order_by("name")
        if row.control else [],
        "history": phases_of_zone(row.control), "executions": recent_executions(row.zone),
        "schedules": schedules_of_zone(row.zone) if "read:schedule" in codes else [],
        "recipes": recipes_to_choose() if "read:recipe" in codes else [],
    }  # fmt: skip
    return render(request, "automation/zone.html", context)


@require_POST
@requires("control:device")
def zone_mode(request: HttpRequest, zone_id: uuid.UUID) -> HttpResponse:
    """Set who decides in a zone."""
    form = ModeForm(request.POST)
    found = find_or_404(zone_id).zone
    if not form.is_valid():
        messages.error(request, _("Choose automatic, half automatic or by hand."))
        return _back(request, found)
    said, now = form.cleaned_data, timezone.now()
    until = now + dt.timedelta(hours=int(said["hours"])) if said["hours"] else None
    _try(
        request,
        lambda: set_zone_mode(
            actor=request.user, zone=found, mode=said["mode"], reason=said["reason"],
            until=until, after=said["after"] or "auto", now=now,
        ),
        _("The mode is set."),
    )  # fmt: skip
    return _back(request, found)


@require_POST
@requires("control:device")
def zone_recipe(request: HttpRequest, zone_id: uuid.UUID) -> HttpResponse:
    """Start a recipe, lead it on, or stop it."""
    found, now = find_or_404(zone_id).zone, timezone.now()
    phase = request.POST.get("phase", "")
    number = int(phase) if phase.isdecimal() and len(phase) < 4 else None
    deeds: dict[str, tuple[Callable[[], Any], str]] = {
        "start": (lambda: _start(request, found, number or 0, now), _("The recipe runs.")),
        "stop": (lambda: stop_recipe(actor=request.user, zone=found, now=now),
                 _("The recipe is stopped.")),
        "renew": (lambda: renew_recipe(actor=request.user, zone=found, now=now),
                  _("The zone follows the newest revision.")),
        "next": (lambda: go_to_phase(actor=request.user, zone=found, now=now),
                 _("The next phase has begun.")),
        "go": (lambda: go_to_phase(actor=request.user, zone=found, phase=number or 0, now=now),
               _("The phase has begun.")),
    }  # fmt: skip
    deed = deeds.get(request.POST.get("do", ""))
    if deed is not None:
        _try(request, *deed)
    return redirect("automation-zone", found.id)


def find_or_404(zone_id: uuid.UUID) -> ZoneRow:
    """Return a zone as it is now."""
    try:
        return find_zone(zone_id, now=timezone.now())
    except Zone.DoesNotExist as error:
        raise Http404 from error


def _start(request: HttpRequest, zone: Zone, phase: int, now: dt.datetime) -> None:
    try:
        recipe = find_recipe(uuid.UUID(request.POST.get("recipe", "")))
    except (ValueError, Recipe.DoesNotExist):
        raise ZoneRefused("unknown_recipe", _("Choose a recipe.")) from None
    start_recipe(actor=request.user, zone=zone, recipe=recipe, phase=phase, now=now)


def _try(request: HttpRequest, deed: Callable[[], Any], done: str) -> None:
    try:
        deed()
    except MayNotControl as error:
        raise PermissionDenied from error
    except ZoneRefused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, done)


def _back(request: HttpRequest, zone: Zone) -> HttpResponse:
    if request.POST.get("from") == "list":
        return redirect(SECTION)
    return redirect("automation-zone", zone.id)


def _values(row: ZoneRow) -> dict[int, list[tuple[dt.datetime, float]]]:
    channels = [one.row.channel_id for one in row.controllers if one.row.channel_id is not None]
    return recent_values(channels, tenant_id=row.zone.tenant_id, now=row.now)
