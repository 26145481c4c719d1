"""The customers' pages."""

from __future__ import annotations

import uuid

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.identity import Acting, switch_tenant
from devices.models import Device
from devices.presence import Presence
from reports import queries
from reports.styleguide import example_context

SEARCH_LENGTH = 100
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
    return render(request, "reports/home.html", {"overview": overview, "now": now})


@require_safe
@login_required
def device(request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
    """Show one device; another organisation's device does not exist."""
    if getattr(request, "acting", None) is None:
        raise Http404
    _check_reading(request)
    now = timezone.now()
    try:
        page = queries.device_page(device_id, now=now)
    except Device.DoesNotExist as error:
        raise Http404 from error
    return render(request, "reports/device.html", {"device": page, "now": now})


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
    if acting.kind != "guest" and not acting.codes >= READING:
        raise PermissionDenied


def _without_tenant(request: HttpRequest) -> HttpResponse:
    if request.user.is_staff:  # type: ignore[union-attr]
        return redirect("admin:index")
    return render(request, "reports/no_tenant.html")
