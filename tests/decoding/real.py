"""The recorded payloads, the mapping that each is read with, and what its words mean here."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telemetry.decoding.mapping import Bound, bind_first, compile_mapping
from telemetry.decoding.shipped import shipped_mappings

REALDATA = Path(os.environ.get("REALDATA_DIR", Path(__file__).parents[3] / "shared/realdata"))
FOLDER = REALDATA / "payloads"

# What stands in the recording is no topic, but where it comes from.
TOPICS = {
    "shelly2-15": "shellypro3em-aabbccddeeff/rpc",
    "tasmota-19a": "totals/dualr3_office",
    "tasmota-19d": "totals/dualr3_office",
}
# Families that come with no mapping of their own; each is one that anybody could write.
SPECS: dict[str, dict[str, Any]] = {
    "tasmota-rollover": {
        "topics": [
            {
                "topic": "totals/{device}",
                "time": {"path": "time", "format": "iso"},
                "values": [
                    {"path": "energy_total", "channel": "active_energy_import", "unit": "kWh"},
                    {
                        "path": "energy_today",
                        "channel": "energy_import_today",
                        "unit": "kWh",
                        "kind": "daily_counter",
                    },
                ],
            }
        ]
    },
}
PHASED = {
    "active_power": "active_power_{}",
    "active_power_import": "active_power_{}",
    "apparent_power": "apparent_power_{}",
    "power_factor": "power_factor_{}",
    "voltage": "voltage_{}",
    "current": "current_{}",
    "frequency": "frequency_{}",
    "energy_import": "active_energy_import_{}",
    "energy_export": "active_energy_export_{}",
    "energy_import_today": "energy_import_today_{}",
    "temperature": "temperature_{}",
    "relay": "relay_{}",
    "input": "{}",
    "energy_last_minute": "energy_last_minute_{}",
    "humidity": "humidity_{}",
    "dew_point": "dew_point_{}",
    "pressure": "pressure_{}",
    "pm2_5": "pm2_5_{}",
    "pm10": "pm10_{}",
    "particle_count_0_3": "particle_count_0_3_{}",
}
TOTALS = {
    "active_power": "active_power_net",
    "reactive_power": "reactive_power_net",
    "energy_import": "active_energy_import",
    "energy_export": "active_energy_export",
    "heat_energy": "thermal_energy",
    "heat_power": "thermal_power",
    "voltage": "voltage_l1",
    "current": "current_l1",
    "volume_flow": "flow_rate",
    "temperature": "air_temp",
}
# (family, quantity, channel): the name here
ESPECIALLY = {
    ("deye-inverter-mqtt", "current", "dc/pv1/current"): "pv_current_string1",
    ("deye-inverter-mqtt", "energy_today", "day_energy"): "pv_energy_today",
    ("deye-inverter-mqtt", "energy_total", "total_energy"): "pv_energy",
    ("deye-inverter-mqtt", "battery_charge_today", "battery/daily_charge"): "battery_charge_today",
    ("fronius-solarapi", "soc", "battery"): "battery_soc",
    ("fronius-solarapi", "temperature", "battery"): "battery_temp",
    ("fronius-solarapi", "capacity", "battery"): "battery_capacity",
    ("shelly-gen2", "temperature", "device"): "temperature_0",
    ("tasmota", "energy_import", "tariff_offpeak"): "active_energy_import_offpeak",
    ("tasmota", "energy_import", "tariff_peak"): "active_energy_import_peak",
    ("victron", "active_power", "pvinverter/20"): "pv_active_power",
    ("victron", "voltage", "solarcharger/279/dc0"): "voltage_dc0",
    ("wmbusmeters", "active_power", "total"): "active_power_import",
    ("wmbusmeters", "volume", "total"): "heating_water_volume",
    ("wmbusmeters", "energy_import", "tariff1"): "active_energy_import_t1",
    ("wmbusmeters", "energy_import", "tariff2"): "active_energy_import_t2",
    ("wmbusmeters", "temperature", "flow"): "supply_temp",
    ("wmbusmeters", "temperature", "return"): "return_temp",
    ("zigbee2mqtt", "relay", "1"): "relay",
    ("zigbee2mqtt", "temperature", "device"): "device_temp",
}
# What is kept as another kind than its maker calls it: see docs/reference/mappings.md.
KINDS = {
    "counter": "total_increasing",
    "daily_counter": "gauge",
    "snapshot": "gauge",
    "delta": "gauge",
    "gauge": "gauge",
}
STATES = frozenset({"relay", "input", "availability"})
GAUGES_AFTER_ALL = frozenset({"uptime"})


@dataclass(frozen=True)
class Recording:
    """One recorded payload with what it must become."""

    family: str
    id: str
    topic: str
    path: Path
    is_retained: bool
    expected: dict[str, Any]

    @property
    def payload(self) -> bytes:
        """The bytes as they were sent."""
        return self.path.read_bytes()

    def bound(self) -> Bound:
        """Return what understands the topic."""
        if self.family in SPECS:
            groups = [[compile_mapping(SPECS[self.family])]]
        else:
            groups = [list(shipped_mappings().values())]
        found = bind_first(groups, self.topic)
        assert found is not None, f"no mapping knows {self.topic}"
        return found


def recordings() -> list[Recording]:
    """Return every line of every index.jsonl."""
    found = []
    for index in sorted(FOLDER.glob("*/index.jsonl")):
        expected = json.loads((index.parent / "expected.json").read_text())
        for line in index.read_text().splitlines():
            row = json.loads(line)
            found.append(
                Recording(
                    index.parent.name,
                    row["id"],
                    TOPICS.get(row["id"], row["topic"]),
                    index.parent / row["file"],
                    bool(row["retain"]),
                    expected[row["id"]],
                )
            )
    return found


def channel_name(family: str, quantity: str, channel: str) -> str:
    """Return the name here of what a recording calls quantity and channel."""
    especially = ESPECIALLY.get((family, quantity, channel))
    if especially is not None:
        return especially
    if channel in ("total", "-"):
        return TOTALS.get(quantity, quantity)
    word = channel.lower().replace(":", "_" if quantity == "input" else "")
    return PHASED[quantity].format(word)
