"""What the keys of Zigbee2MQTT's payloads mean: canonical names, stored units, ranges.

Electrical keys come plain, with a phase (`power_phase_b`, `power_l2`) or with the letter of a
clamp (`power_a`); `power_ab` is the sum. Where a device has `power_phase_b`, its plain `power`
is that of the first phase.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from devices.canonical import (
    COUNTER,
    GAUGE,
    STATE,
    ChannelTemplate,
    discovered,
    is_metric,
    lookup,
)
from devices.zigbee.exposes import Ability
from energy.lib.units import SPELLINGS, IncompatibleUnits, UnknownUnit, conversion

_SUFFIX = re.compile(r"(?P<stem>.+?)_(?:phase_(?P<phase>[abc])|l(?P<line>[1-3])|"
                     r"(?P<clamp>[a-d])|(?P<all>ab|abc|total))")  # fmt: skip
_LINES = {"a": "l1", "b": "l2", "c": "l3"}
# key: (canonical name of all, canonical name of a phase, unit of the payload)
_ELECTRICAL = {
    "power": ("active_power_net", "active_power_{}", "W"),
    "power_reactive": ("reactive_power_net", "reactive_power_{}", "var"),
    "power_apparent": ("apparent_power", "apparent_power_{}", "VA"),
    "energy": ("active_energy_import", "active_energy_import_{}", "kWh"),
    "energy_consumed": ("active_energy_import", "active_energy_import_{}", "kWh"),
    "consumed_energy": ("active_energy_import", "active_energy_import_{}", "kWh"),
    "produced_energy": ("active_energy_export", "active_energy_export_{}", "kWh"),
    "energy_produced": ("active_energy_export", "active_energy_export_{}", "kWh"),
    "voltage": ("voltage_l1", "voltage_{}", "V"),
    "current": ("current_l1", "current_{}", "A"),
    "power_factor": ("power_factor", "power_factor_{}", "1"),
}
_OF_FIRST_PHASE = frozenset({"power", "power_reactive", "power_apparent", "power_factor"})
# key: (canonical name, unit of the payload)
_CANONICAL = {
    "ac_frequency": ("frequency", "Hz"),
    "temperature": ("air_temp", "Cel"),
    "local_temperature": ("air_temp", "Cel"),
    "humidity": ("humidity", "%"),
    "co2": ("co2", "ppm"),
}
# key: (name, unit of the payload, stored unit, kind, minimum, maximum, decimals)
_MORE: dict[str, tuple[str, str, str, str, float | None, float | None, int]] = {
    "linkquality": ("linkquality", "lqi", "lqi", GAUGE, 0, 255, 0),
    "battery": ("battery", "%", "%", GAUGE, 0, 100, 0),
    "device_temperature": ("device_temp", "Cel", "Cel", GAUGE, -60, 150, 1),
    "pressure": ("air_pressure", "hPa", "hPa", GAUGE, 100, 1200, 1),
    "illuminance": ("illuminance_raw", "", "", GAUGE, 0, None, 0),
    "illuminance_lux": ("illuminance", "lx", "lx", GAUGE, 0, None, 0),
    "soil_moisture": ("soil_moisture", "%", "%", GAUGE, 0, 100, 0),
    "pm25": ("pm25", "ug/m3", "ug/m3", GAUGE, 0, None, 0),
    "water_consumed": ("water_volume", "m3", "m3", COUNTER, 0, None, 3),
    "position": ("position", "%", "%", GAUGE, 0, 100, 0),
    "occupied_heating_setpoint": ("heating_setpoint", "Cel", "Cel", GAUGE, -60, 100, 1),
    "current_heating_setpoint": ("heating_setpoint", "Cel", "Cel", GAUGE, -60, 100, 1),
    "power_outage_count": ("power_failure_count", "1", "1", COUNTER, 0, None, 0),
}
_STATES = frozenset({
    "contact", "occupancy", "presence", "water_leak", "smoke", "gas", "carbon_monoxide",
    "vibration", "tamper", "battery_low",
})  # fmt: skip
_MILLIVOLTS = ("battery_voltage", "mV", "V", GAUGE, 0, 60, 3)


def describe(ability: Ability, keys: Collection[str]) -> ChannelTemplate | None:
    """Return the channel for an ability of a device that has these keys; None for no name.

    The unit that the device tells is believed where it measures the same quantity.
    """
    if not is_metric(ability.key):
        return None
    if ability.kind != "numeric":
        return _state(ability)
    known = _numeric(ability, frozenset(keys))
    if known is None:
        return _unknown(ability)
    unit = SPELLINGS.get(ability.unit, ability.unit)
    return replace(known, source_unit=unit) if _fits(unit, known.unit) else known


def is_known(key: str) -> bool:
    """Tell whether a key means something without `exposes`."""
    stem, _phase, _clamp = _split(key)
    return (
        stem in _ELECTRICAL or key in _CANONICAL or key in _MORE or key in _STATES or _is_relay(key)
    )


def guess(key: str, value: float, payload: Collection[str]) -> Ability:
    """Describe a value of a device that never told its abilities."""
    if key in _STATES or _is_relay(key):
        return Ability(key, "binary")
    stem = _split(key)[0]
    if key == "voltage" and "battery" in payload and "power" not in payload:
        return Ability(key, "numeric", unit="mV")
    if stem == "power_factor" and abs(value) > 1:
        return Ability(key, "numeric", unit="%")
    return Ability(key, "numeric")


def _numeric(ability: Ability, keys: frozenset[str]) -> ChannelTemplate | None:
    key = ability.key
    if key == "voltage" and ability.unit == "mV" and "power" not in keys:
        return _row(key, _MILLIVOLTS)
    if key in _CANONICAL:
        name, unit = _CANONICAL[key]
        return _canonical(name, key, unit)
    if key in _MORE:
        row = _MORE[key]
        if key == "illuminance" and ability.unit == "lx":
            row = _MORE["illuminance_lux"]
        return _row(key, row)
    return _electrical(key, keys)


def _electrical(key: str, keys: frozenset[str]) -> ChannelTemplate | None:
    stem, phase, clamp = _split(key)
    if stem not in _ELECTRICAL:
        return None
    total, of_phase, unit = _ELECTRICAL[stem]
    if key in _OF_FIRST_PHASE and f"{key}_phase_b" in keys:
        phase = "l1"
    if phase:
        return _canonical(of_phase.format(phase), key, unit)
    found = _canonical(total, key, unit)
    return replace(found, name=of_phase.format(clamp), phase="none") if clamp else found


def _split(key: str) -> tuple[str, str, str]:
    """Return the stem of an electrical key, its phase and the letter of its clamp."""
    found = _SUFFIX.fullmatch(key)
    if key in _ELECTRICAL or found is None:
        return key, "", ""
    phase = _LINES.get(found["phase"] or "", f"l{found['line']}" if found["line"] else "")
    return found["stem"], phase, found["clamp"] or ""


def _canonical(name: str, key: str, unit: str) -> ChannelTemplate:
    found = lookup(name)
    if found is None:
        return replace(discovered(name), source=key, source_unit=unit, unit=unit)
    return replace(found, source=key, source_unit=unit)


def _row(
    key: str, row: tuple[str, str, str, str, float | None, float | None, int]
) -> ChannelTemplate:
    name, source_unit, unit, kind, minimum, maximum, decimals = row
    return ChannelTemplate(
        name=name, source=key, source_unit=source_unit, unit=unit, kind=kind,
        minimum=minimum, maximum=maximum, decimals=decimals,
    )  # fmt: skip


def _state(ability: Ability) -> ChannelTemplate:
    name = ability.key.replace("state", "relay", 1) if _is_relay(ability.key) else ability.key
    template = discovered(name)
    return replace(
        template, source=ability.key, kind=STATE, minimum=0, decimals=0,
        maximum=1 if ability.kind == "binary" else None,
    )  # fmt: skip


def _unknown(ability: Ability) -> ChannelTemplate:
    unit = SPELLINGS.get(ability.unit, ability.unit)
    return replace(discovered(ability.key), source_unit=unit, unit=unit)


def _is_relay(key: str) -> bool:
    return key == "state" or key.startswith("state_")


def _fits(unit: str, stored: str) -> bool:
    if not unit or not stored:
        return False
    try:
        conversion(unit, stored)
    except (UnknownUnit, IncompatibleUnits):
        return False
    return True
