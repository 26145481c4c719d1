"""What the well-known metric names mean: unit, kind, direction, phase and plausible range.

Two kinds of name are known. A **canonical name** (such as
`active_power_import`) carries the stored unit already and is never converted. An
**alias** is what devices of other makers call a quantity; it names the unit of the
payload, so `power_active_total` in W becomes `active_power_net` in kW, once.
Everything else is `discovered`: kept under a safe name, without unit.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

NAME_LENGTH = 64
SOURCE_LENGTH = 128
PHASES = ("l1", "l2", "l3")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_HASH_LENGTH = 8


@dataclass(frozen=True, slots=True)
class ChannelTemplate:
    """A channel as it would be made for a metric; ranges are in the stored unit."""

    name: str
    source: str
    source_unit: str
    unit: str
    kind: str = "gauge"
    direction: str = "none"
    phase: str = "none"
    minimum: float | None = None
    maximum: float | None = None
    decimals: int = 3


GAUGE, TOTAL, COUNTER, STATE = "gauge", "total", "total_increasing", "state"
INTERVAL = "interval"

# name: (unit, kind, minimum, maximum, decimals); `_x` stands for l1, l2 and l3
_ROWS: dict[str, tuple[str, str, float | None, float | None, int]] = {
    "active_power_import": ("kW", GAUGE, 0, None, 3),
    "active_power_export": ("kW", GAUGE, 0, None, 3),
    "active_power_net": ("kW", GAUGE, None, None, 3),
    "active_power_x": ("kW", GAUGE, None, None, 3),
    "reactive_power_import": ("kvar", GAUGE, 0, None, 3),
    "reactive_power_export": ("kvar", GAUGE, 0, None, 3),
    "reactive_power_net": ("kvar", GAUGE, None, None, 3),
    "reactive_power_x": ("kvar", GAUGE, None, None, 3),
    "apparent_power": ("kVA", GAUGE, 0, None, 3),
    "apparent_power_x": ("kVA", GAUGE, 0, None, 3),
    "power_factor": ("1", GAUGE, -1, 1, 3),
    "power_factor_x": ("1", GAUGE, -1, 1, 3),
    "frequency": ("Hz", GAUGE, 40, 70, 3),
    "voltage_x": ("V", GAUGE, 0, 1000, 1),
    "voltage_l12": ("V", GAUGE, 0, 1000, 1),
    "voltage_l23": ("V", GAUGE, 0, 1000, 1),
    "voltage_l31": ("V", GAUGE, 0, 1000, 1),
    "voltage_avg": ("V", GAUGE, 0, 1000, 1),  # of the phases against neutral
    # some meters sign the current of an exporting phase
    "current_x": ("A", GAUGE, -10_000, 10_000, 3),
    "current_n": ("A", GAUGE, -10_000, 10_000, 3),
    "current_avg": ("A", GAUGE, -10_000, 10_000, 3),
    "current_sum": ("A", GAUGE, -30_000, 30_000, 3),
    "voltage_thd_x": ("%", GAUGE, 0, 100, 2),
    "voltage_thd_avg": ("%", GAUGE, 0, 100, 2),
    "current_thd_x": ("%", GAUGE, 0, 1000, 2),
    "voltage_imbalance": ("%", GAUGE, 0, 100, 2),
    "voltage_sag_count_x": ("1", COUNTER, 0, None, 0),
    "voltage_swell_count_x": ("1", COUNTER, 0, None, 0),
    "power_failure_count": ("1", COUNTER, 0, None, 0),
    "active_energy_import": ("kWh", COUNTER, 0, None, 3),
    "active_energy_export": ("kWh", COUNTER, 0, None, 3),
    "active_energy_import_x": ("kWh", COUNTER, 0, None, 3),
    "active_energy_export_x": ("kWh", COUNTER, 0, None, 3),
    "active_energy_net": ("kWh", TOTAL, None, None, 3),
    # import and export added up, as some meters count
    "active_energy_total": ("kWh", COUNTER, 0, None, 3),
    "reactive_energy_total": ("kvarh", COUNTER, 0, None, 3),
    "reactive_energy_import": ("kvarh", COUNTER, 0, None, 3),
    "reactive_energy_export": ("kvarh", COUNTER, 0, None, 3),
    "apparent_energy_import": ("kVAh", COUNTER, 0, None, 3),
    # what flowed within an interval, stamped with its start: see ADR 0018
    "active_energy_import_interval": ("kWh", INTERVAL, None, None, 3),
    "active_energy_export_interval": ("kWh", INTERVAL, None, None, 3),
    "active_energy_net_interval": ("kWh", INTERVAL, None, None, 3),
    "reactive_energy_import_interval": ("kvarh", INTERVAL, None, None, 3),
    "reactive_energy_export_interval": ("kvarh", INTERVAL, None, None, 3),
    "pv_energy_interval": ("kWh", INTERVAL, None, None, 3),
    "ev_energy_interval": ("kWh", INTERVAL, None, None, 3),
    "thermal_energy_interval": ("kWh", INTERVAL, None, None, 3),
    "gas_volume_interval": ("m3", INTERVAL, None, None, 3),
    "water_volume_interval": ("m3", INTERVAL, None, None, 3),
    "energy_cost_interval": ("", INTERVAL, None, None, 4),  # currency of the site
    "demand_active": ("kW", GAUGE, 0, None, 3),
    "demand_active_max": ("kW", GAUGE, 0, None, 3),
    "tariff_indicator": ("", STATE, 0, None, 0),
    "pv_active_power": ("kW", GAUGE, None, None, 3),
    "pv_energy": ("kWh", COUNTER, 0, None, 3),
    "pv_dc_power": ("kW", GAUGE, None, None, 3),
    "pv_dc_voltage": ("V", GAUGE, 0, 2000, 1),
    "pv_dc_current": ("A", GAUGE, -10_000, 10_000, 2),
    "inverter_temp": ("Cel", GAUGE, -60, 200, 1),
    "inverter_state": ("", STATE, None, None, 0),
    "inverter_events": ("", STATE, 0, None, 0),
    # pyranometers read a few watts below zero at night
    "irradiance": ("W/m2", GAUGE, -20, 2000, 1),
    "module_temp": ("Cel", GAUGE, -60, 150, 1),
    "battery_soc": ("%", GAUGE, 0, 100, 1),
    "battery_soh": ("%", GAUGE, 0, 100, 1),
    "battery_power": ("kW", GAUGE, None, None, 3),
    "battery_energy_charge": ("kWh", COUNTER, 0, None, 3),
    "battery_energy_discharge": ("kWh", COUNTER, 0, None, 3),
    "ev_power": ("kW", GAUGE, None, None, 3),
    "ev_session_energy": ("kWh", COUNTER, 0, None, 3),
    "ev_connector_state": ("", STATE, None, None, 0),
    "gas_volume": ("m3", COUNTER, 0, None, 3),
    "water_volume": ("m3", COUNTER, 0, None, 3),
    "flow_rate": ("m3/h", GAUGE, None, None, 3),
    "thermal_energy": ("kWh", COUNTER, 0, None, 3),
    "thermal_power": ("kW", GAUGE, None, None, 3),
    "supply_temp": ("Cel", GAUGE, -60, 400, 1),
    "return_temp": ("Cel", GAUGE, -60, 400, 1),
    "air_temp": ("Cel", GAUGE, -60, 100, 1),
    "humidity": ("%", GAUGE, 0, 100, 1),
    "co2": ("ppm", GAUGE, 0, 100_000, 0),
    "pulse_count": ("1", COUNTER, 0, None, 0),
    "energy_price": ("", GAUGE, None, None, 4),  # currency of the site per kWh
    "grid_co2_intensity": ("g/kWh", GAUGE, 0, 5000, 1),
    "rssi": ("dBm", GAUGE, -200, 30, 0),
    "uptime": ("s", GAUGE, 0, None, 0),
    "free_heap": ("By", GAUGE, 0, None, 0),
}
_TARIFFS = ("t1", "t2", "t3", "t4")
_NUMBERED = {
    "active_energy_import_{}": ("active_energy_import", _TARIFFS),
    "active_energy_export_{}": ("active_energy_export", _TARIFFS),
    "reactive_energy_{}": ("reactive_energy_import", ("q1", "q2", "q3", "q4")),
    "pv_dc_power_string{}": ("active_power_net", tuple(str(n) for n in range(1, 33))),
}

# alias in payloads: (canonical name, unit of the payload, blank for the stored unit).
# The power fields of the first block are the only ones that are converted.
_ALIASES: dict[str, tuple[str, str]] = {
    "power_active_total": ("active_power_net", "W"),
    "power_active_x": ("active_power_x", "W"),
    "power_reactive_total": ("reactive_power_net", "var"),
    "power_reactive_x": ("reactive_power_x", "var"),
    "power_apparent_total": ("apparent_power", "VA"),
    "power_apparent_x": ("apparent_power_x", "VA"),
    "power_factor_total": ("power_factor", ""),
    "voltage_l1_l2": ("voltage_l12", ""),
    "voltage_l2_l3": ("voltage_l23", ""),
    "voltage_l3_l1": ("voltage_l31", ""),
    "current_neutral": ("current_n", ""),
    "energy_active_import_total": ("active_energy_import", ""),
    "energy_active_export_total": ("active_energy_export", ""),
    "energy_active_import_x": ("active_energy_import_x", ""),
    "energy_active_export_x": ("active_energy_export_x", ""),
    "energy_reactive_import_total": ("reactive_energy_import", ""),
    "energy_reactive_export_total": ("reactive_energy_export", ""),
    "energy_apparent_total": ("apparent_energy_import", ""),
    "energy_import": ("active_energy_import", ""),
    "energy_export": ("active_energy_export", ""),
    "energy_import_x": ("active_energy_import_x", ""),
    "energy_export_x": ("active_energy_export_x", ""),
    "energy_reactive_import": ("reactive_energy_import", ""),
    "energy_reactive_export": ("reactive_energy_export", ""),
    "energy_total": ("active_energy_total", ""),
    "energy_reactive_total": ("reactive_energy_total", ""),
    "voltage_ln_avg": ("voltage_avg", ""),
    "temperature": ("air_temp", ""),
}


def lookup(metric: str) -> ChannelTemplate | None:
    """Return what a well-known metric means; None if the name is not known."""
    return _KNOWN.get(metric)


def discovered(metric: str) -> ChannelTemplate:
    """Return a channel without unit for an unknown metric.

    A metric that is a valid channel name keeps it. Any other is rewritten and ends in a
    hash of the original, so that different metrics never share a name.
    """
    if _NAME.fullmatch(metric) and len(metric) <= NAME_LENGTH:
        return ChannelTemplate(name=metric, source=metric, source_unit="", unit="")
    words = _NOT_IN_NAMES.sub("_", metric.lower()).strip("_") or "metric"
    if not words[0].isalpha():
        words = f"m_{words}"
    name = distinct_name(words, metric)
    return ChannelTemplate(name=name, source=metric, source_unit="", unit="")


def distinct_name(name: str, metric: str) -> str:
    """Return `name`, shortened if need be, with a suffix that only this metric has."""
    digest = hashlib.blake2s(metric.encode("utf-8", "backslashreplace")).hexdigest()
    return f"{name[: NAME_LENGTH - _HASH_LENGTH - 1].rstrip('_')}_{digest[:_HASH_LENGTH]}"


def is_metric(metric: str) -> bool:
    """Tell whether a payload's key can be kept as the source of a channel."""
    return 0 < len(metric) <= SOURCE_LENGTH and metric.isprintable()


def _canonical() -> Iterator[ChannelTemplate]:
    for row in _ROWS:
        for phase in PHASES if row.endswith("_x") else ("",):
            yield _describe(f"{row[:-1]}{phase}" if phase else row, row)
    for pattern, (row, numbers) in _NUMBERED.items():
        for number in numbers:
            yield _describe(pattern.format(number), row)


def _describe(name: str, row: str) -> ChannelTemplate:
    unit, kind, minimum, maximum, decimals = _ROWS[row]
    phase = name.rpartition("_")[2]
    return ChannelTemplate(
        name=name,
        source=name,
        source_unit=unit,
        unit=unit,
        kind=kind,
        direction=_direction(name),
        phase=phase if phase in {*PHASES, "n"} else "none",
        minimum=minimum,
        maximum=maximum,
        decimals=decimals,
    )


def _direction(name: str) -> str:
    words = set(name.split("_"))
    return next((word for word in ("import", "export", "net") if word in words), "none")


def _index() -> dict[str, ChannelTemplate]:
    known = {template.name: template for template in _canonical()}
    for alias, (name, unit) in _ALIASES.items():
        for phase in PHASES if alias.endswith("_x") else ("",):
            metric = f"{alias[:-1]}{phase}" if phase else alias
            template = known[f"{name[:-1]}{phase}" if phase else name]
            known[metric] = replace(
                template, source=metric, source_unit=unit or template.source_unit
            )
    return known


_KNOWN = _index()
CANONICAL_NAMES = frozenset(name for name, known in _KNOWN.items() if known.source == known.name)
