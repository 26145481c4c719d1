"""The form of a rule: WHEN, AND FOR, ONLY AT, THEN."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from alarms.models import AlarmRule, AlarmRuleVersion
from alarms.models.rule import MAX_ADVICE, MAX_TEXT
from alarms.pages.rule_slots import Length, Number, slot_forms
from alarms.queries.rule_choices import Choices
from alarms.queries.scopes import Scope
from alarms.services.expressions import Expression
from alarms.services.rule_refusals import RuleRefused
from alarms.services.rules import Content
from devices.models import Severity

INPUTS = 4
KINDS = [
    ("threshold", _("is above or below a limit")), ("rate", _("changes too fast")),
    ("last_week", _("differs from the same time last week")),
    ("state", _("has one of these states")), ("no_data", _("is not heard")),
]  # fmt: skip
WATCHES = [("metric", _("A metric of devices")), ("expression", _("A formula over channels"))]
LIMITS = ("above", "clear_above", "below", "clear_below")
_SLOT = re.compile(r"definition\.active\[(\d+)\](?:\.(from|to|days))?")
_FIELDS = {
    "definition.when.values": "values", "definition.when.seconds": "silence",
    "definition.for_seconds": "lasting", "definition.clear_seconds": "clearing",
    "definition.times": "times", "definition.hold_seconds": "hold",
    "definition.severity": "severity", "channel": "device",
    "expression.inputs": "channel_1", "expression.formula": "formula", "expression.unit": "unit",
}  # fmt: skip


class RuleForm(forms.Form):
    """A rule as people say it."""

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("Such as: cold store too warm.")
    )
    watches = forms.ChoiceField(
        label=_("Watches"), choices=WATCHES, widget=forms.RadioSelect, initial="metric"
    )
    metric = forms.ChoiceField(label=_("Metric"), required=False)
    device = forms.ChoiceField(label=_("Device"), required=False)
    site = forms.ChoiceField(label=_("Site"), required=False)
    profile = forms.ChoiceField(label=_("Type of device"), required=False)
    tag = forms.ChoiceField(label=_("Tag"), required=False)
    formula = forms.CharField(
        label=_("Formula"), max_length=500, required=False,
        help_text=_("With + - * / min max abs if, such as abs(a - b)."),
    )  # fmt: skip
    unit = forms.CharField(label=_("Unit of the result"), max_length=20, required=False)
    kind = forms.ChoiceField(label=_("Condition"), choices=KINDS, initial="threshold")
    above = Number(
        _("Above"), _("Raised above this; a change counts a minute, last week in percent.")
    )
    clear_above = Number(_("Ends at or below"), _("Blank: at the limit."))
    below = Number(_("Below"), _("Raised below this."))
    clear_below = Number(_("Ends at or above"), _("Blank: at the limit."))
    values = forms.CharField(
        label=_("States"), max_length=200, required=False, help_text=_("Such as: 2; 3")
    )
    silence = Length(_("Silent for"), _("At least 10 seconds."))
    lasting = Length(_("For at least"), _("Blank: at once."))
    times = forms.IntegerField(
        label=_("Readings in a row"), min_value=1, max_value=1000, initial=1, required=False
    )
    clearing = Length(_("Ends when right for"), _("Blank: at once."))
    hold = Length(_("A reading holds for"), _("Blank: as long as the device may be silent."))
    severity = forms.ChoiceField(
        label=_("Severity"), choices=Severity.choices, initial=Severity.WARNING
    )
    text = forms.CharField(
        label=_("Message"), max_length=MAX_TEXT, required=False,
        help_text=_(
            "May name {value} {unit} {limit} {device} {channel} {site} {since}. "
            "Blank: the condition in words."
        ),
    )  # fmt: skip
    advice = forms.CharField(
        label=_("What to do"), max_length=MAX_ADVICE, required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )  # fmt: skip
    note = forms.CharField(label=_("Reason of the change"), max_length=200, required=False)
    based_on = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, data: Any, *, choices: Choices, rule: AlarmRule | None = None,
        version: AlarmRuleVersion | None = None, expression: Expression | None = None,
    ) -> None:  # fmt: skip
        definition = version.definition if version else {}
        initial = _initial(rule, version, definition) | _inputs_of(expression)
        super().__init__(data, initial=initial)
        self._choices, self._known = choices, expression
        offered = {
            "metric": choices.metrics(initial.get("metric", "")), "device": choices.devices,
            "site": choices.sites, "profile": choices.profiles,
            "tag": choices.tags(initial.get("tag", "")),
        }  # fmt: skip
        for name, rows in offered.items():
            self.fields[name].choices = [("", _("any") if name != "metric" else "–"), *rows]  # type: ignore[attr-defined]
        for row in range(1, INPUTS + 1):
            self._add_input(row)
        self.slots = slot_forms(data, definition.get("active", []))

    def _add_input(self, row: int) -> None:
        self.fields[f"name_{row}"] = forms.CharField(
            label=_("Name in the formula"), max_length=32, required=False
        )
        self.fields[f"channel_{row}"] = forms.ChoiceField(
            label=_("Channel"), choices=[("", "–"), *self._choices.channels], required=False
        )

    def inputs(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        """Return the pairs of name and channel."""
        return [(self[f"name_{row}"], self[f"channel_{row}"]) for row in range(1, INPUTS + 1)]

    @property
    def shows_more(self) -> bool:
        """Tell whether something rare was entered or is wrong, so that it must be seen."""
        rare = [self[name] for name in ("times", "clearing", "hold")]
        hours = [field for form in self.slots for field in form]
        if any(field.errors for field in (*rare, *hours)):
            return True
        said = [field.value() for field in (*rare[1:], *hours)]
        flat = [one[0] if isinstance(one, list) and one else one for one in said]
        return any(flat) or str(rare[0].value() or 1) != "1"

    def is_valid(self) -> bool:
        """Look at the hours as well."""
        return all([super().is_valid(), *(form.is_valid() for form in self.slots)])

    def scope(self) -> Scope:
        """Return what a rule over a metric watches."""
        said = self.cleaned_data
        device, profile, site = (
            uuid.UUID(said[name]) if said[name] else None for name in ("device", "profile", "site")
        )
        return Scope(None, said["metric"], device, profile, site, said["tag"])

    def expression(self) -> Expression | None:
        """Return the formula; None where a metric is watched. Raises: RuleRefused."""
        said = self.cleaned_data
        if said["watches"] != "expression":
            return None
        if not said["formula"]:
            raise RuleRefused("required", str(_("Write a formula.")), "expression.formula")
        inputs = {
            said[f"name_{row}"].strip(): int(said[f"channel_{row}"])
            for row in range(1, INPUTS + 1) if said[f"channel_{row}"]
        }  # fmt: skip
        made = Expression(said["formula"], inputs, said["unit"].strip(), label=said["name"][:100])
        if self._known is None:
            return made
        return replace(
            made, alignment=self._known.alignment, tolerance_seconds=self._known.tolerance_seconds
        )

    def content(self) -> Content:
        """Return the version that was entered. Raises: RuleRefused."""
        said = self.cleaned_data
        return Content(self.definition(), said["text"], said["advice"], said["note"])

    def definition(self) -> dict[str, Any]:
        """Return the definition that was entered. Raises: RuleRefused."""
        said = self.cleaned_data
        found: dict[str, Any] = {"when": self._when(), "severity": said["severity"]}
        if said["kind"] != "no_data":
            for name, field in (("for_seconds", "lasting"), ("clear_seconds", "clearing")):
                found[name] = said[field] or 0
            found["times"] = said["times"] or 1
            if said["hold"]:
                found["hold_seconds"] = said["hold"]
        slots = [form.slot() for form in self.slots if form.is_given]
        return found | ({"active": slots} if slots else {})

    def _when(self) -> dict[str, Any]:
        said = self.cleaned_data
        when: dict[str, Any] = {"kind": said["kind"]}
        if said["kind"] == "state":
            when["values"] = _numbers(said["values"])
        elif said["kind"] == "no_data":
            when["seconds"] = said["silence"] or 0
        else:
            when |= {name: said[name] for name in LIMITS if said[name] is not None}
        return when

    def refuse(self, error: RuleRefused) -> None:
        """Say what is wrong where it was entered."""
        if found := _SLOT.match(error.field):
            given = [form for form in self.slots if form.is_given]
            given[int(found[1])].add_error("end" if found[2] == "to" else "start", error.detail)
            return
        name = _FIELDS.get(error.field, error.field.rpartition(".")[2])
        self.add_error(name if name in self.fields else None, error.detail)


def _initial(
    rule: AlarmRule | None, version: AlarmRuleVersion | None, definition: dict[str, Any]
) -> dict[str, Any]:
    if rule is None or version is None:
        return {}
    when = definition.get("when", {})
    channel = rule.channel
    return {
        "name": rule.name, "metric": channel.name if channel else rule.metric,
        "device": channel.device_id if channel else rule.device_id, "site": rule.site_id,
        "profile": rule.profile_id, "tag": rule.tag, "kind": when.get("kind"),
        **{name: _plain(when[name]) for name in LIMITS if when.get(name) is not None},
        "values": "; ".join(_plain(value) for value in when.get("values", ())),
        "silence": when.get("seconds"), "lasting": definition.get("for_seconds"),
        "times": definition.get("times", 1), "clearing": definition.get("clear_seconds"),
        "hold": definition.get("hold_seconds"),
        "severity": definition.get("severity", Severity.WARNING),
        "text": version.text, "advice": version.advice, "based_on": version.number,
    }  # fmt: skip


def _inputs_of(expression: Expression | None) -> dict[str, Any]:
    if expression is None:
        return {}
    found: dict[str, Any] = {
        "watches": "expression", "formula": expression.formula, "unit": expression.unit,
        "metric": "", "device": "",
    }  # fmt: skip
    for row, (name, channel) in enumerate(sorted(expression.inputs.items()), 1):
        found |= {f"name_{row}": name, f"channel_{row}": channel}
    return found


def _numbers(text: str) -> list[float]:
    try:
        return [float(part.replace(",", ".")) for part in text.split(";") if part.strip()]
    except ValueError:
        detail = str(_("Write numbers with a semicolon between them."))
        raise RuleRefused("not_finite", detail, "definition.when.values") from None


def _plain(value: float) -> str:
    return f"{value:.10g}"
