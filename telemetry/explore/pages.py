"""Explore: several channels of several devices over time, and one's exports."""

from __future__ import annotations

import uuid
from dataclasses import asdict

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.actor import actor_of
from accounts.pages.access import requires
from accounts.pages.people import acting_of
from telemetry.explore.queries import (
    MAX_CHANNELS,
    chosen_channels,
    named_channel,
    read_ids,
    search_channels,
)
from telemetry.explore.strings import explore_strings
from telemetry.exports import service
from telemetry.exports.api import download_url
from telemetry.exports.models import ExportFormat, ExportState

SEARCH_LENGTH = 100
ROWS = 50


@require_safe
@requires("read:telemetry")
def explore(request: HttpRequest) -> HttpResponse:
    """Show the channels that the address names; the script reads the period from it."""
    wanted = read_ids(request.GET.getlist("c"))
    chosen = chosen_channels(wanted)
    if not chosen and (metric := request.GET.get("metric", "")):
        chosen = named_channel(read_ids(request.GET.getlist("device")), metric[:64])
    context = {
        "gone": max(len(wanted) - len(chosen), 0),
        "chosen": [asdict(choice) for choice in chosen], "strings": explore_strings(),
        "most": MAX_CHANNELS, "may_export": "export:report" in acting_of(request).codes,
        "formats": ExportFormat.choices, "ranges": _ranges(),
    }  # fmt: skip
    return render(request, "explore/explore.html", context)


@require_safe
@requires("read:telemetry")
def explore_channels(request: HttpRequest) -> JsonResponse:
    """Answer a search with channels, at most thirty."""
    found = search_channels(request.GET.get("q", "")[:SEARCH_LENGTH])
    response = JsonResponse({"channels": [asdict(choice) for choice in found]})
    response["Cache-Control"] = "private, no-store"
    return response


@require_safe
@requires("export:report")
def exports(request: HttpRequest) -> HttpResponse:
    """List one's exports with their progress and links."""
    rows = list(service.list_exports(_owner(request))[:ROWS])
    context = {
        "rows": [(job, download_url(job)) for job in rows],
        "is_busy": any(job.state in {ExportState.QUEUED, ExportState.RUNNING} for job in rows),
    }  # fmt: skip
    return render(request, "explore/exports.html", context)


@require_POST
@requires("export:report")
def export_delete(request: HttpRequest, export_id: uuid.UUID) -> HttpResponse:
    """Delete an export and its file."""
    try:
        service.delete_export(owner_id=_owner(request), export_id=export_id, now=timezone.now())
    except service.ExportGone as error:
        raise Http404 from error
    messages.success(request, _("The export is deleted."))
    return redirect("exports")


def _ranges() -> list[tuple[str, str, str]]:
    """Return beginning, end and name of the periods on offer."""
    return [
        ("now-24h", "now", _("24 h")), ("now/d", "now/d", _("Today")), ("now-7d", "now", _("7 d")),
        ("now-30d/d", "now/d", _("30 d")), ("now-1y/d", "now/d", _("1 year")),
    ]  # fmt: skip


def _owner(request: HttpRequest) -> uuid.UUID:
    owner = actor_of(request).id
    if owner is None:
        raise Http404
    return owner
