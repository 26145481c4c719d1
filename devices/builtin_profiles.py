"""The types of device that every installation knows, by the metrics they send.

A metric's meaning (unit, kind, range) comes from `devices.canonical`; a profile is only
the list of what its devices send and how often.
"""

from __future__ import annotations

from dataclasses import dataclass

GATEWAY_HEALTH = "gateway-health"


@dataclass(frozen=True, slots=True)
class BuiltinProfile:
    """A type of device; `metrics` are the keys of its payloads."""

    key: str
    name: str
    metrics: tuple[str, ...] = ()
    expected_interval_seconds: int = 60
    manufacturer: str = ""
    model: str = ""


def _phases(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}_l{number}" for name in names for number in (1, 2, 3))


_PROFILES = (
    BuiltinProfile(GATEWAY_HEALTH, "Gateway health", ("rssi", "uptime", "free_heap")),
    BuiltinProfile(
        "grid-meter",
        "Grid connection meter",
        (
            "active_power_import",
            "active_power_export",
            "reactive_power_import",
            "apparent_power",
            "power_factor",
            "frequency",
            *_phases("active_power", "voltage", "current"),
            "active_energy_import",
            "active_energy_export",
            "reactive_energy_import",
        ),
        expected_interval_seconds=10,
    ),
    BuiltinProfile(
        "three-phase-meter",
        "Three-phase submeter",
        (
            "power_active_total",
            "power_reactive_total",
            "power_apparent_total",
            "power_factor_total",
            "frequency",
            *_phases("power_active", "voltage", "current"),
            "energy_active_import_total",
            "energy_active_export_total",
        ),
        expected_interval_seconds=10,
    ),
    BuiltinProfile(
        "pv-inverter",
        "PV inverter",
        (
            "pv_active_power",
            "pv_energy",
            "pv_dc_power_string1",
            "pv_dc_power_string2",
            "irradiance",
            "module_temp",
            "frequency",
            *_phases("voltage", "current"),
        ),
        expected_interval_seconds=10,
    ),
    BuiltinProfile(
        "heat-pump",
        "Heat pump",
        (
            "active_power_import",
            "active_energy_import",
            "thermal_power",
            "thermal_energy",
            "supply_temp",
            "return_temp",
            "air_temp",
        ),
    ),
    BuiltinProfile(
        "ev-charger-meter",
        "EV charger meter",
        (
            "ev_power",
            "ev_session_energy",
            "ev_connector_state",
            *_phases("current"),
            "active_energy_import",
        ),
        expected_interval_seconds=10,
    ),
    BuiltinProfile("cold-store-sensor", "Cold store sensor", ("air_temp", "humidity")),
    BuiltinProfile("climate-sensor", "Room climate sensor", ("temperature", "humidity", "co2")),
    BuiltinProfile("water-meter", "Water meter", ("water_volume", "flow_rate")),
    BuiltinProfile("generic", "Generic device"),
)
BUILTIN_PROFILES = {profile.key: profile for profile in _PROFILES}
