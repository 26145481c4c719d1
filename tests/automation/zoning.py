"""Zones with a doser, a heater and a pump, for tests."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from automation.models import ZoneControl
from automation.services.zones import configure_zone
from devices.models import Channel, Device, Zone
from devices.services.commanders import Robot
from telemetry.models import LatestValue
from tests.conftest import Team
from tests.factories import (
    NOW,
    ChannelFactory,
    DeviceFactory,
    DeviceProfileFactory,
    LatestValueFactory,
    ZoneFactory,
)

COMMANDS = [
    {
        "name": "dose", "effect": "on", "actuator": "doser",
        "params": [{"name": "ml", "type": "number", "min": 0.5, "max": 50, "required": True}],
    },
    {
        "name": "pump_on", "effect": "on", "actuator": "pump",
        "params": [{"name": "runtime_s", "type": "integer", "min": 1}],
        "limits": {"max_runtime_s": 600},
    },
    {"name": "pump_off", "effect": "off", "actuator": "pump"},
    {"name": "heater_on", "effect": "on", "actuator": "heater"},
    {"name": "heater_off", "effect": "off", "actuator": "heater"},
    {
        "name": "set_valve", "effect": "set", "actuator": "valve",
        "params": [{"name": "percent", "type": "number", "unit": "%", "required": True}],
    },
]  # fmt: skip
ANYBODY = Robot("test", "somebody")
SECOND = dt.timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Bench:
    """A zone and what stands in it."""

    team: Team
    zone: Zone
    device: Device
    ph: Channel
    warmth: Channel

    def setup(self, **fields: Any) -> dict[str, Any]:
        """Return a set-up with a controller of pH and one of warmth."""
        device = str(self.device.id)
        roles = [
            {"name": "ph_down", "device": device, "start": "dose", "amount": "ml"},
            {"name": "heater", "device": device, "start": "heater_on", "stop": "heater_off"},
            {"name": "irrigation", "device": device, "start": "pump_on", "stop": "pump_off"},
            {"name": "valve", "device": device, "start": "set_valve", "amount": "percent"},
        ]
        controllers = [
            {
                "name": "pH", "kind": "dose", "metric": "ph", "channel": self.ph.id,
                "lowers": "ph_down", "target": 5.8, "deadband": 0.1, "gain": 10, "least": 2,
                "most": 10, "pause_seconds": 60, "per_hour": 20, "per_day": 60,
                "is_enabled": True,
            },
            {
                "name": "Warmth", "kind": "switch", "metric": "temperature",
                "channel": self.warmth.id, "raises": "heater", "target": 22, "deadband": 1,
                "pause_seconds": 60, "is_enabled": True,
            },
        ]  # fmt: skip
        return {"roles": roles, "controllers": controllers} | fields

    def configure(self, now: dt.datetime = NOW, **fields: Any) -> ZoneControl:
        """Save a set-up."""
        with self.team.scope():
            return configure_zone(
                actor=ANYBODY, zone=self.zone, document=self.setup(**fields), now=now
            )

    def measure(self, channel: Channel, value: float, at: dt.datetime) -> None:
        """Let a channel say something."""
        with self.team.scope():
            LatestValue.objects.filter(channel=channel).update(value=value, time=at, received_at=at)


def make_bench(team: Team, name: str = "Bench") -> Bench:
    """Save a zone with a device that can do everything; pH is 6.4, warmth 22."""
    zone = ZoneFactory(tenant=team.tenant, name=name)
    device = DeviceFactory(
        tenant=team.tenant, site=zone.site, gateway=None, zone=zone, lifecycle="active",
        profile=DeviceProfileFactory(commands=COMMANDS), name=f"Doser of {name}",
    )  # fmt: skip
    ph = ChannelFactory(tenant=team.tenant, device=device, name="ph", unit="", source_unit="")
    warmth = ChannelFactory(
        tenant=team.tenant, device=device, name="temperature", unit="°C", source_unit="°C"
    )
    LatestValueFactory(tenant=team.tenant, channel=ph, value=6.4, time=NOW)
    LatestValueFactory(tenant=team.tenant, channel=warmth, value=22.0, time=NOW)
    return Bench(team, zone, device, ph, warmth)
