"""A small greenhouse and its rules, for tests."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from alarms.models import NotificationTarget, TargetKind
from automation.models import Schedule
from devices.models import Channel, Device, Site, Zone
from tests.factories import (
    ChannelFactory,
    DeviceFactory,
    DeviceProfileFactory,
    GatewayFactory,
    SiteFactory,
    ZoneFactory,
)

COMMANDS: list[dict[str, Any]] = [
    {
        "name": "pump_on", "label": "Water", "effect": "on", "actuator": "pump",
        "params": [
            {"name": "runtime_s", "label": "For", "type": "number", "unit": "s", "min": 1,
             "max": 300, "required": True},
            {"name": "speed", "type": "string", "choices": ["slow", "fast"], "default": "slow"},
        ],
        "limits": {"max_runtime_s": 300},
    },
    {"name": "pump_off", "label": "Stop", "effect": "off", "actuator": "pump"},
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Greenhouse:
    """What rules of tests name."""

    site: Site
    zone: Zone
    probe: Device
    pump: Device
    moisture: Channel
    warmth: Channel
    target: NotificationTarget
    caller: NotificationTarget
    schedule: Schedule


def make_greenhouse(team: Any) -> Greenhouse:
    """Save a site with a probe, a pump, somebody to tell, and a schedule."""
    site = SiteFactory(tenant=team.tenant, name="Greenhouse")
    gateway = GatewayFactory(site=site, uid=f"gw-{team.tenant.slug}")
    profile = DeviceProfileFactory(commands=COMMANDS)
    probe = DeviceFactory(gateway=gateway, uid="probe-1", name="Bed 3")
    pump = DeviceFactory(gateway=gateway, uid="pump-1", name="Pump 1", profile=profile)
    with team.scope():
        target = NotificationTarget.objects.create(
            tenant=team.tenant, name="Night shift", kind=TargetKind.EMAIL, address="n@example.com"
        )
        caller = NotificationTarget.objects.create(
            tenant=team.tenant, name="ERP", kind=TargetKind.WEBHOOK, address="https://erp.example/"
        )
        schedule = Schedule.objects.create(
            tenant=team.tenant, name="Morning", site=site,
            definition={"when": {"kind": "times", "at": ["06:00"]}},
        )  # fmt: skip
    return Greenhouse(
        site, ZoneFactory(site=site, name="North"), probe, pump,
        ChannelFactory(device=probe, name="soil_moisture", unit="%"),
        ChannelFactory(device=probe, name="air_temp", unit="Cel"), target, caller, schedule,
    )  # fmt: skip


def dry(place: Greenhouse, **changes: Any) -> dict[str, Any]:
    """Return a rule that waters when the soil is dry for two minutes, by day."""
    return {
        "when": [
            {"kind": "samples", "for": 120,
             "that": {"kind": "value", "channel": place.moisture.id, "below": 20.0,
                      "clear": 25.0}},
        ],
        "if": {"kind": "all", "of": [
            {"kind": "week", "slots": [{"from": "06:00", "to": "20:00"}]},
            {"kind": "value", "channel": place.warmth.id, "above": 5.0},
        ]},
        "then": [
            {"kind": "command", "device": str(place.pump.id), "name": "pump_on",
             "params": {"runtime_s": 60}},
            {"kind": "notify", "targets": [str(place.target.id)], "text": "Watered {site}"},
        ],
        "cooldown": 600,
    } | changes  # fmt: skip


def everything(place: Greenhouse) -> dict[str, Any]:
    """Return a rule that names something of every kind."""
    device = str(place.pump.id)
    return {
        "when": [
            {"kind": "samples", "that": {"kind": "formula", "formula": "a - b", "unit": "1",
                                         "inputs": {"a": place.moisture.id,
                                                    "b": place.moisture.id}, "above": 3.0}},
            {"kind": "alarm", "site": str(place.site.id)},
            {"kind": "device", "is": "offline", "device": device},
            {"kind": "actuator", "device": device, "actuator": "pump", "is": "on"},
            {"kind": "command", "device": device, "name": "pump_off"},
            {"kind": "time", "schedule": {"when": {"kind": "times", "at": ["06:00", "18:00"]}}},
            {"kind": "webhook"},
        ],
        "if": {"kind": "not", "of": {"kind": "any", "of": [
            {"kind": "mode", "zone": str(place.zone.id), "is": "manual"},
            {"kind": "device", "device": device, "is": "offline"},
            {"kind": "alarm", "is": "open", "device": device},
        ]}},
        "then": [
            {"kind": "command", "device": device, "name": "pump_off", "wait": True},
            {"kind": "delay", "seconds": 5},
            {"kind": "mode", "zone": str(place.zone.id), "mode": "semi"},
            {"kind": "schedule", "schedule": str(place.schedule.id), "do": "disable"},
            {"kind": "webhook", "target": str(place.caller.id)},
        ],
    }  # fmt: skip


def at(hours: float = 0, **more: float) -> dt.datetime:
    """Return a moment after noon of the day of tests."""
    from tests.factories import NOW

    return NOW + dt.timedelta(hours=hours, **more)
