"""The customers' pages."""

from __future__ import annotations

import uuid
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.identity import Acting, switch_tenant
from alarms.queries.inbox import AlarmFilter, count_open_by_site, open_alarms
from alarms.queries.rules import rules_of_device
from devices.models import Device
from devices.presence import Presence
from devices.queries_device_parts import Part, offered_parts, read_part, wire_parts
from reports import queries
from reports.energy.home import read_tiles
from reports.styleguide import example_context
from telemetry.pages.announced import announced_parts
from telemetry.truth.part import QUALITY

SEARCH_LENGTH = 100
OPEN_ALARMS = 5
WATCHING_RULES = 20
READING = {"read:site", "read:device", "read:telemetry"}


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Show all sites and devices of the organisation."""
    if getattr(request, "acting", None) is None:
        return _without_tenant(request)
    _check_reading(request)
    now = timezone.now()
    presence = request.GET.get("presence", "")
    overview = queries.overview(
        now=now,
        search=request.GET.get("q", "").strip()[:SEARCH_LENGTH],
        presence=presence if presence in set(Presence) else "",
        page=request.GET.get("page", "1"),
    )
    may_meter = "read:meter" in request.acting.codes  # type: ignore[attr-defined]
    context = {
        "overview": overview, "now": now,
        "energy_tiles": read_tiles(now=now) if may_meter and not _is_guest(request) else [],
        "alarm_counts": count_open_by_site(now=now)
        if "read:alarm" in request.acting.codes else {},  # type: ignore[attr-defined]
    }  # fmt: skip
    return render(request, "reports/home.html", context)


@require_safe
@login_required
def device(request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
    """Show one device, or the part of it that `part` names.

    Another organisation's device does not exist.
    """
    if getattr(request, "acting", None) is None:
        raise Http404
    _check_reading(request)
    now = timezone.now()
    codes = request.acting.codes  # type: ignore[attr-defined]
    parts = offered_parts(codes, further=_further_parts(device_id))
    part = next((part for part in parts if part.name == request.GET.get("part")), None)
    try:
        page = queries.device_page(device_id, now=now, with_readings=part is None)
        found = read_part(part, device_id, now=now) if part else {}
    except Device.DoesNotExist as error:
        raise Http404 from error
    timezone.activate(ZoneInfo(page.timezone))
    context = {
        "device": page, "now": now, "parts": parts, "part": part.name if part else "",
        "may_provision": "provision:device" in codes,
        "may_calculate": "read:device" in codes, "device_key": str(device_id),
        "open_alarms": open_alarms(AlarmFilter(device_id=device_id), now=now, limit=OPEN_ALARMS)
        if "read:alarm" in codes and part is None else [],
        "watching": rules_of_device(device_id)[:WATCHING_RULES]
        if "read:alarm" in codes and part is None else [],
    }  # fmt: skip
    return render(request, "reports/device.html", context | found)


def _further_parts(device_id: uuid.UUID) -> tuple[Part, ...]:
    return (QUALITY, *announced_parts(device_id), *wire_parts(device_id))


@require_POST
@login_required
def switch_organisation(request: HttpRequest) -> HttpResponse:
    """Act for another of one's organisations from now on."""
    try:
        tenant_id = uuid.UUID(request.POST.get("tenant", ""))
    except ValueError as error:
        raise Http404 from error
    if not switch_tenant(request, tenant_id=tenant_id):
        raise Http404
    return redirect("home")


@require_safe
@login_required
def styleguide(request: HttpRequest) -> HttpResponse:
    """Show every component with its real markup."""
    context = example_context(now=timezone.now())
    return render(request, "reports/styleguide.html", context)


def _check_reading(request: HttpRequest) -> None:
    """Refuse a role that may not read; a guest's scope holds the shared rows only."""
    acting: Acting = request.acting  # type: ignore[attr-defined]
    if not (_is_guest(request) or acting.codes >= READING):
        raise PermissionDenied


def _is_guest(request: HttpRequest) -> bool:
    acting: Acting = request.acting  # type: ignore[attr-defined]
    return acting.kind == "guest"


def _without_tenant(request: HttpRequest) -> HttpResponse:
    if request.user.is_staff:  # type: ignore[union-attr]
        return redirect("admin:index")
    return render(request, "reports/no_tenant.html")
