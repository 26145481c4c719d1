"""The command console: of one device, of all, and one command's timeline."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of
from accounts.services.refusals import Refusal
from devices.command_schema import CommandSpec
from devices.command_states import OPEN, PUBLIC_STATES
from devices.command_words import CHECK_NAMES, PUBLIC_NAMES
from devices.models import Command, Device
from devices.pages.command_forms import CommandForm
from devices.queries_commands import (
    actuators_of,
    command_label,
    find_command,
    find_commanded_device,
    list_commands,
    list_stops,
    marks,
    offered_commands,
    reason,
    recent_commands,
    stops_of,
    timeline,
)
from devices.safety import explain
from devices.services.command_refusals import BadParams
from devices.services.commands import cancel_command, queue_command
from devices.shipped_words import shipped_word

PAGE = 50


@require_http_methods(["GET", "HEAD", "POST"])
@requires("read:command")
def console(request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
    """Show what a device was told and what it can be told; tell it something."""
    device = _device(device_id)
    specs = offered_commands(device)
    may_control = "control:device" in acting_of(request).codes
    filled = None
    if request.method == "POST":
        filled = _form_of(request, specs)
        if filled is None or not may_control:
            raise Http404
        if filled.is_valid() and _queue(request, device, filled):
            return redirect("device-commands", device.id)
    forms = [
        filled if filled is not None and filled.spec.name == spec.name else CommandForm(spec=spec)
        for spec in specs
    ]
    context = {
        "device": device, "forms": forms, "may_control": may_control, "now": timezone.now(),
        "stops": stops_of(device), "opened": filled.spec.name if filled else "",
        **_recent(device),
    }  # fmt: skip
    return render(request, "devices/commands.html", context)


@require_safe
@requires("read:command")
def recent(request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
    """Show the newest commands of a device and its actuators, to be put into the page."""
    device = _device(device_id)
    context = {"device": device, "now": timezone.now(), **_recent(device)}
    return render(request, "devices/_commands_recent.html", context)


@require_safe
@requires("read:command")
def command_list(request: HttpRequest) -> HttpResponse:
    """List the commands of all devices, the newest first."""
    state = request.GET.get("state", "")
    state = state if state in PUBLIC_STATES else ""
    rows = list_commands(state=state or None).order_by("-requested_at", "id")
    page = Paginator(rows, PAGE).get_page(request.GET.get("page", "1"))
    context = {
        "page": page,
        "commands": [(command, command_label(command), reason(command)) for command in page],
        "state": state, "states": [(name, PUBLIC_NAMES[name]) for name in PUBLIC_STATES],
        "now": timezone.now(),
        "stops": list_stops(only_active=True).order_by("-pressed_at", "id")[:20],
    }  # fmt: skip
    return render(request, "devices/command_list.html", context)


@require_safe
@requires("read:command")
def command_detail(request: HttpRequest, command_id: uuid.UUID) -> HttpResponse:
    """Show what became of one command, and what safety looked at."""
    command = _command(command_id)
    checks = [
        (str(CHECK_NAMES.get(c["check"], c["check"])), explain(c["code"], c["values"]))
        for c in command.verdict
    ]
    context = {
        "command": command, "label": command_label(command),
        "steps": timeline(command), "marks": marks(command),
        "checks": checks, "reason": reason(command), "now": timezone.now(),
        "may_cancel": command.state == "queued"
        and "control:device" in acting_of(request).codes,
    }  # fmt: skip
    return render(request, "devices/command_detail.html", context)


@require_POST
@requires("control:device")
def command_cancel(request: HttpRequest, command_id: uuid.UUID) -> HttpResponse:
    """Take a command back."""
    command = _command(command_id)
    user: Any = request.user
    try:
        cancel_command(actor=user, command=command, now=timezone.now())
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The command is cancelled."))
    return redirect("command-detail", command.id)


def _recent(device: Device) -> dict[str, Any]:
    commands = recent_commands(device_id=device.id, limit=20)
    return {
        "commands": [
            (command, command_label(command), marks(command), reason(command))
            for command in commands
        ],
        "actuators": actuators_of(device),
        "is_waiting": any(command.state in OPEN for command in commands),
    }


def _form_of(request: HttpRequest, specs: list[CommandSpec]) -> CommandForm | None:
    for spec in specs:
        if spec.name == request.POST.get("name"):
            return CommandForm(request.POST, spec=spec)
    return None


def _queue(request: HttpRequest, device: Device, form: CommandForm) -> bool:
    """Queue what the form says; False when the form has to be shown again."""
    user: Any = request.user
    try:
        queued = queue_command(
            actor=user, device=device, name=form.spec.name, params=form.params(),
            idempotency_key=f"page:{form.cleaned_data['key']}", now=timezone.now(),
            expires_in=form.cleaned_data["expires_in"],
        )  # fmt: skip
    except BadParams as refusal:
        form.show_problems(refusal)
        return False
    except Refusal as refusal:
        form.add_error(None, str(refusal))
        return False
    if queued.command.state == "invalid":
        messages.error(request, reason(queued.command))
    else:
        messages.success(request, _("%s is on its way.") % shipped_word(form.spec.label))
    return True


def _device(device_id: uuid.UUID) -> Device:
    try:
        return find_commanded_device(device_id)
    except Device.DoesNotExist as error:
        raise Http404 from error


def _command(command_id: uuid.UUID) -> Command:
    try:
        return find_command(command_id)
    except Command.DoesNotExist as error:
        raise Http404 from error
