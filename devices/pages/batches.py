"""One command for many devices: form, preview, result."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of
from accounts.services.refusals import Refusal
from devices.command_states import FAILED
from devices.command_words import skip_reason
from devices.models import CommandBatch, Device
from devices.pages.command_forms import BatchForm
from devices.queries_commands import command_names, find_devices, list_batches
from devices.services.batches import Plan, cancel_batch, create_batch, preview_batch, retry_batch


@require_safe
@requires("read:command")
def batches(request: HttpRequest) -> HttpResponse:
    """List the newest batches."""
    context = {
        "batches": list_batches().order_by("-requested_at", "id")[:50],
        "may_control": "control:device" in acting_of(request).codes,
        "now": timezone.now(),
    }
    return render(request, "devices/batches.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("control:device")
def batch_new(request: HttpRequest) -> HttpResponse:
    """Choose devices and a command; look at both; send."""
    form = BatchForm(request.POST or None, initial=request.GET.dict())
    found = None
    if request.method == "POST" and form.is_valid():
        try:
            if "send" in request.POST:
                batch, _is_replay = _create(request, form.cleaned_data)
                return redirect("batch", batch.id)
            found = _preview(request, form.cleaned_data)
        except Refusal as refusal:
            form.add_error(None, str(refusal))
    context = {
        "form": form,
        "eligible": [candidate for candidate in found or () if not candidate.code],
        "skipped": [
            (candidate.device, skip_reason(candidate.code, candidate.detail), candidate.code)
            for candidate in found or ()
            if candidate.code
        ],
        "is_previewed": found is not None,
        "names": command_names(),
    }
    return render(request, "devices/batch_new.html", context)


@require_safe
@requires("read:command")
def batch(request: HttpRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Show how far a batch is, device by device."""
    return render(request, "devices/batch.html", _progress(request, _batch(batch_id)))


@require_safe
@requires("read:command")
def batch_progress(request: HttpRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Show the same without the page around it."""
    return render(request, "devices/_batch_progress.html", _progress(request, _batch(batch_id)))


@require_POST
@requires("control:device")
def batch_cancel(request: HttpRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Send nothing more of a batch."""
    found = _batch(batch_id)
    user: Any = request.user
    try:
        cancel_batch(actor=user, batch=found, now=timezone.now())
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("Nothing more of this batch is sent."))
    return redirect("batch", found.id)


@require_POST
@requires("control:device")
def batch_retry(request: HttpRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Try again what failed, as a new batch."""
    found = _batch(batch_id)
    user: Any = request.user
    try:
        again, _is_replay = retry_batch(
            actor=user, batch=found, now=timezone.now(),
            idempotency_key=f"page:{request.POST.get('key', '')[:64]}",
        )  # fmt: skip
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return redirect("batch", found.id)
    return redirect("batch", again.id)


def _progress(request: HttpRequest, found: CommandBatch) -> dict[str, Any]:
    items = found.items.select_related("device", "command").order_by("stage", "device__name", "id")
    rows = list(items)
    return {
        "batch": found,
        "items": [item for item in rows if not item.skip_code],
        "skipped": [
            (item.device, skip_reason(item.skip_code, item.skip_detail), item.skip_code)
            for item in rows
            if item.skip_code
        ],
        "counts": sorted(
            Counter(str(i.command.get_state_display()) for i in rows if i.command).items()
        ),
        "is_running": found.state == CommandBatch.State.RUNNING,
        "may_cancel": found.finished_at is None,
        "may_control": "control:device" in acting_of(request).codes,
        "has_failed": any(item.command and item.command.state in FAILED for item in rows),
        "key": uuid.uuid4().hex,
        "now": timezone.now(),
    }


def _devices(wanted: dict[str, Any]) -> list[Device]:
    site, zone = wanted["site"], wanted["zone"]
    return find_devices(
        profile_key=wanted["profile"].key,
        site_id=site.id if site else None,
        zone_id=zone.id if zone else None,
    )


def _preview(request: HttpRequest, wanted: dict[str, Any]) -> Any:
    user: Any = request.user
    return preview_batch(
        actor=user, devices=_devices(wanted), name=wanted["command"], params=wanted["params"],
        now=timezone.now(),
    )  # fmt: skip


def _create(request: HttpRequest, wanted: dict[str, Any]) -> tuple[CommandBatch, bool]:
    user: Any = request.user
    plan = Plan(wanted["stage_size"], wanted["stage_seconds"], wanted["halt_percent"])
    return create_batch(
        actor=user, devices=_devices(wanted), name=wanted["command"], params=wanted["params"],
        plan=plan, idempotency_key=f"page:{wanted['key']}", now=timezone.now(),
    )  # fmt: skip


def _batch(batch_id: uuid.UUID) -> CommandBatch:
    found = CommandBatch.objects.filter(id=batch_id).first()
    if found is None:
        raise Http404
    return found
