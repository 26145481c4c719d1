"""Guesses what a device's channels say about a new meter, by their canonical names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from devices.models import Channel, Kind
from metering.models import Commodity, Role

# import, export · commodity · role; the first whose import the device has
_PATTERNS: tuple[tuple[tuple[str, ...], str, Commodity, Role], ...] = (
    (("pv_energy", "pv_energy_interval", "pv_power"), "", Commodity.ELECTRICITY, Role.PRODUCTION),
    (("battery_energy_charge",), "battery_energy_discharge", Commodity.ELECTRICITY, Role.BATTERY),
    (("ev_session_energy", "ev_energy_interval"), "", Commodity.ELECTRICITY, Role.CHARGING),
    (("gas_volume", "gas_volume_interval"), "", Commodity.GAS, Role.LOAD),
    (("water_volume", "water_volume_interval"), "", Commodity.WATER, Role.LOAD),
    (("thermal_energy", "thermal_energy_interval"), "", Commodity.HEAT, Role.LOAD),
    (
        ("active_energy_import", "active_energy_import_interval", "active_power_net",
         "active_power_import"),
        "active_energy_export", Commodity.ELECTRICITY, Role.LOAD,
    ),
)  # fmt: skip
FEEDING = (Kind.COUNTER, Kind.INTERVAL, Kind.GAUGE)
UNITS = {"kWh", "kW", "kW.h", "m3", "m3/h"}


@dataclass(frozen=True, slots=True)
class Guess:
    """What a meter of a device most likely is."""

    name: str
    commodity: str
    role: str
    main: Channel | None
    export: Channel | None


def feeding(channels: Sequence[Channel]) -> list[Channel]:
    """Return those that can feed a meter, counters first."""
    usable = [one for one in channels if one.kind in FEEDING and one.unit in UNITS]
    return sorted(usable, key=lambda one: (FEEDING.index(Kind(one.kind)), one.name))


def guess_meter(name: str, channels: Sequence[Channel]) -> Guess:
    """Return the best guess about a device of this name."""
    found = {one.name: one for one in channels}
    for names, export, commodity, role in _PATTERNS:
        main = next((found[one] for one in names if one in found), None)
        if main is not None:
            sold = found.get(export)
            is_grid = role == Role.LOAD and sold is not None
            return Guess(name, commodity, Role.GRID if is_grid else role, main, sold)
    counters = [one for one in channels if one.kind == Kind.COUNTER]
    return Guess(name, Commodity.ELECTRICITY, Role.LOAD, next(iter(counters), None), None)
