"""Small parts of the form of a rule: lengths of time, numbers, hours of the week."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext_lazy as _

UNITS = [("1", _("seconds")), ("60", _("minutes")), ("3600", _("hours")), ("86400", _("days"))]
SLOTS = 2


class Number(forms.FloatField):
    """A number, with a comma or a point."""

    widget = forms.TextInput

    def __init__(self, label: Any, help_text: Any = "") -> None:
        super().__init__(label=label, help_text=help_text, required=False)
        self.widget.attrs["inputmode"] = "decimal"

    def to_python(self, value: Any) -> float | None:  # type: ignore[override]
        """Read a comma as a point."""
        return super().to_python(value.replace(",", ".") if isinstance(value, str) else value)


class Length(forms.MultiValueField):
    """A length of time in seconds, as a number and its unit."""

    def __init__(self, label: Any, help_text: Any = "", maximum: int = 30 * 86_400) -> None:
        number = forms.IntegerField(min_value=0, max_value=maximum, required=False)
        super().__init__(
            fields=(number, forms.ChoiceField(choices=UNITS, required=False)),
            widget=LengthWidget, label=label, help_text=help_text, required=False,
            require_all_fields=False,
        )  # fmt: skip

    def compress(self, data_list: Any) -> int | None:
        """Return seconds."""
        if not data_list or data_list[0] is None:
            return None
        return int(data_list[0]) * int(data_list[1] or 1)


class LengthWidget(forms.MultiWidget):
    """A number beside its unit."""

    def __init__(self, attrs: Any = None) -> None:
        number = forms.NumberInput(attrs={"min": "0", "inputmode": "numeric"})
        unit = forms.Select(attrs={"aria-label": _("Unit of time")}, choices=UNITS)
        super().__init__((number, unit), attrs)

    def id_for_label(self, id_: str) -> str:
        """Let the label be that of the number."""
        return f"{id_}_0" if id_ else id_

    def decompress(self, value: Any) -> list[Any]:
        """Return the largest unit in which it is a whole number."""
        if not value:
            return [None, "60"]
        size = next(int(size) for size, _name in reversed(UNITS) if value % int(size) == 0)
        return [value // size, str(size)]


class SlotForm(forms.Form):
    """Hours of some days; all of it may be blank."""

    days = forms.MultipleChoiceField(
        label=_("Days"), required=False, widget=forms.CheckboxSelectMultiple,
        choices=[(str(number + 1), name) for number, name in WEEKDAYS_ABBR.items()],
    )  # fmt: skip
    start = forms.TimeField(
        label=_("From"), required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )  # fmt: skip
    end = forms.TimeField(
        label=_("Until"), required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )  # fmt: skip

    @property
    def is_given(self) -> bool:
        """Tell whether anything was entered."""
        return any(self.cleaned_data.get(name) not in (None, "", []) for name in self.fields)

    def slot(self) -> dict[str, Any]:
        """Return it as a part of a definition; midnight at the end is that of the day's end."""
        said = self.cleaned_data
        end = _write(said["end"]) or "24:00"
        found: dict[str, Any] = {
            "from": _write(said["start"]) or "00:00", "to": "24:00" if end == "00:00" else end,
        }  # fmt: skip
        return found | ({"days": [int(day) for day in said["days"]]} if said["days"] else {})


def slot_forms(data: Mapping[str, Any] | None, active: list[dict[str, Any]]) -> list[SlotForm]:
    """Return the forms of the hours of a rule, always one that is blank."""
    if data is None:
        count = max(SLOTS, len(active) + 1)
    else:
        count = max(SLOTS, sum(f"slot{number}-start" in data for number in range(1, 51)))
    known = [*map(_initial, active), *[{}] * count]
    return [
        SlotForm(data, prefix=f"slot{number + 1}", initial=known[number]) for number in range(count)
    ]


def _initial(slot: dict[str, Any]) -> dict[str, Any]:
    end = slot.get("to", "24:00")
    return {
        "days": [str(day) for day in slot.get("days", ())], "start": slot.get("from", "00:00"),
        "end": "00:00" if end == "24:00" else end,
    }  # fmt: skip


def _write(clock: dt.time | None) -> str:
    return "" if clock is None else f"{clock:%H:%M}"
