"""The work list of rejected messages."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of
from accounts.services.refusals import Refusal
from telemetry.masking import masked
from telemetry.models import RejectedMessage, RejectedState
from telemetry.pages.rejected_help import advice, reason_name
from telemetry.payload_view import as_hex, as_text
from telemetry.queries_rejected import (
    RejectedGroup,
    count_reasons,
    find_group,
    list_groups,
    newest_messages,
    sender_of,
)
from telemetry.services.replays import discard_group, progress_of, start_replay

PAGE_SIZE = 25
MESSAGES_SHOWN = 10


@require_safe
@requires("write:telemetry")
def rejected(request: HttpRequest) -> HttpResponse:
    """List the groups that wait, or were dealt with."""
    tenant_id = acting_of(request).tenant_id
    state = request.GET.get("state", "")
    state = state if state in RejectedState.values else RejectedState.OPEN
    reason, text = request.GET.get("reason", "")[:50], request.GET.get("q", "")[:200]
    text = text.replace("\0", "")
    groups = list_groups(
        tenant_id=tenant_id, state=state, reason=reason.replace("\0", ""), text=text
    )
    page = Paginator(groups, PAGE_SIZE).get_page(request.GET.get("page"))
    counted = count_reasons(tenant_id=tenant_id)
    context = {
        "page": page,
        "groups": [(group, reason_name(group.reason)) for group in page],
        "reasons": [(code, reason_name(code), number) for code, number in counted],
        "total": sum(number for _code, number in counted),
        "states": RejectedState.choices,
        "state": state,
        "reason": reason,
        "text": text,
    }
    return render(request, "telemetry/rejected.html", context)


@require_safe
@requires("write:telemetry")
def rejected_group(request: HttpRequest, group_key: str) -> HttpResponse:
    """Show a group: why, who, what exactly came."""
    group = _group(request, group_key)
    codes = acting_of(request).codes
    found = newest_messages(
        tenant_id=acting_of(request).tenant_id, key=group_key, limit=MESSAGES_SHOWN
    )
    device = sender_of(found[0]) if found else None
    context = {
        **_progress(request, group),
        "rows": [_shown(message) for message in found],
        "advice": advice(group.reason),
        "reason_name": reason_name(group.reason),
        "device": device if "read:device" in codes else None,
        "mapping_url": _mapping_url(request, found[0], device) if found else "",
        "may_discard": "delete:telemetry" in codes,
    }
    return render(request, "telemetry/rejected_group.html", context)


@require_safe
@requires("write:telemetry")
def rejected_progress(request: HttpRequest, group_key: str) -> HttpResponse:
    """Show how far the replay is, without the page around it."""
    context = _progress(request, _group(request, group_key))
    return render(request, "telemetry/_rejected_progress.html", context)


@require_POST
@requires("write:telemetry")
def rejected_replay(request: HttpRequest, group_key: str) -> HttpResponse:
    """Send a group through the pipeline again."""
    _group(request, group_key)
    tenant_id = acting_of(request).tenant_id
    try:
        start_replay(tenant_id=tenant_id, key=group_key, now=timezone.now())
    except Refusal as refusal:
        messages.warning(request, str(refusal))
        return redirect("rejected")
    messages.success(request, _("The replay has begun. What is refused again comes back here."))
    return redirect("rejected-group", group_key)


@require_POST
@requires("delete:telemetry")
def rejected_discard(request: HttpRequest, group_key: str) -> HttpResponse:
    """Mark a group as not wanted."""
    _group(request, group_key)
    tenant_id = acting_of(request).tenant_id
    try:
        count = discard_group(tenant_id=tenant_id, key=group_key, now=timezone.now())
    except Refusal as refusal:
        messages.warning(request, str(refusal))
    else:
        text = ngettext("%(n)d message discarded.", "%(n)d messages discarded.", count)
        messages.success(request, text % {"n": count})
    return redirect("rejected")


def _group(request: HttpRequest, key: str) -> RejectedGroup:
    group = find_group(tenant_id=acting_of(request).tenant_id, key=key)
    if group is None:
        raise Http404
    return group


def _progress(request: HttpRequest, group: RejectedGroup) -> dict[str, Any]:
    tenant_id = acting_of(request).tenant_id
    counts: dict[str, int] = dict.fromkeys(RejectedState.values, 0)
    for state in counts:
        for found in list_groups(tenant_id=tenant_id, state=state, key=group.key):
            counts[state] = found.different
    progress = progress_of(tenant_id, group.key)
    return {
        "group": group,
        "counts": counts,
        "progress": progress,
        "is_running": progress is not None and progress.state != "done",
    }


def _shown(message: RejectedMessage) -> dict[str, Any]:
    payload = masked(bytes(message.payload))
    return {
        "message": message,
        "size": len(payload),
        "text": as_text(payload),
        "hex": as_hex(payload),
    }


def _mapping_url(request: HttpRequest, message: RejectedMessage, device: Any) -> str:
    """Return where staff mend the mapping with this message; "" for everybody else."""
    user: Any = request.user
    if device is None or not user.has_perm("devices.change_deviceprofile"):
        return ""
    if not user.is_staff:
        return ""
    address = reverse("admin:devices_deviceprofile_mapping", args=[device.profile_id])
    return f"{address}?rejected={message.id}"
