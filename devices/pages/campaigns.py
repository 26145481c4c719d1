"""Campaigns: form with preview, waves as a picture, pause and halt with their reasons."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of, person_of
from accounts.services.refusals import Refusal
from devices.campaign_plans import plan_of
from devices.models import CampaignKind, CampaignState, TargetState
from devices.pages.firmware_forms import CampaignForm, ReasonForm
from devices.queries_campaigns import find_campaign, list_campaigns, list_targets, reason_of
from devices.services.campaigns import (
    cancel_campaign,
    pause_campaign,
    preview_campaign,
    resume_campaign,
    start_campaign,
)

PAGE_ROWS = 50


@require_safe
@requires("read:firmware")
def campaigns(request: HttpRequest) -> HttpResponse:
    """List campaigns, the newest first."""
    rows = list_campaigns().order_by("-started_at", "id")
    context = {
        "page": Paginator(rows, 25).get_page(request.GET.get("page")),
        "may_write": "write:firmware" in acting_of(request).codes,
        "section": "campaigns",
    }
    return render(request, "devices/campaigns.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:firmware")
def campaign_new(request: HttpRequest) -> HttpResponse:
    """Plan, look at who gets it, start."""
    wanted = request.POST.get("kind") or request.GET.get("kind")
    kind = wanted if wanted in CampaignKind.values else CampaignKind.FIRMWARE.value
    form = CampaignForm(request.POST or None, initial=request.GET.dict(), kind=kind)
    found = None
    if request.method == "POST" and form.is_valid():
        try:
            plan = plan_of(form.asked())
            if "start" in request.POST:
                made = start_campaign(plan=plan, actor=person_of(request), now=timezone.now())
                return redirect("campaign", made.id)
            found = preview_campaign(plan=plan, now=timezone.now())
        except Refusal as refusal:
            form.add_error(None, str(refusal))
    context = {
        "form": form,
        "kind": kind,
        "preview": found,
        "skipped": [
            (reason_of(code), number) for code, number in found.skipped_by_code.items()
        ] if found else [],
    }  # fmt: skip
    status = 422 if form.errors else 200
    return render(request, "devices/campaign_new.html", context, status=status)


@require_safe
@requires("read:firmware")
def campaign(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """Show how far each wave and each device is."""
    return render(request, "devices/campaign.html", _context(request, campaign_id))


@require_safe
@requires("read:firmware")
def campaign_progress(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """Show the same without the page around it."""
    return render(request, "devices/_campaign_progress.html", _context(request, campaign_id))


@require_POST
@requires("write:firmware")
def campaign_pause(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """Offer it to nobody else for the time being."""
    return _change(request, campaign_id, pause_campaign, _("The campaign is paused."))


@require_POST
@requires("write:firmware")
def campaign_resume(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """Go on."""
    return _change(request, campaign_id, resume_campaign, _("The campaign goes on."))


@require_POST
@requires("write:firmware")
def campaign_cancel(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """End it."""
    return _change(request, campaign_id, cancel_campaign, _("The campaign is cancelled."))


def _change(
    request: HttpRequest, campaign_id: uuid.UUID, change: Callable[..., Any], done: str
) -> HttpResponse:
    form = ReasonForm(request.POST)
    if not list_campaigns().filter(id=campaign_id).exists():
        raise Http404
    if not form.is_valid():
        messages.error(request, _("Say why: others will want to know."))
        return redirect("campaign", campaign_id)
    try:
        change(campaign_id=campaign_id, reason=form.cleaned_data["reason"], now=timezone.now())
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, done)
    return redirect("campaign", campaign_id)


def _context(request: HttpRequest, campaign_id: uuid.UUID) -> dict[str, Any]:
    view = find_campaign(campaign_id)
    if view is None:
        raise Http404
    state = request.GET.get("state", "")
    chosen = state if state in TargetState.values else ""
    rows = list_targets(campaign_id, state=chosen).order_by("wave", "device__name", "id")
    page = Paginator(rows, PAGE_ROWS).get_page(request.GET.get("page"))
    found = view.campaign
    return {
        "view": view,
        "campaign": found,
        "page": page,
        "rows": [(row, reason_of(row.error_code) if row.error_code else "") for row in page],
        "states": TargetState.choices,
        "chosen": chosen,
        "query": request.GET.urlencode(),
        "may_write": "write:firmware" in acting_of(request).codes,
        "is_running": found.finished_at is None and found.state != CampaignState.HALTED,
        "can_pause": found.state == CampaignState.RUNNING,
        "can_resume": found.state in {CampaignState.PAUSED, CampaignState.HALTED},
        "can_cancel": found.state
        in {CampaignState.RUNNING, CampaignState.PAUSED, CampaignState.HALTED},
        "section": "campaigns",
    }
