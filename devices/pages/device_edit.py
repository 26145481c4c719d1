"""What people change about a device: its name, its place, and whether it is being worked on."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.pages.access import requires
from accounts.services.refusals import Refusal
from devices.models import Device, Zone
from devices.services.fleet_edits import change_device
from devices.services.lifecycle import DeviceGone, set_maintenance
from devices.tags import split_tags


class DeviceForm(forms.Form):
    """The fields that the page shows; `zone` is the id of one, or blank."""

    name = forms.CharField(max_length=100)
    serial_number = forms.CharField(max_length=64, required=False)
    zone = forms.UUIDField(required=False)
    tags = forms.CharField(max_length=1000, required=False)
    seen = forms.CharField(max_length=30, required=False)


@require_POST
@requires("write:device")
def device_edit(request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
    """Rename a device, set its serial number and tags, move it to another zone of its site."""
    if not Device.objects.filter(id=device_id).exists():
        raise Http404
    form = DeviceForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Nothing was changed: a name is needed."))
        return _back(device_id)
    try:
        changes = _changes_of(form.cleaned_data)
        change_device(
            device_id=device_id, changes=changes, now=timezone.now(),
            seen=form.cleaned_data["seen"],
        )  # fmt: skip
    except DeviceGone as error:
        raise Http404 from error
    except (Refusal, ValidationError) as error:
        messages.error(request, _text_of(error))
    else:
        messages.success(request, _("Saved."))
    return _back(device_id)


@require_POST
@requires("write:device")
def device_maintenance(request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
    """Begin or end the maintenance of a device."""
    is_on = request.POST.get("is_on") == "on"
    try:
        set_maintenance(device_id=device_id, is_on=is_on, now=timezone.now())
    except DeviceGone as error:
        raise Http404 from error
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        done = _("The device is in maintenance.") if is_on else _("The device is back at work.")
        messages.success(request, done)
    return _back(device_id)


def _changes_of(given: dict[str, Any]) -> dict[str, Any]:
    zone = Zone.objects.filter(id=given["zone"]).first() if given["zone"] else None
    if given["zone"] and zone is None:
        raise ValidationError(_("There is no such zone."))
    return {
        "name": given["name"], "serial_number": given["serial_number"], "zone": zone,
        "tags": split_tags(given["tags"]),
    }  # fmt: skip


def _text_of(error: Refusal | ValidationError) -> str:
    return " ".join(error.messages) if isinstance(error, ValidationError) else str(error)


def _back(device_id: uuid.UUID) -> HttpResponse:
    return redirect(f"{reverse('device', args=[device_id])}?part=settings")
