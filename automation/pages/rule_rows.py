"""The rows of the builder: one trigger, one condition, or one action each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext_lazy as _

from alarms.pages.rule_slots import Length, Number
from automation.queries.rule_choices import Choice, Choices
from devices.models import Severity

MODES = [
    ("auto", _("automatic")), ("semi", _("half automatic: proposals")), ("manual", _("by hand")),
]  # fmt: skip
ONLINE = [("online", _("online")), ("offline", _("offline"))]
ON = [("on", _("on")), ("off", _("off"))]
STATES = [
    ("succeeded", _("has been done")), ("failed", _("has failed")),
    ("rejected", _("was rejected")), ("expired", _("got no answer")),
]  # fmt: skip
SUN = [
    ("sunrise", _("sunrise")), ("sunset", _("sunset")), ("dawn", _("dawn")), ("dusk", _("dusk")),
]  # fmt: skip


class Clock(forms.TimeField):
    """A time of the day."""

    def __init__(self, label: Any) -> None:
        widget = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
        super().__init__(label=label, required=False, widget=widget)


class Days(forms.MultipleChoiceField):
    """Days of the week, 1 is Monday."""

    def __init__(self) -> None:
        choices = [(str(number + 1), name) for number, name in WEEKDAYS_ABBR.items()]
        super().__init__(
            label=_("Days"), required=False, choices=choices, help_text=_("None: every day."),
            widget=forms.CheckboxSelectMultiple,
        )  # fmt: skip


class Pick(forms.ChoiceField):
    """One of several; `rows` are known when the form is made."""

    def __init__(self, label: Any, choices: Any = (), *, blank: Any = "") -> None:
        offered = [("", blank), *choices] if blank else list(choices)
        super().__init__(label=label, required=False, choices=offered)


class RowForm(forms.Form):
    """A row of the builder; without a kind it says nothing.

    FIELDS: of each kind, those that it shows; those in NEEDED must be given.
    """

    KINDS: list[tuple[str, Any]] = []
    FIELDS: Mapping[str, tuple[str, ...]] = {}
    NEEDED: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, data: Any, *, prefix: str, choices: Choices, shows_errors: bool) -> None:
        super().__init__(data, prefix=prefix, use_required_attribute=False)
        self.fields["kind"] = forms.ChoiceField(
            label=_("Kind"), required=False, choices=[("", "–"), *self.KINDS]
        )
        self.offer(choices)
        if not shows_errors:
            self._errors = forms.utils.ErrorDict()

    def offer(self, choices: Choices) -> None:
        """Fill in what can be chosen."""

    def choose(self, name: str, rows: list[Choice], blank: Any = "–") -> None:
        """Let a field offer rows."""
        self.fields[name].choices = [("", blank), *rows]  # type: ignore[attr-defined]

    @property
    def kind(self) -> str:
        """Return the kind that was chosen."""
        return str(self["kind"].value() or "")

    def shown(self) -> list[tuple[str, forms.BoundField]]:
        """Return each field with the kinds that show it."""
        of = {
            name: " ".join(kind for kind, names in self.FIELDS.items() if name in names)
            for name in self.fields
        }
        return [(of[name], self[name]) for name in self.fields if name != "kind" and of[name]]

    def clean(self) -> dict[str, Any]:
        """Ask for what the kind needs."""
        said: dict[str, Any] = super().clean() or {}
        for name in self.NEEDED.get(said.get("kind", ""), ()):
            if said.get(name) in (None, "", []) and name not in self.errors:
                self.add_error(name, _("This is needed."))
        return said

    def limits(self, *names: str) -> dict[str, Any]:
        """Return the numbers that were given."""
        return {name: said for name in names if (said := self.cleaned_data.get(name)) is not None}

    def given(self, *names: str) -> dict[str, Any]:
        """Return what was given and is not blank."""
        return {name: said for name in names if (said := self.cleaned_data.get(name))}


class WhenForm(RowForm):
    """What sets the rule off."""

    KINDS = [
        ("value", _("a value passes a limit")), ("time", _("it is a time of the day")),
        ("every", _("again and again")), ("sun", _("the sun rises or sets")),
        ("alarm", _("there is an alarm")), ("device", _("a device comes or goes")),
        ("actuator", _("an actuator switches")), ("command", _("a command has ended")),
        ("webhook", _("another program calls")),
    ]  # fmt: skip
    FIELDS = {
        "value": ("channel", "above", "below", "clear"), "time": ("times", "days"),
        "every": ("interval", "days"), "sun": ("event", "offset", "days"),
        "alarm": ("alarm", "severity", "any_device"), "device": ("presence", "any_device"),
        "actuator": ("device", "actuator", "switched"), "command": ("command", "state"),
        "webhook": (),
    }  # fmt: skip
    NEEDED = {
        "value": ("channel",), "time": ("times",), "every": ("interval",),
        "actuator": ("device", "actuator"), "command": ("command",),
    }  # fmt: skip

    channel = Pick(_("Value"))
    above = Number(_("Above"))
    below = Number(_("Below"))
    clear = Number(_("Over again at"), _("Blank: at the limit."))
    times = forms.RegexField(
        r"^\s*\d\d:\d\d(?:[\s,;]+\d\d:\d\d)*\s*$", label=_("Times"), required=False,
        help_text=_("Such as 06:00 18:00; of the site."),
    )  # fmt: skip
    interval = Length(_("Every"), _("At least a minute."), maximum=86_400)
    event = Pick(_("Sun"), SUN)
    offset = forms.IntegerField(
        label=_("Minutes later"), required=False, min_value=-240, max_value=240,
        help_text=_("Below zero: earlier."),
    )  # fmt: skip
    alarm = Pick(_("Alarm"), [("raised", _("is raised")), ("over", _("is over"))])
    severity = Pick(_("At least"), Severity.choices)
    any_device = Pick(_("Device"))
    presence = Pick(_("Comes or goes"), ONLINE)
    device = Pick(_("Device"))
    actuator = forms.CharField(label=_("Actuator"), max_length=64, required=False)
    switched = Pick(_("Switches"), ON)
    command = Pick(_("Command"))
    state = Pick(_("Result"), STATES)
    days = Days()

    def offer(self, choices: Choices) -> None:
        """Fill in what can be chosen."""
        self.choose("channel", choices.channels)
        self.choose("device", choices.devices)
        self.choose("any_device", choices.devices, _("any"))
        self.choose("command", choices.commands)

    def part(self, lasting: int) -> dict[str, Any]:
        """Return the trigger as it is stored. Args: lasting: seconds, of values."""
        said, kind = self.cleaned_data, self.cleaned_data["kind"]
        match kind:
            case "value":
                that = {"kind": "value", "channel": int(said["channel"])}
                that |= self.limits("above", "below", "clear")
                found = {"kind": "samples", "that": that}
                return found | ({"for": lasting} if lasting else {})
            case "time" | "every" | "sun":
                return {"kind": "time", "schedule": self._schedule()}
            case "alarm":
                found = {"kind": "alarm", "is": said["alarm"] or "raised"}
                found |= {"severity": said["severity"] or "info"}
                return found | ({"device": said["any_device"]} if said["any_device"] else {})
            case "device":
                found = {"kind": "device", "is": said["presence"] or "online"}
                return found | ({"device": said["any_device"]} if said["any_device"] else {})
            case "actuator":
                return {
                    "kind": "actuator", "device": said["device"], "actuator": said["actuator"],
                    "is": said["switched"] or "on",
                }  # fmt: skip
            case "command":
                device, _bar, name = said["command"].partition("|")
                return {"kind": "command", "device": device, "name": name,
                        "is": said["state"] or "succeeded"}  # fmt: skip
        return {"kind": kind}

    def _schedule(self) -> dict[str, Any]:
        said, days = self.cleaned_data, [int(day) for day in self.cleaned_data["days"]]
        match said["kind"]:
            case "time":
                times = said["times"].replace(",", " ").replace(";", " ").split()
                when: dict[str, Any] = {"kind": "times", "at": times}
            case "every":
                when = {"kind": "every", "seconds": said["interval"]}
            case _:
                when = {"kind": "sun", "event": said["event"] or "sunrise"}
                when |= {"offset": said["offset"]} if said["offset"] else {}
        return {"when": when} | ({"days": days} if days else {})


class IfForm(RowForm):
    """What must hold at that moment."""

    KINDS = [
        ("value", _("a value is beyond a limit")), ("week", _("it is this part of the week")),
        ("sun", _("the sun is up or down")), ("alarm", _("there is an alarm, or none")),
        ("device", _("a device is there or not")), ("actuator", _("an actuator is on or off")),
        ("mode", _("a zone is controlled so")), ("payload", _("the calling program says so")),
    ]  # fmt: skip
    FIELDS = {
        "value": ("channel", "above", "below", "lasting", "negated"),
        "week": ("start", "end", "days", "negated"), "sun": ("daylight",),
        "alarm": ("alarm", "severity", "any_device"), "device": ("device", "presence"),
        "actuator": ("device", "actuator", "switched"), "mode": ("zone", "mode", "negated"),
        "payload": ("path", "equals", "negated"),
    }  # fmt: skip
    NEEDED = {
        "value": ("channel",), "device": ("device",), "actuator": ("device", "actuator"),
        "mode": ("zone",), "payload": ("path", "equals"),
    }  # fmt: skip

    channel = Pick(_("Value"))
    above = Number(_("Above"))
    below = Number(_("Below"))
    lasting = Length(_("Since"), _("Blank: now."), maximum=86_400)
    start = Clock(_("From"))
    end = Clock(_("Until"))
    days = Days()
    daylight = Pick(_("The sun is"), [("up", _("up")), ("down", _("down"))])
    alarm = Pick(_("Alarm"), [("open", _("is open")), ("none", _("none is open"))])
    severity = Pick(_("At least"), Severity.choices)
    any_device = Pick(_("Device"))
    device = Pick(_("Device"))
    presence = Pick(_("Is"), ONLINE)
    actuator = forms.CharField(label=_("Actuator"), max_length=64, required=False)
    switched = Pick(_("Is"), ON)
    zone = Pick(_("Zone"))
    mode = Pick(_("Is controlled"), MODES)
    path = forms.CharField(
        label=_("Member"), max_length=120, required=False, help_text=_("Such as data.state.")
    )
    equals = forms.CharField(label=_("Equals"), max_length=200, required=False)
    negated = forms.BooleanField(label=_("Not: the opposite"), required=False)

    def offer(self, choices: Choices) -> None:
        """Fill in what can be chosen."""
        self.choose("channel", choices.channels)
        self.choose("device", choices.devices)
        self.choose("any_device", choices.devices, _("any"))
        self.choose("zone", choices.zones)

    def part(self) -> dict[str, Any]:
        """Return the condition as it is stored."""
        found = self._part()
        is_negated = self.cleaned_data["negated"] and "negated" in self.FIELDS[found["kind"]]
        return {"kind": "not", "of": found} if is_negated else found

    def _part(self) -> dict[str, Any]:
        said, kind = self.cleaned_data, self.cleaned_data["kind"]
        match kind:
            case "value":
                found = {"kind": kind, "channel": int(said["channel"])}
                found |= self.limits("above", "below")
                return found | ({"for": said["lasting"]} if said["lasting"] else {})
            case "week":
                return {"kind": kind, "slots": [self._slot()]}
            case "sun":
                return {"kind": kind, "is": said["daylight"] or "up"}
            case "alarm":
                found = {"kind": kind, "is": said["alarm"] or "open"}
                found |= {"severity": said["severity"] or "info"}
                return found | ({"device": said["any_device"]} if said["any_device"] else {})
            case "device":
                return {"kind": kind, "device": said["device"], "is": said["presence"] or "online"}
            case "actuator":
                return {
                    "kind": kind, "device": said["device"], "actuator": said["actuator"],
                    "is": said["switched"] or "on",
                }  # fmt: skip
            case "mode":
                return {"kind": kind, "zone": said["zone"], "is": said["mode"] or "auto"}
        return {"kind": kind, "path": said["path"], "equals": _plain(said["equals"])}

    def _slot(self) -> dict[str, Any]:
        said = self.cleaned_data
        start, end = (f"{one:%H:%M}" if one else "" for one in (said["start"], said["end"]))
        found: dict[str, Any] = {
            "from": start or "00:00", "to": "24:00" if end in {"", "00:00"} else end
        }  # fmt: skip
        return found | ({"days": [int(day) for day in said["days"]]} if said["days"] else {})


def _plain(text: str) -> str | bool | float:
    """Return what a text means in JSON: true, false and numbers are no text."""
    if text in {"true", "false"}:
        return text == "true"
    try:
        return float(text)
    except ValueError:
        return text
