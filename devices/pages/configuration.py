"""What a device should be set to, what it says, and how it came to that."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from accounts.pages.access import requires
from accounts.pages.people import acting_of, person_of
from accounts.services.refusals import Refusal
from devices.models import Device
from devices.queries_configuration import ConfigurationView, configuration_of
from devices.services.configuration import (
    InvalidConfiguration,
    revert_configuration,
    set_configuration,
)
from devices.shipped_words import shipped_word

FREE = "config"  # the one field of types of device that describe no parameters
TRIALS = (
    ("", gettext_lazy("Until it is changed")),
    ("300", gettext_lazy("5 minutes")),
    ("3600", gettext_lazy("1 hour")),
    ("86400", gettext_lazy("1 day")),
)


class ConfigurationForm(forms.Form):
    """One field for each parameter of the profile, and why."""

    reason = forms.CharField(label=gettext_lazy("Why"), max_length=200)
    live_for = forms.ChoiceField(
        label=gettext_lazy("For how long"),
        choices=TRIALS,
        required=False,
        help_text=gettext_lazy("After a trial, the settings of before come back by themselves."),
    )
    revision = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, parameters: list[dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.parameters = parameters
        made = {p["name"]: _field_of(p) for p in parameters} or {FREE: _json_field(_("Settings"))}
        own = dict(self.fields)
        self.fields = {**{f"p_{name}": field for name, field in made.items()}, **own}

    def body(self) -> dict[str, Any]:
        """Return the configuration; what was left empty is not part of it."""
        given = {
            name.removeprefix("p_"): value
            for name, value in self.cleaned_data.items()
            if name.startswith("p_") and value not in (None, "")
        }
        return given if self.parameters else dict(given.get(FREE) or {})

    def show_problems(self, refusal: InvalidConfiguration) -> None:
        """Put each problem to its field."""
        for problem in refusal.problems:
            name = f"p_{problem.path.partition('.')[0]}" if self.parameters else f"p_{FREE}"
            text = f"{problem.path}: {problem.detail} ({problem.code})"
            self.add_error(name if name in self.fields else None, text)


@requires("read:device")
@require_http_methods(["GET", "HEAD", "POST"])
def configuration(request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
    """Show the configuration of a device, and change it."""
    view = configuration_of(_device(device_id))
    may_write = "write:device" in acting_of(request).codes and acting_of(request).kind != "guest"
    form = ConfigurationForm(
        request.POST or None, initial=_initial(view), parameters=view.parameters
    )
    if request.method == "POST":
        if not may_write:
            raise Http404
        if form.is_valid() and _save(request, view, form):
            return redirect("device-configuration", device_id=device_id)
    context = {"view": view, "device": view.device, "form": form, "may_write": may_write,
               "now": timezone.now()}  # fmt: skip
    status = 422 if form.errors else 200
    return render(request, "devices/configuration.html", context, status=status)


@requires("write:device")
@require_POST
def configuration_revert(request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
    """Send an earlier revision again."""
    device = _device(device_id)
    number = request.POST.get("revision", "")
    try:
        made = revert_configuration(
            device=device,
            revision=int(number) if number.isdecimal() and len(number) < 10 else 0,
            reason=_("Back to revision %(number)s") % {"number": number[:10]},
            author=person_of(request),
            now=timezone.now(),
        )
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        text = _("Revision %(number)d is on its way.") % {"number": made.revision}
        messages.success(request, text)
    return redirect("device-configuration", device_id=device_id)


def _save(request: HttpRequest, view: ConfigurationView, form: ConfigurationForm) -> bool:
    seconds = form.cleaned_data["live_for"]
    try:
        made = set_configuration(
            device=view.device,
            body=form.body(),
            reason=form.cleaned_data["reason"],
            author=person_of(request),
            now=timezone.now(),
            expected_revision=form.cleaned_data["revision"],
            live_for=dt.timedelta(seconds=int(seconds)) if seconds else None,
        )
    except InvalidConfiguration as refusal:
        form.show_problems(refusal)
        return False
    except Refusal as refusal:
        form.add_error(None, str(refusal))
        return False
    text = _("Revision %(number)d is on its way.") % {"number": made.revision}
    messages.success(request, text)
    return True


def _device(device_id: uuid.UUID) -> Device:
    devices = Device.objects.select_related("profile", "gateway", "zone", "site")
    device = devices.filter(id=device_id).first()
    if device is None:
        raise Http404
    return device


def _initial(view: ConfigurationView) -> dict[str, Any]:
    """Begin with what is desired, else with what the device says."""
    body: Mapping[str, Any] = {}
    if view.desired:
        body = view.desired.body
    elif view.reported:
        body = view.reported.body
    found = {f"p_{name}": value for name, value in body.items()}
    if not view.parameters:
        found = {f"p_{FREE}": body}
    return {**found, "revision": view.desired.revision if view.desired else 0}


def _field_of(parameter: Mapping[str, Any]) -> forms.Field:
    """Return the form's field; the profile's limits are checked by the service as well."""
    unit = f" ({parameter['unit']})" if parameter.get("unit") else ""
    label = f"{shipped_word(parameter.get('label') or parameter['name'])}{unit}"
    common: dict[str, Any] = {"label": label, "required": bool(parameter.get("required"))}
    limits: dict[str, Any] = {"min_value": parameter.get("min"), "max_value": parameter.get("max")}
    kind = parameter.get("type", "text")
    if kind in {"integer", "gpio"}:
        return forms.IntegerField(**common, **limits)
    if kind == "number":
        return forms.FloatField(**common, **limits)
    if kind == "boolean":
        choices = [("", "–"), ("true", _("Yes")), ("false", _("No"))]
        return forms.TypedChoiceField(**common, choices=choices, coerce=lambda text: text == "true",
                                      empty_value=None)  # fmt: skip
    if kind in {"choice", "sensor_type"} and parameter.get("choices"):
        choices = [("", "–"), *((choice, choice) for choice in parameter["choices"])]
        return forms.ChoiceField(**common, choices=choices)
    if kind in {"list", "object"}:
        return _json_field(label, is_required=common["required"])
    return forms.CharField(**common, max_length=500)


def _json_field(label: str, *, is_required: bool = False) -> forms.JSONField:
    widget = forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "class": "input code"})
    return _JsonField(label=label, required=is_required, widget=widget, encoder=_Indented)


class _JsonField(forms.JSONField):
    """Shows nothing where nothing is set, instead of null."""

    def prepare_value(self, value: Any) -> Any:
        """Return the text to be edited."""
        return "" if value is None else super().prepare_value(value)


class _Indented(json.JSONEncoder):
    """Writes JSON that people can edit."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "indent": 2, "ensure_ascii": False})
