"""Which channels the columns of a table may be meant for, by their names and units."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from devices.canonical import ChannelTemplate, discovered, lookup
from devices.models import Kind
from energy.lib.units import SPELLINGS, UNITS
from telemetry.imports.plan import MISSING, Plan, PlanColumn
from telemetry.imports.reading import parse_number

_UNIT = re.compile(r"[\[(]\s*([^\])]{1,12}?)\s*[\])]|(?:^|[\s_.-])([A-Za-z%°³/0-9]{1,6})\s*\d?$")
# words of a header and what they mean: (words, channel, unit when the header names none)
_WORDS = (
    (("reactive_power",), "reactive_power_import", "kvar"),
    (("active_power",), "active_power_import", "kW"),
    (("cost", "price_total"), "energy_cost_interval", ""),
    (("solar", "pv"), "pv_active_power", "W"),
    (("grid",), "active_power_net", "W"),
    (("voltage", "vrms"), "voltage_l1", "V"),
    (("intensity", "current", "strom_a"), "current_l1", "A"),
    (("frequency",), "frequency", "Hz"),
    (("gas",), "gas_volume_interval", "m3"),
    (("water",), "water_volume_interval", "m3"),
    (("register", "reading", "stand", "endeks"), "active_energy_import", "kWh"),
    (("power", "leistung", "load_kw"), "active_power_import", "kW"),
    (
        ("energy", "usage", "consumption", "kwh", "value", "verbrauch", "tuketim", "eload"),
        "active_energy_import_interval",
        "kWh",
    ),
)
_OF_UNIT = {
    "kWh": "active_energy_import_interval", "Wh": "active_energy_import_interval",
    "MWh": "active_energy_import_interval", "kW": "active_power_import",
    "W": "active_power_import", "V": "voltage_l1", "A": "current_l1", "Hz": "frequency",
    "m3": "gas_volume_interval", "Cel": "air_temp", "kvarh": "reactive_energy_import_interval",
}  # fmt: skip


def guess_columns(plan: Plan, headers: list[str], body: list[list[Any]]) -> tuple[PlanColumn, ...]:
    columns: list[PlanColumn] = []
    taken: set[str] = set()
    for index, header in enumerate(headers):
        if index in plan.time_columns or not _has_numbers(plan, body, index):
            continue
        column = _guess_column(index, header)
        if column.channel in taken:
            column = _from_template(index, header, discovered(header), column.unit)
        if column.channel not in taken:
            taken.add(column.channel)
            columns.append(column)
    return tuple(columns)


def _has_numbers(plan: Plan, body: list[list[Any]], index: int) -> bool:
    missing = {*MISSING}
    cells = [row[index] for row in body[:200] if index < len(row)]
    values = [cell for cell in cells if str(cell).strip().lower() not in missing]
    return bool(values) and mostly(is_number(cell) for cell in values)


def _guess_column(index: int, header: str) -> PlanColumn:
    unit = unit_in(header)
    known = lookup(re.sub(r"\W+", "_", header.strip().lower()))
    if known is not None:
        return _from_template(index, header, known, unit)
    words = header.lower()
    if unit in _OF_UNIT and not any(word in words for word in ("solar", "grid", "pv")):
        return _from_template(index, header, lookup(_OF_UNIT[unit]), unit)
    for keys, channel, usual in _WORDS:
        if any(key in words for key in keys):
            template = lookup(channel)
            fits = template and unit and UNITS[unit].quantity == _quantity(template.unit)
            return _from_template(index, header, template, unit if fits else usual)
    return _from_template(index, header, discovered(header), unit)


def _quantity(unit: str) -> str:
    return UNITS[unit].quantity if unit in UNITS else ""


def _from_template(
    index: int, header: str, template: ChannelTemplate | None, unit: str
) -> PlanColumn:
    if template is None:
        return PlanColumn(index, "", unit, Kind.GAUGE, 1.0, header)
    fits = unit and (not template.unit or _quantity(unit) == _quantity(template.unit))
    chosen = unit if fits else template.source_unit
    return PlanColumn(index, template.name, chosen, template.kind, 1.0, header)


def unit_in(header: str) -> str:
    """Return the unit that a header names, such as kW in "Power [kW]"; blank without one."""
    for match in _UNIT.finditer(header):
        text = (match[1] or match[2] or "").strip()
        code = SPELLINGS.get(text, text)
        if code in UNITS and (match[1] or len(code) > 1):
            return code
    return ""


def is_number(cell: Any) -> bool:
    """Tell whether a cell is a number, with a decimal point or comma."""
    if isinstance(cell, bool):
        return False
    if isinstance(cell, (int, float)):
        return True
    if not isinstance(cell, str):
        return False
    for decimal in ".,":
        try:
            parse_number(cell.strip(), decimal)
        except ValueError:
            continue
        return True
    return False


def mostly(answers: Iterable[bool]) -> bool:
    """Tell whether at least half are true: single rows may be broken."""
    found = list(answers)
    return 2 * sum(found) >= len(found)
