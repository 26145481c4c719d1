"""Forms of what is done: one row for each action, with the fields of its kind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from automation.actions import MAX_ACTIONS
from automation.queries.action_choices import ActionChoices
from devices.models import Severity
from devices.pages.command_forms import field_of, typed


class ActionForm(forms.Form):
    """One thing that is done; which fields count depends on the kind."""

    kind = forms.ChoiceField(label=_("What"), required=False)
    command = forms.ChoiceField(label=_("Command"), required=False)
    expires_in = forms.IntegerField(
        label=_("Valid for (s)"), required=False, min_value=1, max_value=86_400, initial=30
    )
    wait = forms.BooleanField(label=_("Go on only when it is done"), required=False)
    seconds = forms.IntegerField(
        label=_("Seconds"), required=False, min_value=1, max_value=86_400, initial=60
    )
    targets = forms.MultipleChoiceField(
        label=_("Whom"), required=False, widget=forms.SelectMultiple(attrs={"size": 3})
    )
    severity = forms.ChoiceField(
        label=_("Severity"), required=False, choices=Severity.choices, initial="info"
    )
    webhook = forms.ChoiceField(label=_("Webhook"), required=False)
    text = forms.CharField(label=_("Message"), required=False, max_length=500)
    zone = forms.ChoiceField(label=_("Zone"), required=False)
    mode = forms.ChoiceField(
        label=_("Mode"), required=False,
        choices=[("auto", _("automatic")), ("semi", _("half automatic")), ("manual", _("by hand"))],
    )  # fmt: skip
    schedule = forms.ChoiceField(label=_("Schedule"), required=False)
    do = forms.ChoiceField(
        label=_("Do"), required=False,
        choices=[("run", _("begin it")), ("enable", _("switch it on")),
                 ("disable", _("switch it off"))],
    )  # fmt: skip

    def __init__(
        self, data: Any, *, place: str, choices: ActionChoices, given: Mapping[str, Any]
    ) -> None:
        super().__init__(data, prefix=place, initial=_action_initial(given))
        self.place, self._choices = place, choices
        fields: dict[str, Any] = self.fields
        fields["kind"].choices = choices.kinds
        fields["command"].choices = [("", "–"), *choices.commands]
        fields["targets"].choices = choices.targets
        for name in ("webhook", "zone", "schedule"):
            fields[name].choices = [("", "–"), *getattr(choices, f"{name}s")]
        self.chosen = str(self["command"].value() or "")
        self.spec = choices.specs.get(self.chosen)
        params = given.get("params", {}) if given else {}
        for param in self.spec.params if self.spec else ():
            made = field_of(param)
            made.initial = params.get(param.name, made.initial)
            made.required = False
            self.fields[f"p_{param.name}"] = made

    @property
    def params(self) -> list[Any]:
        """Return the fields of the chosen command."""
        return [self[f"p_{param.name}"] for param in (self.spec.params if self.spec else ())]

    def action(self) -> dict[str, Any] | None:
        """Return the action as it is stored; None: the row is not used."""
        given = self.cleaned_data
        match given.get("kind"):
            case "command":
                device, _sign, name = given["command"].partition("|")
                return {
                    "kind": "command", "device": device, "name": name, "params": self._params(),
                    "wait": given["wait"], "expires_in": given["expires_in"] or 30,
                }  # fmt: skip
            case "delay":
                return {"kind": "delay", "seconds": given["seconds"] or 0}
            case "notify":
                return {
                    "kind": "notify", "targets": given["targets"], "text": given["text"],
                    "severity": given["severity"] or "info",
                }  # fmt: skip
            case "webhook":
                return {"kind": "webhook", "target": given["webhook"]}
            case "mode":
                return {"kind": "mode", "zone": given["zone"], "mode": given["mode"] or "auto"}
            case "schedule":
                return {
                    "kind": "schedule", "schedule": given["schedule"], "do": given["do"] or "run"
                }  # fmt: skip
        return None

    def number_as(self, number: int) -> None:
        """Say at which place of its list it is stored, so that refusals find it."""
        self.stored_place = f"{self.place.rpartition('-')[0]}[{number}]"

    stored_place = ""

    def owns(self, place: str) -> bool:
        """Tell whether a refusal is about this row."""
        return bool(self.stored_place) and place.startswith(self.stored_place)

    def refuse(self, place: str, text: str) -> None:
        """Put a refusal to its field."""
        inner = re.sub(r"\[.*", "", place.removeprefix(self.stored_place).lstrip("."))
        names = {"device": "command", "name": "command", "target": "webhook"}
        name = names.get(inner, inner)
        if inner.startswith("params."):
            name = f"p_{inner.removeprefix('params.')}"
        self.add_error(name if name in self.fields else "kind", text)

    def _params(self) -> dict[str, Any]:
        found = {}
        for param in self.spec.params if self.spec else ():
            value = self.cleaned_data.get(f"p_{param.name}")
            if value not in (None, ""):
                found[param.name] = typed(param, value)
        return found


def _action_initial(given: Mapping[str, Any]) -> dict[str, Any]:
    if not given:
        return {}
    found = dict(given)
    if given.get("kind") == "command":
        found["command"] = f"{given.get('device')}|{given.get('name')}"
    found["webhook"] = given.get("target", "")
    return found


def action_forms(
    data: Any, field: str, choices: ActionChoices, stored: list[Mapping[str, Any]], *, more: int = 0
) -> list[ActionForm]:
    """Return the rows of a list of actions, with an empty one at its end.

    Args: field: such as `actions`. more: further empty rows.
    """
    if data is None:
        number = len(stored) + 1
    else:
        given = str(data.get(f"{field}-rows", "1"))
        number = int(given) if given.isdecimal() and len(given) < 4 else 1
    number = max(1, min(number + more, MAX_ACTIONS))
    kept = [*stored, *({} for _row in range(number))]
    return [
        ActionForm(data, place=f"{field}-{row}", choices=choices, given=kept[row])
        for row in range(number)
    ]


def actions_of(rows: list[ActionForm]) -> list[dict[str, Any]]:
    """Return the actions of valid rows, those that are not used left out."""
    found: list[dict[str, Any]] = []
    for row in rows:
        action = row.action()
        if action is not None:
            row.number_as(len(found))
            found.append(action)
    return found
