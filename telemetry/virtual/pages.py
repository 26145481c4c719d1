"""Calculated values of a device: listed, made, removed."""

from __future__ import annotations

import uuid

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of
from devices.labels import name_channel
from devices.models import Channel, Device, Kind
from devices.models.channel import CHANNEL_NAME
from devices.queries import find_device
from energy.lib.units import symbol
from telemetry.models import Alignment, VirtualChannel
from telemetry.services.virtual import (
    VirtualRefused,
    Wanted,
    create_virtual_channel,
    remove_virtual_channel,
)
from telemetry.virtual.formula import MAX_LENGTH
from telemetry.virtual.queries import channel_choices, list_virtual_channels, progress_of

ROWS = 6


def _choice_text(channel: Channel) -> str:
    label = name_channel(channel.name, channel.label).label
    unit = symbol(channel.unit)
    return f"{channel.device.name}: {label}{f' ({unit})' if unit else ''}"


class VirtualForm(forms.Form):
    """A calculated value; the channels stand in rows of name and channel."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=64,
        validators=[CHANNEL_NAME],
        help_text=gettext_lazy("Lower-case, such as self_consumption."),
    )
    formula = forms.CharField(
        label=gettext_lazy("Formula"),
        max_length=MAX_LENGTH,
        help_text=gettext_lazy("With + - * / min max abs if, such as max(grid - solar, 0)."),
    )
    unit = forms.CharField(
        label=gettext_lazy("Unit"),
        max_length=20,
        required=False,
        help_text=gettext_lazy("Such as kW."),
    )
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=Kind.choices, initial=Kind.GAUGE)
    alignment = forms.ChoiceField(
        label=gettext_lazy("Computed"), choices=Alignment.choices, initial=Alignment.QUARTER
    )
    tolerance_seconds = forms.IntegerField(
        label=gettext_lazy("Tolerance"),
        min_value=1,
        max_value=86_400,
        initial=300,
        help_text=gettext_lazy("Seconds for which a value may stand in."),
    )

    def __init__(self, data: object, choices: list[Channel]) -> None:
        super().__init__(data)  # type: ignore[arg-type]
        self._choices = {str(channel.uuid): channel for channel in choices}
        named = [(key, _choice_text(channel)) for key, channel in self._choices.items()]
        for row in range(1, ROWS + 1):
            self.fields[f"name_{row}"] = forms.CharField(
                label=_("Name in the formula"), max_length=32, required=False
            )
            self.fields[f"channel_{row}"] = forms.ChoiceField(
                label=_("Channel"), choices=[("", "–"), *named], required=False
            )

    def rows(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        """Return the pairs of name and channel."""
        return [(self[f"name_{row}"], self[f"channel_{row}"]) for row in range(1, ROWS + 1)]

    def has_more(self) -> bool:
        """Tell whether a row that is folded away at first is in use."""
        return any(self[f"channel_{row}"].value() for row in range(4, ROWS + 1))

    def wanted(self) -> Wanted:
        """Return what is to be computed; rows without a channel do not count."""
        said = self.cleaned_data
        inputs = {
            said[f"name_{row}"].strip(): self._choices[said[f"channel_{row}"]].id
            for row in range(1, ROWS + 1)
            if said[f"channel_{row}"]
        }
        return Wanted(said["formula"], inputs, said["alignment"], said["tolerance_seconds"])


@require_safe
@requires("read:device")
def virtual_channels(request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
    """Show the calculated values of a device."""
    device = _device(device_id)
    return _show(request, device, VirtualForm(None, channel_choices(device.site_id)))


@require_POST
@requires("write:device")
def virtual_new(request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
    """Make a calculated value."""
    device = _device(device_id)
    form = VirtualForm(request.POST, channel_choices(device.site_id))
    if not form.is_valid() or not _create(device, form):
        return _show(request, device, form)
    messages.success(request, _("It is being computed, the past too."))
    return redirect("device-virtual", device_id=device.id)


def _show(request: HttpRequest, device: Device, form: VirtualForm) -> HttpResponse:
    context = {
        "device": device,
        "form": form,
        "rows": [(row, progress_of(row)) for row in list_virtual_channels(device.id)],
        "may_write": "write:device" in acting_of(request).codes,
    }
    return render(request, "telemetry/virtual.html", context)


@require_POST
@requires("write:device")
def virtual_remove(
    request: HttpRequest, device_id: uuid.UUID, virtual_id: uuid.UUID
) -> HttpResponse:
    """Remove a calculated value with its past."""
    device = _device(device_id)
    if not list_virtual_channels(device.id).filter(id=virtual_id).exists():
        raise Http404
    try:
        remove_virtual_channel(virtual_id=virtual_id, now=timezone.now())
    except VirtualRefused as error:
        messages.error(request, str(error))
    except VirtualChannel.DoesNotExist as error:
        raise Http404 from error
    else:
        messages.success(request, _("It is removed."))
    return redirect("device-virtual", device_id=device.id)


def _device(device_id: uuid.UUID) -> Device:
    try:
        return find_device(device_id)
    except Device.DoesNotExist as error:
        raise Http404 from error


def _create(device: Device, form: VirtualForm) -> bool:
    """Make it; False, with the reason in the form, when it cannot be."""
    said = form.cleaned_data
    try:
        create_virtual_channel(
            device_id=device.id,
            name=said["name"],
            unit=said["unit"],
            kind=said["kind"],
            wanted=form.wanted(),
            now=timezone.now(),
        )
    except VirtualRefused as error:
        field = error.field if error.field in form.fields else None
        form.add_error(field, str(error))
        return False
    return True
