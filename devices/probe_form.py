"""What stands in the form of the probe: the range, what was read, and the rows picked so far."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from devices.canonical import lookup
from devices.modbus.maps import RATES
from devices.modbus.types import BIT, NUMBERS, STRING, Order, decode, word_count
from devices.probe_table import LINE_VOLTAGE, SHOWN_TYPES, VOLTAGE, look_of, value_text
from devices.services.probe import Range
from devices.services.probe_rows import PickedRow

MOST_ROWS = 64
MOST_WORDS = 125
FUNCTIONS = (
    (3, _("3 · holding registers")),
    (4, _("4 · input registers")),
    (1, _("1 · coils")),
    (2, _("2 · discrete inputs")),
)
FIRST_TYPES = ("int16", "float32", "int32")
ROW_TYPES = (*SHOWN_TYPES, STRING, BIT)
BIT_FUNCTIONS = (1, 2)
_SUGGESTED = {VOLTAGE: "voltage_l1", LINE_VOLTAGE: "voltage_l1_l2"}


class RangeForm(forms.Form):
    """Which registers to read."""

    unit = forms.IntegerField(label=_("Unit"), min_value=0, max_value=255)
    function = forms.TypedChoiceField(label=_("Function"), choices=FUNCTIONS, coerce=int)
    address = forms.IntegerField(
        label=_("Address, from zero"), min_value=0, max_value=0xFFFF,
        help_text=_("As it stands on the wire: documents that begin at 40001 or 1 say one more."),
    )  # fmt: skip
    count = forms.IntegerField(label=_("Registers"), min_value=1, max_value=MOST_WORDS)

    def clean(self) -> dict[str, Any] | None:
        """Refuse what goes over the end."""
        cleaned: dict[str, Any] = self.cleaned_data
        if not self.errors and cleaned["address"] + cleaned["count"] > 0x10000:
            self.add_error("count", _("The last address is 65535."))
        return cleaned

    @property
    def range(self) -> Range:
        """Return what is wanted; only of a form without errors."""
        return Range(**{name: self.cleaned_data[name] for name in Range.__slots__})


@dataclass(frozen=True, slots=True)
class DraftRow:
    """A picked value as it stands in the form, and what the registers that were read make of it."""

    picked: PickedRow
    value: str = ""

    @property
    def scale(self) -> str:
        """Return the factor as it is written into the field."""
        return f"{self.picked.scale:.10g}"


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person has read and picked; it travels with the form."""

    words: tuple[int, ...]
    types: tuple[str, ...]
    rows: tuple[PickedRow, ...]
    read: Range | None


def read_draft(given: QueryDict) -> Draft:
    """Read a draft; what is malformed is left out: only the form of the page writes it."""
    types = tuple(name for name in given.getlist("types") if name in SHOWN_TYPES)
    return Draft(
        words=_words(given.get("words", "")),
        types=types or FIRST_TYPES,
        rows=_rows(given),
        read=_range(given),
    )


def show_rows(draft: Draft) -> list[DraftRow]:
    """Return the picked rows with the values that the registers read last give them."""
    return [DraftRow(row, _value(row, draft)) for row in draft.rows]


def with_picked(draft: Draft, key: str) -> Draft:
    """Add the value that was pressed, such as "12:float32:CDAB"; as it looks, it is named."""
    if draft.read is None or len(draft.rows) >= MOST_ROWS:
        return draft
    try:
        address, type_name, order, *words = key.split(":")
        row = PickedRow(
            metric="", address=int(address), function=draft.read.function, type=type_name,
            order=str(Order(order)), words=int(words[0]) if words else 0,
        )  # fmt: skip
        word_count(row.type, row.words)
    except (ValueError, KeyError):
        return draft
    same = (row.address, row.function)
    if any((old.address, old.function) == same for old in draft.rows):
        # another reading of the same registers takes the place, with the name that was given
        rows = [_repicked(old, row) if (old.address, old.function) == same else old
                for old in draft.rows]  # fmt: skip
        return replace(draft, rows=tuple(rows))
    return replace(draft, rows=(*draft.rows, _named(row, draft)))


def without_row(draft: Draft, number: str) -> Draft:
    """Leave out the row of a number."""
    rows = [row for at, row in enumerate(draft.rows) if str(at) != number]
    return replace(draft, rows=tuple(rows))


def _repicked(old: PickedRow, new: PickedRow) -> PickedRow:
    return replace(old, type=new.type, order=new.order, words=new.words)


def _named(row: PickedRow, draft: Draft) -> PickedRow:
    look, scale = look_of(_decoded(row, draft), row.type)
    metric = _SUGGESTED.get(look, look)
    taken = {other.metric for other in draft.rows}
    if metric == "voltage_l1" and metric in taken:
        metric = next((f"voltage_{p}" for p in ("l2", "l3") if f"voltage_{p}" not in taken), "")
    if metric in taken:
        metric = ""
    known = lookup(metric) if metric else None
    return replace(row, metric=metric, scale=scale, unit=known.source_unit if known else "")


def _value(row: PickedRow, draft: Draft) -> str:
    value = _decoded(row, draft)
    if value is None or isinstance(value, str):
        return value_text(value)
    return value_text(value * row.scale if row.scale != 1 else value)


def _decoded(row: PickedRow, draft: Draft) -> Any:
    if draft.read is None or row.function != draft.read.function:
        return None
    start = row.address - draft.read.address
    if row.type == BIT:
        return draft.words[start] if 0 <= start < len(draft.words) else None
    size = row.words if row.type == STRING else NUMBERS[row.type].words
    if start < 0 or start + size > len(draft.words):
        return None
    return decode(draft.words[start : start + size], row.type, Order(row.order))


def _words(text: str) -> tuple[int, ...]:
    """Read what the page wrote: four hexadecimal digits for each register."""
    try:
        data = bytes.fromhex(text[: 4 * MOST_WORDS])
    except ValueError:
        return ()
    return tuple(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data) - 1, 2))


def words_text(words: Sequence[int]) -> str:
    """Write registers as `_words` reads them."""
    return "".join(f"{word:04X}" for word in words)


def _range(given: QueryDict) -> Range | None:
    names = [f"read_{name}" for name in Range.__slots__]
    values = [given.get(name, "") for name in names]
    if not all(value.isascii() and value.isdigit() and len(value) <= 5 for value in values):
        return None
    return Range(*map(int, values))


_COLUMNS = ("metric", "address", "function", "type", "order", "scale", "unit", "rate", "words")


def _rows(given: QueryDict) -> tuple[PickedRow, ...]:
    columns = [given.getlist(f"row_{name}")[:MOST_ROWS] for name in _COLUMNS]
    found = (_row(dict(zip(_COLUMNS, row, strict=True))) for row in zip(*columns, strict=False))
    return tuple(row for row in found if row is not None)


def _row(given: Mapping[str, str]) -> PickedRow | None:
    try:
        row = PickedRow(
            metric=given["metric"].strip(), address=int(given["address"]),
            function=int(given["function"]), type=given["type"], order=str(Order(given["order"])),
            scale=_scale(given["scale"]), unit=given["unit"].strip(),
            rate=given["rate"] if given["rate"] in RATES else "", words=int(given["words"] or 0),
        )  # fmt: skip
        word_count(row.type, row.words)
    except (ValueError, KeyError):
        return None
    is_there = 0 <= row.address <= 0xFFFF and row.function in {1, 2, 3, 4}
    return row if row.type in ROW_TYPES and is_there else None


def _scale(text: str) -> float:
    """Read a factor; what is none becomes NaN, which the check of the map refuses by name."""
    try:
        return float(text.strip().replace(",", ".") or 1)
    except ValueError:
        return math.nan
