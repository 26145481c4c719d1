"""Rules to begin with: what most sites want to be told of, with limits that suit most of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

_NIGHT = [{"from": "22:00", "to": "06:00"}]
_PHASES = ("l1", "l2", "l3")
_POWER = ("active_power_import", "active_power_net")


@dataclass(frozen=True, slots=True)
class RuleTemplate:
    """A rule without a place; texts are English message ids, which the page translates.

    metrics: a rule is made for each that there are channels of, or with `takes_first` for the
    first one. profile: key of the type of device that it is for. intervals: without data it
    waits for so many intervals of the channels, at least as long as the definition says.
    """

    code: str
    name: str
    about: str
    metrics: tuple[str, ...]
    definition: Mapping[str, Any]
    text: str = ""
    advice: str = ""
    takes_first: bool = False
    profile: str = ""
    intervals: int = 0


def _limits(**limits: float) -> dict[str, Any]:
    return {"kind": "threshold", **limits}


_ALL = (
    RuleTemplate(
        "overvoltage", _("Overvoltage"),
        _("A phase stays above 253 V, ten percent over 230 V."),
        tuple(f"voltage_{phase}" for phase in _PHASES),
        {"when": _limits(above=253.0, clear_above=250.0), "for_seconds": 60, "severity": "error"},
        _("{device}: {channel} {value} {unit}, above {limit} {unit}"),
        _("Switch sensitive loads off and ask the grid operator about the voltage."),
    ),
    RuleTemplate(
        "undervoltage", _("Undervoltage"),
        _("A phase stays below 207 V, ten percent under 230 V."),
        tuple(f"voltage_{phase}" for phase in _PHASES),
        {"when": _limits(below=207.0, clear_below=210.0), "for_seconds": 60, "severity": "error"},
        _("{device}: {channel} {value} {unit}, below {limit} {unit}"),
        _("Look for a loose connection or a phase that is missing."),
    ),
    RuleTemplate(
        "voltage_imbalance", _("Voltage imbalance"),
        _("The phases differ by more than 2 percent for ten minutes, which heats motors."),
        ("voltage_imbalance",),
        {"when": _limits(above=2.0, clear_above=1.5), "for_seconds": 600},
        "", _("Share single-phase loads out over the phases."),
    ),
    RuleTemplate(
        "frequency", _("Grid frequency out of range"),
        _("Above 50.2 Hz or below 49.8 Hz for ten seconds."),
        ("frequency",),
        {"when": _limits(above=50.2, clear_above=50.1, below=49.8, clear_below=49.9),
         "for_seconds": 10},
    ),
    RuleTemplate(
        "contracted_power", _("Power above what is contracted"),
        _("More than 100 kW for five minutes: put in the power of your contract."),
        (*_POWER, "demand_active"),
        {"when": _limits(above=100.0, clear_above=95.0), "for_seconds": 300, "severity": "error"},
        _("{device}: {value} {unit}, contracted are {limit} {unit}"),
        _("Switch off what can wait, before the quarter of an hour is over."), takes_first=True,
    ),
    RuleTemplate(
        "power_factor", _("Power factor low"),
        _("Below 0.9 for half an hour, for which grid operators charge reactive energy."),
        ("power_factor",),
        {"when": _limits(below=0.9, clear_below=0.92), "for_seconds": 1800},
        "", _("Check the compensation: a step or a fuse may be out."),
    ),
    RuleTemplate(
        "night_use", _("More use at night than last week"),
        _("Between 22:00 and 06:00 half an hour at more than 20 percent above last week."),
        _POWER,
        {"when": {"kind": "last_week", "above": 20.0, "clear_above": 10.0}, "for_seconds": 1800,
         "active": _NIGHT},
        "", _("Something was left on, or runs when it should not."), takes_first=True,
    ),
    RuleTemplate(
        "no_data", _("No data"),
        _("Nothing for three intervals, at least for three minutes."),
        (*_POWER, "active_energy_import", "air_temp"),
        {"when": {"kind": "no_data", "seconds": 180}},
        _("{device} is silent since {since}"),
        _("Check power and network of the device, then its gateway."), takes_first=True,
        intervals=3,
    ),
    RuleTemplate(
        "esp32_down", _("ESP32 node is down"),
        _("No heartbeat for 30 seconds; for nodes that send one every 10 seconds."),
        ("uptime",),
        {"when": {"kind": "no_data", "seconds": 30}, "severity": "error"},
        _("{device} is silent since {since}"),
        _("Check power and Wi-Fi of the node."), profile="esp32-node",
    ),
    RuleTemplate(
        "restarted", _("Device has restarted"),
        _("The time since its start falls; often a bad supply."),
        ("uptime",),
        {"when": {"kind": "rate", "below": 0.0}, "severity": "info"},
        _("{device} has restarted"),
    ),
    RuleTemplate(
        "wifi_weak", _("Wi-Fi weak"),
        _("Below −85 dBm for ten minutes."),
        ("rssi",),
        {"when": _limits(below=-85.0, clear_below=-80.0), "for_seconds": 600, "severity": "info"},
        "", _("Move the device or its access point, before it is lost."),
    ),
    RuleTemplate(
        "device_battery", _("Battery of a device low"),
        _("Below 15 percent, until it is above 30 percent."),
        ("battery",),
        {"when": _limits(below=15.0, clear_below=30.0), "hold_seconds": 86_400},
        _("{device}: battery at {value} {unit}"), _("Change the battery within a few weeks."),
    ),
    RuleTemplate(
        "storage_low", _("Battery storage low"),
        _("Charge below 15 percent for five minutes, until it is above 20 percent."),
        ("battery_soc",),
        {"when": _limits(below=15.0, clear_below=20.0), "for_seconds": 300},
    ),
    RuleTemplate(
        "solar_idle", _("No solar power at noon"),
        _("Less than 10 W for half an hour between 11:00 and 14:00."),
        ("pv_active_power",),
        {"when": _limits(below=0.01, clear_below=0.05), "for_seconds": 1800,
         "active": [{"from": "11:00", "to": "14:00"}], "severity": "error"},
        "", _("Look at the display of the inverter, then at its fuses."),
    ),
    RuleTemplate(
        "too_warm", _("Too warm"),
        _("Air above 35 °C for ten minutes, until it is below 33 °C."),
        ("air_temp",),
        {"when": _limits(above=35.0, clear_above=33.0), "for_seconds": 600},
    ),
    RuleTemplate(
        "cold_store", _("Cold store too warm"),
        _("Above −15 °C for a quarter of an hour, until it is below −18 °C."),
        ("air_temp",),
        {"when": _limits(above=-15.0, clear_above=-18.0), "for_seconds": 900,
         "severity": "critical"},
        _("{device}: {value} {unit}"), _("Close the door; move goods if it goes on."),
        profile="cold-store-sensor",
    ),
    RuleTemplate(
        "humid", _("Too humid"),
        _("Above 80 percent for half an hour, until it is below 75 percent."),
        ("humidity",),
        {"when": _limits(above=80.0, clear_above=75.0), "for_seconds": 1800},
    ),
    RuleTemplate(
        "stale_air", _("Stale air"),
        _("More than 1,500 ppm CO₂ for ten minutes, until it is below 1,200 ppm."),
        ("co2",),
        {"when": _limits(above=1500.0, clear_above=1200.0), "for_seconds": 600,
         "severity": "info"},
        "", _("Open a window."),
    ),
    RuleTemplate(
        "water_leak", _("Water flows all night"),
        _("Water flows for an hour between 01:00 and 04:00 without a break."),
        ("flow_rate",),
        {"when": _limits(above=0.0), "for_seconds": 3600,
         "active": [{"from": "01:00", "to": "04:00"}], "severity": "error"},
        "", _("Close the main valve and look for a leak."),
    ),
)  # fmt: skip

TEMPLATES: Mapping[str, RuleTemplate] = {template.code: template for template in _ALL}


def words_of(template: RuleTemplate) -> dict[str, str]:
    """Return its texts in the active language, by their names."""
    names = ("name", "about", "text", "advice")
    return {name: gettext(text) if (text := getattr(template, name)) else "" for name in names}
