"""Forms about commands, made from what a type of device declares."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.command_schema import CommandSpec, ParamSpec
from devices.models import DeviceProfile, Site, Zone
from devices.services.batches import MAX_DEVICES
from devices.services.command_refusals import BadParams
from devices.services.commands import DEFAULT_SECONDS, MAX_SECONDS
from devices.shipped_words import shipped_word

PREFIX = "p_"


class CommandForm(forms.Form):
    """One field for each parameter of a command, and how long it is valid.

    `key` makes a double click one command.
    """

    name = forms.CharField(widget=forms.HiddenInput)
    key = forms.CharField(widget=forms.HiddenInput, max_length=64)
    expires_in = forms.IntegerField(
        label=gettext_lazy("Valid for (s)"),
        min_value=1,
        max_value=MAX_SECONDS,
        initial=DEFAULT_SECONDS,
        help_text=gettext_lazy("Not done at all when the device is not reached in time."),
    )

    def __init__(self, *args: Any, spec: CommandSpec, **kwargs: Any) -> None:
        kwargs["initial"] = {"name": spec.name, "key": uuid.uuid4().hex}
        super().__init__(*args, **kwargs)
        self.auto_id = f"id_{spec.name}_%s"  # many forms on one page
        self.spec = spec
        made: dict[str, Any] = {PREFIX + param.name: field_of(param) for param in spec.params}
        self.fields = {**made, **self.fields}

    def params(self) -> dict[str, Any]:
        """Return the parameters that were filled in, with their types."""
        return {
            param.name: typed(param, self.cleaned_data[PREFIX + param.name])
            for param in self.spec.params
            if self.cleaned_data.get(PREFIX + param.name) not in (None, "")
        }

    def show_problems(self, refusal: BadParams) -> None:
        """Put each problem to its field."""
        for problem in refusal.problems:
            name = PREFIX + problem.name
            self.add_error(name if name in self.fields else None, problem.detail)


class BatchForm(forms.Form):
    """Which devices shall do what, and how fast."""

    profile = forms.ModelChoiceField(
        DeviceProfile.objects.none(), label=gettext_lazy("Type of device"), to_field_name="key"
    )
    command = forms.CharField(
        label=gettext_lazy("Command"), max_length=64,
        widget=forms.TextInput(attrs={"list": "command-names", "autocomplete": "off"}),
    )  # fmt: skip
    params = forms.JSONField(
        label=gettext_lazy("Parameters"), required=False, initial=dict,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy('As JSON, such as {"percent": 40}.'),
    )  # fmt: skip
    site = forms.ModelChoiceField(
        Site.objects.none(), label=gettext_lazy("Site"), required=False,
        empty_label=gettext_lazy("All sites"),
    )  # fmt: skip
    zone = forms.ModelChoiceField(
        Zone.objects.none(), label=gettext_lazy("Zone"), required=False,
        empty_label=gettext_lazy("All zones"),
    )  # fmt: skip
    stage_size = forms.IntegerField(
        label=gettext_lazy("Devices at once"), min_value=1, max_value=MAX_DEVICES, initial=10
    )
    stage_seconds = forms.IntegerField(
        label=gettext_lazy("Seconds between"), min_value=0, max_value=86_400, initial=30
    )
    halt_percent = forms.IntegerField(
        label=gettext_lazy("Halt at failures (%)"), min_value=1, max_value=100, initial=20
    )
    key = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["initial"] = {"key": uuid.uuid4().hex, **kwargs.get("initial", {})}
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        fields["profile"].queryset = DeviceProfile.objects.exclude(commands=[]).order_by("name")
        fields["site"].queryset = Site.objects.order_by("name", "id")
        fields["zone"].queryset = Zone.objects.order_by("name", "id")

    def clean_params(self) -> dict[str, Any]:
        """Return an object, empty without any."""
        given = self.cleaned_data["params"] or {}
        if not isinstance(given, dict):
            raise forms.ValidationError(_("Write an object, such as {}."))
        return given


def field_of(param: ParamSpec) -> forms.Field:
    """Return the field in which people fill a parameter in."""
    words = shipped_word(param.label)
    label = f"{words} ({param.unit})" if param.unit else words
    common: dict[str, Any] = {
        "label": label, "required": param.required and param.type != "boolean",
        "initial": param.default,
    }  # fmt: skip
    if param.choices:
        choices = [(str(choice), str(choice)) for choice in param.choices]
        return forms.ChoiceField(
            choices=choices if param.required else [("", "–"), *choices], **common
        )
    if param.type == "boolean":
        return forms.BooleanField(**common)
    if param.type == "string":
        return forms.CharField(max_length=500, **common)
    limits = {"min_value": param.minimum, "max_value": param.maximum}
    kind = forms.IntegerField if param.type == "integer" else forms.FloatField
    return kind(**limits, **common)  # type: ignore[arg-type]


def typed(param: ParamSpec, value: Any) -> Any:
    """Return a choice as the profile writes it; other fields have their types already."""
    for choice in param.choices:
        if str(choice) == str(value):
            return choice
    return value
