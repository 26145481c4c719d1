"""Forms of the part "Data quality": manual readings, corrections, asking again."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import sanitize_separators
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts.models import User
from accounts.pages.access import requires
from accounts.services.refusals import Refusal
from devices.models import Channel, Device
from telemetry.quality import Quality
from telemetry.truth.backfill import request_again
from telemetry.truth.corrections import add_manual_reading, correct_value
from telemetry.truth.serializers import REASON_LENGTH


class ValueForm(forms.Form):
    """A value for a moment of the site's clock; to the second, as `datetime-local` gives it."""

    channel = forms.UUIDField()
    at = forms.DateTimeField(input_formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"])
    value = forms.CharField(max_length=40)
    reason = forms.CharField(max_length=REASON_LENGTH)
    quality = forms.ChoiceField(
        choices=[(quality.label, quality.label) for quality in Quality], required=False
    )

    def __init__(self, *args: Any, zone: ZoneInfo, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._zone = zone

    def clean_at(self) -> dt.datetime:
        """Take the time as the site's; the first of two where the clock goes back."""
        moment: dt.datetime = self.cleaned_data["at"]
        return moment.replace(tzinfo=self._zone, fold=0)

    def clean_value(self) -> float:
        """Read a number as people of the language write it."""
        try:
            return float(sanitize_separators(self.cleaned_data["value"].strip()))
        except ValueError as error:
            raise forms.ValidationError(_("Enter a number.")) from error


@require_POST
@requires("write:telemetry")
def reading_add(request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
    """Store what somebody read off the meter."""
    return _set_value(request, device_id, add_manual_reading, _("The reading is stored."))


@require_POST
@requires("write:telemetry")
def value_correct(request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
    """Replace a stored value."""
    return _set_value(request, device_id, correct_value, _("The value is corrected."))


@require_POST
@requires("write:telemetry")
def gaps_request(request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
    """Ask again for readings that were given up."""
    device = _find_device(device_id)
    number = request_again(device=device, now=timezone.now())
    text = ngettext(
        "%(number)d gap is asked for again.", "%(number)d gaps are asked for again.", number
    )
    messages.success(request, text % {"number": number})
    return redirect(_page(device))


def _set_value(request: HttpRequest, device_id: uuid.UUID, service: Any, done: str) -> HttpResponse:
    device = _find_device(device_id)
    form = ValueForm(request.POST, zone=ZoneInfo(device.site.timezone))
    if not form.is_valid():
        messages.error(
            request, " ".join(str(text) for texts in form.errors.values() for text in texts)
        )
        return redirect(_page(device))
    given = form.cleaned_data
    channel = Channel.objects.filter(device=device, uuid=given["channel"]).first()
    if channel is None:
        raise Http404
    extra = {}
    if service is correct_value and given["quality"]:
        extra["quality"] = Quality[given["quality"].upper()]
    person = request.user if isinstance(request.user, User) else None
    try:
        service(
            channel=channel, at=given["at"], value=given["value"], reason=given["reason"],
            made_by=person, now=timezone.now(), **extra,
        )  # fmt: skip
    except Refusal as error:
        messages.error(request, str(error))
    else:
        messages.success(request, done)
    return redirect(_page(device))


def _find_device(device_id: uuid.UUID) -> Device:
    device = Device.objects.select_related("site").filter(id=device_id).first()
    if device is None:
        raise Http404
    return device


def _page(device: Device) -> str:
    return f"{reverse('device', args=[device.id])}?part=quality"
