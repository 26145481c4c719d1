"""The editor of a recipe: phases, each with targets and schedules, as plain fields.

The fields of phase 0 are called p0-name, p0-t1-metric, p0-s0-role …; buttons that add or remove
something send the form, which comes back with what was typed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from automation.control.recipe import Phase, PhaseSchedule, RecipeDefinition, Target
from automation.pages.pairs import Pairs, write_pairs
from automation.pages.zone_forms import Number
from automation.schedules.definition import (
    BadSchedule,
    Every,
    Times,
    Window,
    read_schedule,
    write_schedule,
)
from automation.services.zone_refusals import ZoneRefused, refusal_of

MAX_PHASES, MAX_ROWS = 50, 20
_METRIC = r"^[a-z][a-z0-9_]{0,63}\Z"
_ROLE = r"^[a-z][a-z0-9_]{0,39}\Z"
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])\Z")
KINDS = [
    ("times", gettext_lazy("at times")), ("window", gettext_lazy("from … until …")),
    ("every", gettext_lazy("again and again")), ("other", gettext_lazy("as it was given")),
]  # fmt: skip
_UNITS = [
    ("1", gettext_lazy("hours")),
    ("24", gettext_lazy("days")),
    ("168", gettext_lazy("weeks")),
]


class TargetForm(forms.Form):
    """What a value is to be; blank: none."""

    metric = forms.RegexField(_METRIC, label=gettext_lazy("Metric"), required=False)
    value = Number(gettext_lazy("Target"))
    deadband = Number(gettext_lazy("Deadband (±)"))

    @property
    def is_given(self) -> bool:
        """Tell whether anything was entered."""
        return any(self.cleaned_data.get(name) not in (None, "") for name in self.fields)

    def clean(self) -> dict[str, Any]:
        """Ask for both name and value."""
        said = self.cleaned_data
        if said.get("metric") and said.get("value") is None and "value" not in self.errors:
            self.add_error("value", _("Write a number."))
        if not said.get("metric") and said.get("value") is not None and "metric" not in self.errors:
            self.add_error("metric", _("Name what is measured, such as ph."))
        return said

    def document(self) -> dict[str, Any]:
        """Return it as a part of a recipe."""
        said = self.cleaned_data
        found = {"metric": said["metric"], "value": said["value"]}
        return found if said["deadband"] is None else found | {"deadband": said["deadband"]}


class ScheduleForm(forms.Form):
    """Something that is done at given times; blank: nothing."""

    name = forms.CharField(label=gettext_lazy("What"), max_length=40, required=False)
    role = forms.RegexField(
        _ROLE, label=gettext_lazy("Role"), required=False,
    )  # fmt: skip
    params = Pairs(gettext_lazy("Parameters"))
    kind = forms.ChoiceField(label=gettext_lazy("When"), choices=KINDS[:3], required=False)
    at = forms.CharField(
        label=gettext_lazy("Times"), required=False, max_length=400,
        help_text=gettext_lazy("08:00, 12:00 — or of a window 06:00 - 22:00"),
    )  # fmt: skip
    minutes = forms.IntegerField(
        label=gettext_lazy("Every (min)"), min_value=1, max_value=1_440, required=False
    )
    days = forms.MultipleChoiceField(
        label=gettext_lazy("Days"), required=False, widget=forms.CheckboxSelectMultiple,
        choices=[(str(number + 1), name) for number, name in WEEKDAYS_ABBR.items()],
    )  # fmt: skip
    kept = forms.CharField(required=False, widget=forms.HiddenInput, max_length=9_000)

    def __init__(self, data: Any, *, prefix: str, initial: dict[str, Any]) -> None:
        super().__init__(data, prefix=prefix, initial=initial)
        kept = data.get(f"{prefix}-kept") if data is not None else initial.get("kept")
        if kept:
            fields: Mapping[str, Any] = self.fields
            fields["kind"].choices = KINDS

    @property
    def is_given(self) -> bool:
        """Tell whether anything was entered."""
        return any(self.cleaned_data.get(name) for name in ("name", "role", "at", "minutes"))

    def clean(self) -> dict[str, Any]:
        """Read the times."""
        said = self.cleaned_data
        if not self.is_given:
            return said
        for name in ("name", "role"):
            if not said.get(name) and name not in self.errors:
                self.add_error(name, _("This field is required."))
        try:
            said["times"] = write_schedule(read_schedule(self._times()))
        except BadSchedule as error:
            self.add_error("at", refusal_of(error).detail)
        except ValueError:
            self.add_error("at", _("Write times such as 08:00, 12:00."))
        return said

    def _times(self) -> dict[str, Any]:
        said = self.cleaned_data
        kind = said.get("kind") or "times"
        if kind == "other":
            found: dict[str, Any] = json.loads(said["kept"])
            return found
        clocks = _clocks(said.get("at", ""))
        when: dict[str, Any] = {"kind": kind}
        if kind == "times":
            when["at"] = clocks
        elif kind == "every":
            when["seconds"] = 60 * (said.get("minutes") or 0)
            when |= dict(zip(("from", "to"), clocks, strict=False))
        else:
            when |= dict(zip(("from", "to"), clocks, strict=True))
        return {"when": when} | ({"days": [int(one) for one in said["days"]]} if said["days"]
                                 else {})  # fmt: skip

    def document(self) -> dict[str, Any]:
        """Return it as a part of a recipe."""
        said = self.cleaned_data
        return {"name": said["name"], "role": said["role"], "params": said["params"],
                "times": said["times"]}  # fmt: skip


class PhaseForm(forms.Form):
    """A phase with its targets and schedules."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    length = Number(gettext_lazy("Lasts"), gettext_lazy("Blank: until somebody goes on."))
    unit = forms.ChoiceField(label=gettext_lazy("Unit"), choices=_UNITS, required=False)

    def __init__(self, data: Any, number: int, phase: Phase | None, *, blanks: int = 1) -> None:
        self.number = number
        prefix = f"p{number}"
        super().__init__(data, prefix=prefix, initial=_initial_phase(phase))
        targets = [_initial_target(one) for one in (phase.targets if phase else ())]
        schedules = [_initial_schedule(one) for one in (phase.schedules if phase else ())]
        known = _rows(data, prefix, "t", len(targets) + 2)
        self.targets = [
            TargetForm(data, prefix=f"{prefix}-t{n}", initial=_nth(targets, n))
            for n in range(min(known, MAX_ROWS))
        ]
        known = _rows(data, prefix, "s", len(schedules) + blanks)
        self.schedules = [
            ScheduleForm(data, prefix=f"{prefix}-s{n}", initial=_nth(schedules, n))
            for n in range(min(known, MAX_ROWS))
        ]

    def is_valid(self) -> bool:
        """Tell whether all of it is right."""
        rows = [*self.targets, *self.schedules]
        return all([super().is_valid(), *(row.is_valid() for row in rows)])

    def document(self) -> dict[str, Any]:
        """Return it as a part of a recipe."""
        said = self.cleaned_data
        found: dict[str, Any] = {
            "name": said["name"],
            "targets": [row.document() for row in self.targets if row.is_given],
            "schedules": [row.document() for row in self.schedules if row.is_given],
        }
        if said["length"] is not None:
            found["hours"] = said["length"] * float(said["unit"] or 1)
        return found


class RecipeForm(forms.Form):
    """A recipe with its phases."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    note = forms.CharField(label=gettext_lazy("Note"), max_length=500, required=False)
    revision = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, data: Any, recipe: RecipeDefinition | None = None, revision: int | None = None
    ) -> None:
        initial = {"revision": revision or ""}
        if recipe is not None:
            initial |= {"name": recipe.name, "note": recipe.note}
        super().__init__(data, initial=initial)
        phases = recipe.phases if recipe is not None else ()
        count = max(1, len(phases))
        if data is not None:
            count = sum(f"p{n}-name" in data for n in range(MAX_PHASES))
        self.phases = [PhaseForm(data, n, _nth_phase(phases, n)) for n in range(count)]

    def is_valid(self) -> bool:
        """Tell whether all of it is right."""
        return all([super().is_valid(), *(phase.is_valid() for phase in self.phases)])

    def document(self) -> dict[str, Any]:
        """Return the recipe as it is asked for."""
        said = self.cleaned_data
        return {"name": said["name"], "note": said["note"],
                "phases": [phase.document() for phase in self.phases]}  # fmt: skip

    def refuse(self, refusal: ZoneRefused) -> None:
        """Show a refusal at its field, or above the form."""
        found = re.match(r"phases\[(\d+)\](?:\.(\w+))?", refusal.field)
        if found and int(found[1]) < len(self.phases):
            phase = self.phases[int(found[1])]
            name = found[2] if found[2] in phase.fields else "name"
            phase.add_error("length" if found[2] == "hours" else name, refusal.detail)
        else:
            self.add_error(refusal.field if refusal.field in self.fields else None, refusal.detail)


def changed_rows(data: Any, do: str) -> Any:
    """Return posted data after a button: add a phase or a row, take a phase out, move one."""
    data = data.copy()
    deed, _colon, place = do.partition(":")
    numbers = [n for n in range(MAX_PHASES) if f"p{n}-name" in data]
    if deed == "add-phase" and len(numbers) < MAX_PHASES:
        data[f"p{len(numbers)}-name"] = ""
    elif not place.isdecimal() or int(place) not in numbers:
        return data
    elif deed in {"add-target", "add-schedule"}:
        kind = "t" if deed == "add-target" else "s"
        data[f"p{place}-{kind}{_rows(data, f'p{place}', kind, 0)}-name"] = ""
    elif deed == "remove" and len(numbers) > 1:
        data = _renumbered(data, [n for n in numbers if n != int(place)])
    elif deed == "up" and int(place) > 0:
        numbers[int(place) - 1 : int(place) + 1] = [int(place), int(place) - 1]
        data = _renumbered(data, numbers)
    return data


def _renumbered(data: Any, order: list[int]) -> Any:
    made = data.copy()
    for key in list(made):
        if re.match(r"p\d+-", key):
            del made[key]
    for new, old in enumerate(order):
        for key in data:
            if key.startswith(f"p{old}-"):
                made.setlist(f"p{new}-{key.partition('-')[2]}", data.getlist(key))
    return made


def _rows(data: Any, prefix: str, kind: str, default: int) -> int:
    if data is None:
        return default
    pattern = re.compile(rf"{prefix}-{kind}(\d+)-")
    numbers = [int(found[1]) for key in data if (found := pattern.match(key))]
    return max([n + 1 for n in numbers if n < MAX_ROWS], default=default)


def _initial_phase(phase: Phase | None) -> dict[str, Any]:
    if phase is None:
        return {"unit": "24"}
    hours = phase.hours
    unit = next((u for u in (168, 24) if hours is not None and hours % u == 0), 1)
    return {"name": phase.name, "length": None if hours is None else f"{hours / unit:g}",
            "unit": str(unit)}  # fmt: skip


def _initial_target(one: Target) -> dict[str, Any]:
    return {"metric": one.metric, "value": one.value, "deadband": one.deadband}


def _initial_schedule(one: PhaseSchedule) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": one.name, "role": one.role, "params": write_pairs(one.params),
        "days": [str(day) for day in one.times.days],
    }  # fmt: skip
    written = write_schedule(one.times)
    is_plain = set(written) <= {"when", "days"}
    match one.times.when:
        case Times(at=at) if is_plain:
            return found | {"kind": "times", "at": ", ".join(at)}
        case Window(start=start, end=end) if is_plain:
            return found | {"kind": "window", "at": f"{start} - {end}"}
        case Every(seconds=seconds, start=start, end=end) if is_plain and seconds % 60 == 0:
            return found | {"kind": "every", "minutes": seconds // 60, "at": f"{start} - {end}"}
    return found | {"kind": "other", "kept": json.dumps(written)}


def _clocks(text: str) -> list[str]:
    found = []
    for part in filter(None, re.split(r"[,;\s–—-]+", text)):
        clock = _CLOCK.match(part)
        if clock is None:
            raise ValueError(part)
        found.append(f"{int(clock[1]):02}:{clock[2]}")
    return found


def _nth(rows: list[dict[str, Any]], number: int) -> dict[str, Any]:
    return rows[number] if number < len(rows) else {}


def _nth_phase(phases: tuple[Phase, ...], number: int) -> Phase | None:
    return phases[number] if number < len(phases) else None
