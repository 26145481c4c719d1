"""What people call a channel, and what belongs together on a page."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

_SUFFIX = re.compile(r"(.+?)_(l1|l2|l3|n|l12|l23|l31|t[1-4]|q[1-4])$")
_STRING = re.compile(r"pv_dc_power_string(\d+)$")
_BETWEEN = {"l12": "l1-l2", "l23": "l2-l3", "l31": "l3-l1"}
_SUFFIX_ORDER = {s: n for n, s in enumerate(("", "l1", "l2", "l3", "n", *_BETWEEN.values()))}
_CONDUCTORS = frozenset({"l1", "l2", "l3", "n"})

POWER, ENERGY, VOLTAGE, CURRENT = _("Power"), _("Energy"), _("Voltage"), _("Current")
SUPPLY, SOURCES, CLIMATE = _("Supply quality"), _("Generation and storage"), _("Climate")
MEDIA, HEALTH, OTHER = _("Heat, gas and water"), _("Device health"), _("Other")

# name without phase or tariff: (label, group); the order is the order on the page
_NAMES: dict[str, tuple[Promise, Promise]] = {
    "active_power_net": (_("Active power"), POWER),
    "active_power_import": (_("Active power, import"), POWER),
    "active_power_export": (_("Active power, export"), POWER),
    "active_power": (_("Active power"), POWER),
    "demand_active": (_("Demand"), POWER),
    "demand_active_max": (_("Highest demand"), POWER),
    "reactive_power_net": (_("Reactive power"), POWER),
    "reactive_power_import": (_("Reactive power, import"), POWER),
    "reactive_power_export": (_("Reactive power, export"), POWER),
    "reactive_power": (_("Reactive power"), POWER),
    "apparent_power": (_("Apparent power"), POWER),
    "active_energy_import": (_("Energy, import"), ENERGY),
    "active_energy_export": (_("Energy, export"), ENERGY),
    "active_energy_net": (_("Energy, net"), ENERGY),
    "active_energy_total": (_("Energy, both directions"), ENERGY),
    "reactive_energy_import": (_("Reactive energy, import"), ENERGY),
    "reactive_energy_export": (_("Reactive energy, export"), ENERGY),
    "reactive_energy": (_("Reactive energy"), ENERGY),
    "reactive_energy_total": (_("Reactive energy, both directions"), ENERGY),
    "apparent_energy_import": (_("Apparent energy"), ENERGY),
    "active_energy_import_interval": (_("Energy of an interval, import"), ENERGY),
    "active_energy_export_interval": (_("Energy of an interval, export"), ENERGY),
    "active_energy_net_interval": (_("Energy of an interval, net"), ENERGY),
    "reactive_energy_import_interval": (_("Reactive energy of an interval, import"), ENERGY),
    "reactive_energy_export_interval": (_("Reactive energy of an interval, export"), ENERGY),
    "energy_cost_interval": (_("Cost of an interval"), ENERGY),
    "tariff_indicator": (_("Tariff in force"), ENERGY),
    "energy_price": (_("Energy price"), ENERGY),
    "grid_co2_intensity": (_("CO₂ of the grid"), ENERGY),
    "voltage": (_("Voltage"), VOLTAGE),
    "voltage_avg": (_("Voltage, mean of the phases"), VOLTAGE),
    "current": (_("Current"), CURRENT),
    "current_avg": (_("Current, mean of the phases"), CURRENT),
    "current_sum": (_("Current, sum of the phases"), CURRENT),
    "frequency": (_("Frequency"), SUPPLY),
    "power_factor": (_("Power factor"), SUPPLY),
    "voltage_thd": (_("Voltage distortion"), SUPPLY),
    "voltage_thd_avg": (_("Voltage distortion, mean"), SUPPLY),
    "current_thd": (_("Current distortion"), SUPPLY),
    "voltage_imbalance": (_("Voltage imbalance"), SUPPLY),
    "voltage_sag_count": (_("Voltage sags"), SUPPLY),
    "voltage_swell_count": (_("Voltage swells"), SUPPLY),
    "power_failure_count": (_("Power failures"), SUPPLY),
    "pv_active_power": (_("Solar power"), SOURCES),
    "pv_energy": (_("Solar energy"), SOURCES),
    "pv_energy_interval": (_("Solar energy of an interval"), SOURCES),
    "pv_dc_power": (_("Power of the modules"), SOURCES),
    "pv_dc_voltage": (_("Voltage of the modules"), SOURCES),
    "pv_dc_current": (_("Current of the modules"), SOURCES),
    "pv_dc_power_string": (_("String power"), SOURCES),
    "inverter_state": (_("State of the inverter"), SOURCES),
    "inverter_events": (_("Events of the inverter"), SOURCES),
    "inverter_temp": (_("Temperature of the inverter"), SOURCES),
    "irradiance": (_("Irradiance"), SOURCES),
    "module_temp": (_("Module temperature"), SOURCES),
    "battery_soc": (_("Battery charge"), SOURCES),
    "battery_soh": (_("Battery health"), SOURCES),
    "battery_power": (_("Battery power"), SOURCES),
    "battery_energy_charge": (_("Battery, charged"), SOURCES),
    "battery_energy_discharge": (_("Battery, discharged"), SOURCES),
    "ev_power": (_("Charging power"), SOURCES),
    "ev_session_energy": (_("Charging session"), SOURCES),
    "ev_energy_interval": (_("Charged in an interval"), SOURCES),
    "ev_connector_state": (_("Charging connector"), SOURCES),
    "air_temp": (_("Air temperature"), CLIMATE),
    "humidity": (_("Humidity"), CLIMATE),
    "co2": (_("CO₂"), CLIMATE),
    "thermal_power": (_("Heat power"), MEDIA),
    "thermal_energy": (_("Heat"), MEDIA),
    "thermal_energy_interval": (_("Heat of an interval"), MEDIA),
    "supply_temp": (_("Supply temperature"), MEDIA),
    "return_temp": (_("Return temperature"), MEDIA),
    "flow_rate": (_("Flow"), MEDIA),
    "gas_volume": (_("Gas"), MEDIA),
    "water_volume": (_("Water"), MEDIA),
    "gas_volume_interval": (_("Gas of an interval"), MEDIA),
    "water_volume_interval": (_("Water of an interval"), MEDIA),
    "pulse_count": (_("Pulses"), MEDIA),
    "rssi": (_("Signal strength"), HEALTH),
    "uptime": (_("Uptime"), HEALTH),
    "free_heap": (_("Free memory"), HEALTH),
}
_ORDER = {name: position for position, name in enumerate(_NAMES)}

# what a reader wants to see first; the first one found of each line is shown
_HEADLINES = (
    ("active_power_net", "active_power_import", "pv_active_power", "battery_power", "ev_power",
     "thermal_power", "air_temp", "supply_temp"),
    ("active_energy_import", "pv_energy", "ev_session_energy", "thermal_energy", "gas_volume",
     "water_volume", "battery_soc", "humidity"),
    ("voltage_l1", "battery_soc", "irradiance", "return_temp", "co2", "power_factor", "frequency",
     "rssi"),
    ("current_l1", "power_factor", "frequency", "active_energy_export", "module_temp",
     "flow_rate", "uptime"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Naming:
    """A channel's place and words. `label` says all; `short` leaves the conductor to its mark."""

    label: str
    short: str
    group: str
    order: tuple[int, int, str]


def name_channel(name: str, own_label: str = "") -> Naming:
    """Name a channel in the active language; a label given by people always wins."""
    base, suffix = _split(name)
    known = _NAMES.get(base)
    words = str(known[0]) if known else capfirst(base.replace("_", " "))
    full = f"{words} {suffix.upper()}".rstrip()
    short = words if suffix in _CONDUCTORS else full
    return Naming(
        label=own_label or full,
        short=own_label or short,
        group=str(known[1] if known else OTHER),
        order=(_ORDER.get(base, len(_ORDER)), _SUFFIX_ORDER.get(suffix, 0), name),
    )


def pick_headlines(names: set[str], limit: int) -> list[str]:
    """Choose the channels that say most about a device, the most telling first."""
    chosen: list[str] = []
    for line in _HEADLINES:
        found = next((name for name in line if name in names and name not in chosen), None)
        if found:
            chosen.append(found)
    rest = sorted(names - set(chosen), key=lambda name: name_channel(name).order)
    return (chosen + rest)[:limit]


def _split(name: str) -> tuple[str, str]:
    if name in _NAMES:
        return name, ""
    string = _STRING.fullmatch(name)
    if string:
        return "pv_dc_power_string", string[1]
    match = _SUFFIX.fullmatch(name)
    if match and match[1] in _NAMES:
        return match[1], _BETWEEN.get(match[2], match[2])
    return name, ""
