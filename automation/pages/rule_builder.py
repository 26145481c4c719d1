"""The builder of rules: WHEN, AND, FOR, THEN as rows of small forms, without scripts.

All of it stands in what the form sends; buttons add, remove and move rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from alarms.pages.rule_slots import Length
from automation.pages.rule_actions import PARAM, ThenForm
from automation.pages.rule_draft import NotInForm, draft_of
from automation.pages.rule_rows import IfForm, RowForm, WhenForm
from automation.queries.rule_choices import Choices
from automation.rules.definition import BadRule, RuleDefinition, read_rule, write_rule
from automation.services.rule_refusals import RuleRefused

MOST = {"when": 10, "if": 20, "then": 20}
_DO = re.compile(r"(add|drop|up):(when|if|then)(?::(\d{1,2}))?")
_PLACE = re.compile(r"(when|then)\[(\d+)\](.*)|(if)(?:\.of\[(\d+)\])?(.*)")
# members of definitions whose fields have another name
_FIELDS = {
    "for": "lasting", "name": "command", "seconds": "length", "target": "webhook",
    "at": "times", "schedule": "times",
}  # fmt: skip


class HeadForm(forms.Form):
    """What stands around the rows."""

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("Such as: water when dry."))
    site = forms.ChoiceField(
        label=_("Site"), required=False, help_text=_("Its times are local there.")
    )
    join = forms.ChoiceField(
        label=_("How conditions go together"), required=False,
        choices=[("all", _("all of these hold")), ("any", _("one of these holds"))],
    )  # fmt: skip
    lasting = Length(_("For at least"), _("Values must stay so. Blank: at once."), maximum=86_400)
    cooldown = Length(
        _("Then rest for"), _("It does not act again so soon. Blank: no rest."), maximum=86_400
    )
    late = Length(
        _("Act up to"), _("Later than this after the event it does nothing."), maximum=3600
    )
    most_per_hour = forms.IntegerField(
        label=_("At most, times an hour"), min_value=1, max_value=3600, initial=60,
        required=False, help_text=_("More often it is stopped as one that sets itself off."),
    )  # fmt: skip
    note = forms.CharField(label=_("Reason of the change"), max_length=200, required=False)
    based_on = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any, *, choices: Choices, shows_errors: bool) -> None:
        super().__init__(data, use_required_attribute=False)
        self.fields["site"].choices = [("", _("none: UTC")), *choices.sites]  # type: ignore[attr-defined]
        if not shows_errors:
            self._errors = forms.utils.ErrorDict()


class Builder:
    """The form of a rule. data: as a form sends it. shows_errors: it was sent to be kept."""

    def __init__(self, data: QueryDict, *, choices: Choices, shows_errors: bool) -> None:
        self.data = data
        self.head = HeadForm(data, choices=choices, shows_errors=shows_errors)
        kinds: dict[str, type[RowForm]] = {"when": WhenForm, "if": IfForm, "then": ThenForm}
        self.rows: dict[str, list[Any]] = {
            part: [
                form(data, prefix=f"{part}-{row}", choices=choices, shows_errors=shows_errors)
                for row in range(max(1, count_rows(data, part)))
            ]
            for part, form in kinds.items()
        }
        self.refused: list[str] = []

    @property
    def when(self) -> list[WhenForm]:
        """Return the triggers."""
        return self.rows["when"]

    @property
    def conditions(self) -> list[IfForm]:
        """Return the conditions."""
        return self.rows["if"]

    @property
    def then(self) -> list[ThenForm]:
        """Return the actions."""
        return self.rows["then"]

    @property
    def has_errors(self) -> bool:
        """Tell whether something is marked."""
        return any(form.errors for form in self._forms())

    def _forms(self) -> Sequence[forms.Form]:
        return [self.head, *(row for rows in self.rows.values() for row in rows)]

    def is_valid(self) -> bool:
        """Look at every part; without a trigger or an action there is nothing to keep."""
        for part, text in (
            ("when", _("Choose what sets it off.")), ("then", _("Choose what is done."))
        ):  # fmt: skip
            if not any(row.kind for row in self.rows[part]):
                self.rows[part][0].add_error("kind", text)
        return not any([form.errors for form in self._forms()])

    def definition(self) -> dict[str, Any]:
        """Return what was entered, as it is stored; call it when it is valid."""
        said = self.head.cleaned_data
        parts = [row.part() for row in self._said("if")]
        found: dict[str, Any] = {
            "when": [row.part(said["lasting"] or 0) for row in self._said("when")],
            "then": [row.part() for row in self._said("then")],
        }
        if parts:
            found["if"] = (
                parts[0] if len(parts) == 1 else {"kind": said["join"] or "all", "of": parts}
            )
        return found | {name: said[name] for name in ("cooldown", "late", "most_per_hour")
                        if said[name]}  # fmt: skip

    def _said(self, part: str) -> list[Any]:
        return [row for row in self.rows[part] if row.kind]

    def refuse(self, error: RuleRefused) -> None:
        """Show why something was refused, at its field where there is one."""
        form, field = self._at(error.field)
        if form is not None and field not in form.fields:
            field = "kind" if isinstance(form, RowForm) else None
        if form is None:
            self.head.add_error(None, error.detail)
        else:
            form.add_error(field, error.detail)

    def _at(self, place: str) -> tuple[Any, str | None]:
        if place in self.head.fields:
            return self.head, place
        found = _PLACE.match(place)
        if found is None:
            return None, None
        part, row, rest = (
            found[1] or found[4],
            found[2] or found[5] or "0",
            found[3] or found[6] or "",
        )
        said = self._said(part)
        if int(row) >= len(said):
            return None, None
        last = rest.rpartition(".")[2].partition("[")[0]
        name = PARAM + last if ".params." in rest else _FIELDS.get(last, last)
        return said[int(row)], name


def count_rows(data: QueryDict, part: str) -> int:
    """Return how many rows of a part there are."""
    return next((n for n in range(MOST[part]) if f"{part}-{n}-kind" not in data), MOST[part])


def moved(data: QueryDict, do: str) -> QueryDict | None:
    """Return what a form sent after a row was added, dropped or moved up; None: nothing was."""
    found = _DO.fullmatch(do)
    if found is None:
        return None
    what, part, row = found[1], found[2], int(found[3] or 0)
    order: list[int | None] = list(range(max(1, count_rows(data, part))))
    if what == "add" and len(order) < MOST[part]:
        order.append(None)
    elif what == "drop" and row < len(order):
        order.pop(row)
    elif what == "up" and 0 < row < len(order):
        order[row - 1], order[row] = order[row], order[row - 1]
    return _reordered(data, part, order)


def _reordered(data: QueryDict, part: str, order: list[int | None]) -> QueryDict:
    made = QueryDict(mutable=True)
    for name, values in data.lists():
        if not name.startswith(f"{part}-"):
            made.setlist(name, values)
    for number, old in enumerate(order):
        made[f"{part}-{number}-kind"] = ""
        for name, values in data.lists():
            if old is not None and name.startswith(f"{part}-{old}-"):
                made.setlist(f"{part}-{number}-{name.removeprefix(f'{part}-{old}-')}", values)
    return made


def draft_in_form(stored: dict[str, Any], *, choices: Choices) -> QueryDict | None:
    """Return a stored definition as a form sends it; None where the form cannot say all of it."""
    try:
        definition: RuleDefinition = read_rule(stored)
        data = draft_of(definition)
    except (BadRule, NotInForm):
        return None
    data["name"] = "-"
    builder = Builder(data, choices=choices, shows_errors=True)
    if not builder.is_valid():
        return None
    try:
        again = write_rule(read_rule(builder.definition()))
    except BadRule:
        return None
    return data if again == write_rule(definition) else None
