"""Forms of a zone: its mode, a role, a controller."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from automation.control.setup import ControllerSetup, RoleSetup
from automation.models import ControlMode, ZoneController
from automation.pages.pairs import Pairs, write_pairs
from automation.queries.zone_choices import ZoneChoices

HOURS = [("", gettext_lazy("Until somebody changes it")), ("1", gettext_lazy("For 1 hour")),
         ("4", gettext_lazy("For 4 hours")), ("24", gettext_lazy("For 1 day")),
         ("168", gettext_lazy("For 7 days"))]  # fmt: skip
_BLANK = [("", "–")]


class Number(forms.FloatField):
    """A number, with a comma or a point."""

    widget = forms.TextInput

    def __init__(self, label: Any, help_text: Any = "") -> None:
        super().__init__(label=label, help_text=help_text, required=False)
        self.widget.attrs["inputmode"] = "decimal"

    def to_python(self, value: Any) -> float | None:  # type: ignore[override]
        """Read a comma as a point."""
        return super().to_python(value.replace(",", ".") if isinstance(value, str) else value)


class ModeForm(forms.Form):
    """Who decides in a zone, why, and for how long."""

    mode = forms.ChoiceField(choices=ControlMode.choices, label=gettext_lazy("Mode"))
    reason = forms.CharField(
        label=gettext_lazy("Reason"), required=False, max_length=500,
        help_text=gettext_lazy("Others see it here and in the audit trail."),
    )  # fmt: skip
    hours = forms.ChoiceField(choices=HOURS, required=False, label=gettext_lazy("How long"))
    after = forms.ChoiceField(
        choices=ControlMode.choices, required=False, label=gettext_lazy("Afterwards")
    )


class RoleForm(forms.Form):
    """Who does something in a zone."""

    name = forms.RegexField(
        r"^[a-z][a-z0-9_]{0,39}\Z", label=gettext_lazy("Role"), max_length=40,
        help_text=gettext_lazy("As recipes call it: irrigation, ph_down, heater, lights."),
    )  # fmt: skip
    start = forms.ChoiceField(label=gettext_lazy("Command that starts it"))
    params = Pairs(gettext_lazy("Its fixed parameters"))
    amount = forms.CharField(
        label=gettext_lazy("Parameter of the amount"), required=False, max_length=64,
        help_text=gettext_lazy("Filled in by a controller: a dose, a time or a value."),
    )  # fmt: skip
    stop = forms.ChoiceField(
        label=gettext_lazy("Command that stops it"), required=False,
        help_text=gettext_lazy("Needed to switch on and off, and for windows of time."),
    )  # fmt: skip
    stop_params = Pairs(gettext_lazy("Parameters of the stop"))

    def __init__(self, data: Any, *, choices: ZoneChoices, role: RoleSetup | None = None) -> None:
        initial = {} if role is None else {
            "name": role.name, "start": f"{role.device}|{role.start}",
            "params": write_pairs(role.params), "amount": role.amount,
            "stop": f"{role.device}|{role.stop}" if role.stop else "",
            "stop_params": write_pairs(role.stop_params),
        }  # fmt: skip
        super().__init__(data, initial=initial)
        fields: Mapping[str, Any] = self.fields
        fields["start"].choices = [*_BLANK, *choices.starts]
        fields["stop"].choices = [*_BLANK, *choices.stops]
        fields["amount"].widget.attrs["list"] = "amounts"

    def clean(self) -> dict[str, Any]:
        """Refuse a stop of another device."""
        said = self.cleaned_data
        device, stop = said.get("start", "").partition("|")[0], said.get("stop", "")
        if stop and stop.partition("|")[0] != device:
            self.add_error("stop", _("Choose a command of the same device."))
        return said

    def setup(self) -> dict[str, Any]:
        """Return the role as it is asked for."""
        said = self.cleaned_data
        device, _bar, start = said["start"].partition("|")
        return {
            "name": said["name"], "device": str(uuid.UUID(device)), "start": start,
            "params": said["params"], "amount": said["amount"],
            "stop": said["stop"].partition("|")[2], "stop_params": said["stop_params"],
        }  # fmt: skip


class ControllerForm(forms.Form):
    """What brings a value to its target."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    kind = forms.ChoiceField(label=gettext_lazy("How it acts"), choices=ZoneController.Kind.choices)
    metric = forms.RegexField(
        r"^[a-z][a-z0-9_]{0,63}\Z", label=gettext_lazy("Metric"),
        help_text=gettext_lazy("As recipes call it: ph, ec, temperature, charge_limit."),
    )  # fmt: skip
    channel = forms.ChoiceField(
        label=gettext_lazy("What is measured"), required=False,
        help_text=gettext_lazy("A setpoint needs none."),
    )  # fmt: skip
    raises = forms.ChoiceField(label=gettext_lazy("Role that raises it"), required=False)
    lowers = forms.ChoiceField(label=gettext_lazy("Role that lowers it"), required=False)
    target = Number(
        gettext_lazy("Own target"), gettext_lazy("Where the phase of a recipe gives none.")
    )
    deadband = Number(
        gettext_lazy("Deadband (±)"), gettext_lazy("No action within so much of the target.")
    )
    gain = Number(gettext_lazy("Dose for a deviation of 1"))
    least = Number(gettext_lazy("Smallest dose"))
    most = Number(gettext_lazy("Largest dose"))
    pause_seconds = forms.IntegerField(
        label=gettext_lazy("Pause between actions (s)"), min_value=10, max_value=86_400,
        initial=300,
    )  # fmt: skip
    per_hour = Number(
        gettext_lazy("Most in an hour"), gettext_lazy("Of doses their sum, else how often.")
    )
    per_day = Number(gettext_lazy("Most in 24 hours"))
    max_age_seconds = forms.IntegerField(
        label=gettext_lazy("Oldest value (s)"), min_value=5, max_value=86_400, initial=300,
        help_text=gettext_lazy("An older value counts for nothing: then nothing is started."),
    )  # fmt: skip
    is_enabled = forms.BooleanField(label=gettext_lazy("Enabled"), required=False)

    def __init__(
        self,
        data: Any,
        *,
        choices: ZoneChoices,
        roles: list[str],
        controller: ControllerSetup | None = None,
    ) -> None:
        initial: dict[str, Any] = {"deadband": 0}
        if controller is not None:
            initial = {name: getattr(controller, name) for name in controller.__struct_fields__}
        super().__init__(data, initial=initial)
        offered = [*_BLANK, *((name, name) for name in roles)]
        fields: Mapping[str, Any] = self.fields
        fields["raises"].choices = fields["lowers"].choices = offered
        fields["channel"].choices = [*_BLANK, *choices.channels]

    def setup(self) -> dict[str, Any]:
        """Return the controller as it is asked for."""
        said = dict(self.cleaned_data)
        said["channel"] = int(said["channel"]) if said["channel"] else None
        for name in ("deadband", "gain", "least", "most"):
            said[name] = said[name] or 0.0
        return said
