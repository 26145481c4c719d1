"""The rows of the builder that say what is done; commands have fields of their own."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from alarms.pages.rule_slots import Length, Number
from automation.actions import MAX_DELAY, MAX_TEXT
from automation.pages.rule_rows import MODES, Pick, RowForm
from automation.queries.rule_choices import Choices
from devices.command_schema import ParamSpec
from devices.models import Severity
from energy.lib.units import symbol

PARAM = "param_"


class ThenForm(RowForm):
    """One action."""

    KINDS = [
        ("command", _("order a device")), ("delay", _("wait")), ("notify", _("tell people")),
        ("webhook", _("call another program")), ("mode", _("control a zone so")),
        ("schedule", _("use a schedule")),
    ]  # fmt: skip
    FIELDS = {
        "command": ("command", "wait"), "delay": ("length",),
        "notify": ("targets", "text", "severity"), "webhook": ("webhook",),
        "mode": ("zone", "mode"), "schedule": ("schedule", "do"),
    }  # fmt: skip
    NEEDED = {
        "command": ("command",), "delay": ("length",), "notify": ("targets",),
        "webhook": ("webhook",), "mode": ("zone",), "schedule": ("schedule",),
    }  # fmt: skip

    command = Pick(_("Command"))
    wait = forms.BooleanField(label=_("Go on only when it is done"), required=False)
    length = Length(_("Wait"), maximum=MAX_DELAY)
    targets = forms.MultipleChoiceField(
        label=_("Tell"), required=False, widget=forms.CheckboxSelectMultiple
    )
    text = forms.CharField(
        label=_("Message"), max_length=MAX_TEXT, required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("May name {rule} {site} {value} {unit} {device} {channel} {time}."),
    )  # fmt: skip
    severity = Pick(_("Severity"), Severity.choices)
    webhook = Pick(_("Webhook"))
    zone = Pick(_("Zone"))
    mode = Pick(_("Control it"), MODES)
    schedule = Pick(_("Schedule"))
    do = Pick(_("Do"), [
        ("run", _("begin a run now")), ("enable", _("switch it on")),
        ("disable", _("switch it off")),
    ])  # fmt: skip

    def offer(self, choices: Choices) -> None:
        """Fill in what can be chosen, and ask for the parameters of the command."""
        self.choose("command", choices.commands)
        self.choose("webhook", choices.webhooks)
        self.choose("zone", choices.zones)
        self.choose("schedule", choices.schedules)
        self.fields["targets"].choices = choices.targets  # type: ignore[attr-defined]
        self.fields["command"].widget.attrs["data-reload"] = ""
        chosen = str(self["command"].value() or "")
        spec = choices.specs.get(chosen)
        self.params = {one.name: one for one in spec.params} if spec else {}
        for name, param in self.params.items():
            self.fields[PARAM + name] = _field(param)
        self.FIELDS = self.FIELDS | {
            "command": ("command", *(PARAM + name for name in self.params), "wait")
        }
        order = ["kind", "command", *(PARAM + name for name in self.params)]
        self.order_fields(order)

    def part(self) -> dict[str, Any]:
        """Return the action as it is stored."""
        said, kind = self.cleaned_data, self.cleaned_data["kind"]
        match kind:
            case "command":
                return self._command()
            case "delay":
                return {"kind": kind, "seconds": said["length"]}
            case "notify":
                found = {"kind": kind, "targets": said["targets"]}
                found |= {"text": said["text"]} if said["text"] else {}
                severity = said["severity"] or "info"
                return found | ({} if severity == "info" else {"severity": severity})
            case "webhook":
                return {"kind": kind, "target": said["webhook"]}
            case "mode":
                return {"kind": kind, "zone": said["zone"], "mode": said["mode"] or "auto"}
        return {"kind": kind, "schedule": said["schedule"], "do": said["do"] or "run"}

    def _command(self) -> dict[str, Any]:
        said = self.cleaned_data
        device, _bar, name = said["command"].partition("|")
        params = {
            param: _value(given)
            for param in self.params
            if (given := said.get(PARAM + param)) not in (None, "")
        }
        found: dict[str, Any] = {"kind": "command", "device": device, "name": name}
        found |= {"params": params} if params else {}
        return found | ({"wait": True} if said["wait"] else {})


def _field(param: ParamSpec) -> forms.Field:
    """Return a field for a parameter; what is not given takes the default of the device."""
    label = param.label or param.name
    if param.choices:
        rows: list[tuple[str, Any]] = [("", "–"), *((str(o), str(o)) for o in param.choices)]
        return forms.TypedChoiceField(
            label=label, choices=rows, required=False, empty_value=None,
            coerce=lambda text: next((o for o in param.choices if str(o) == text), text),
        )  # fmt: skip
    if param.type == "boolean":
        rows = [("", "–"), ("1", _("yes")), ("0", _("no"))]
        return forms.TypedChoiceField(
            label=label, choices=rows, required=False, empty_value=None,
            coerce=lambda text: text == "1",
        )  # fmt: skip
    if param.type in {"number", "integer"}:
        return Number(label, _range(param))
    return forms.CharField(label=label, max_length=500, required=False)


def _range(param: ParamSpec) -> str:
    bounds = [f"{one:g}" for one in (param.minimum, param.maximum) if one is not None]
    return " ".join(part for part in ("–".join(bounds), symbol(param.unit)) if part)


def _value(given: Any) -> Any:
    is_whole = isinstance(given, float) and given.is_integer() and abs(given) < 2**53
    return int(given) if is_whole else given
