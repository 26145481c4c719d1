"""A gateway with Zigbee2MQTT, and its words."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

import pytest

from devices.inbound.message import Inbound
from devices.inbound.routes import handle
from devices.inbound.topics import match_message
from devices.models import Gateway, OutboundMessage, PendingZigbeeClaim, ZigbeeBridge, ZigbeeNode
from tests.conftest import Team
from tests.factories import NOW, GatewayFactory

PLUG = "0x00158d0001abcdef"
SENSOR = "0x00158d0002fedcba"


def numeric(name: str, unit: str = "", **more: Any) -> dict[str, Any]:
    return {"type": "numeric", "name": name, "property": name, "access": 1, "unit": unit, **more}


SWITCH = {"type": "switch", "features": [
    {"type": "binary", "name": "state", "property": "state", "access": 7, "value_on": "ON",
     "value_off": "OFF"}]}  # fmt: skip
PLUG_EXPOSES = [
    SWITCH, numeric("power", "W"), numeric("voltage", "V"), numeric("current", "A"),
    numeric("energy", "kWh"), numeric("linkquality", "lqi", category="diagnostic"),
    {"type": "enum", "name": "power_outage_memory", "property": "power_outage_memory", "access": 7,
     "values": ["on", "off"], "category": "config"},
]  # fmt: skip
SENSOR_EXPOSES = [
    numeric("temperature", "°C"), numeric("humidity", "%"), numeric("battery", "%"),
    numeric("voltage", "mV"), numeric("linkquality", "lqi"),
    {"type": "binary", "name": "contact", "property": "contact", "access": 1, "value_on": False,
     "value_off": True},
    {"type": "enum", "name": "sensitivity", "property": "sensitivity", "access": 1,
     "values": ["low", "medium", "high"]},
    {"type": "enum", "name": "action", "property": "action", "access": 1, "values": ["single"]},
]  # fmt: skip


def plug(**fields: Any) -> dict[str, Any]:
    """Return a plug as `bridge/devices` tells of it."""
    return {
        "ieee_address": PLUG, "friendly_name": "Kitchen/Fridge plug", "type": "Router",
        "supported": True, "interview_completed": True, "power_source": "Mains (single phase)",
        "definition": {"vendor": "Innr", "model": "SP 240", "description": "Smart plug",
                       "exposes": PLUG_EXPOSES}, **fields,
    }  # fmt: skip


def sensor(**fields: Any) -> dict[str, Any]:
    """Return a battery sensor as `bridge/devices` tells of it."""
    return {
        "ieee_address": SENSOR, "friendly_name": "Door", "type": "EndDevice", "supported": True,
        "interview_completed": True, "power_source": "Battery",
        "definition": {"vendor": "Aqara", "model": "MCCGQ11LM", "exposes": SENSOR_EXPOSES},
        **fields,
    }  # fmt: skip


@dataclass
class Zigbee:
    """A gateway of a tenant, spoken for by Zigbee2MQTT."""

    team: Team
    gateway: Gateway
    at: dt.datetime = NOW

    def say(self, name: str, document: Any, *, seconds: float = 0, retained: bool = False) -> Any:
        """Hand a message to its handler; return the readings in it."""
        self.at += dt.timedelta(seconds=seconds)
        topic = f"tenant/{self.team.tenant.id}/gw/{self.gateway.uid}/zigbee2mqtt/{name}"
        payload = document if isinstance(document, bytes) else json.dumps(document).encode()
        message = Inbound(
            match_message(topic.split("/")), payload, self.at, tenant_id=self.team.tenant.id,
            gateway=self.gateway, is_retained=retained,
        )  # fmt: skip
        handle(message, now=self.at)
        return message.readings

    def start(self, *devices: dict[str, Any]) -> None:
        """Let Zigbee2MQTT come up with these devices."""
        self.say("bridge/state", {"state": "online"})
        self.say("bridge/devices", [{"type": "Coordinator", "ieee_address": "0x1"}, *devices])

    @property
    def bridge(self) -> ZigbeeBridge:
        with self.team.scope():
            return ZigbeeBridge.objects.get(gateway=self.gateway)

    def node(self, address: str = PLUG) -> ZigbeeNode:
        with self.team.scope():
            return ZigbeeNode.objects.select_related("device__profile").get(
                gateway=self.gateway, ieee_address=address
            )

    def claim(self, address: str = PLUG) -> PendingZigbeeClaim:
        with self.team.scope():
            return PendingZigbeeClaim.objects.get(gateway=self.gateway, ieee_address=address)

    def asked(self) -> list[tuple[str, dict[str, Any]]]:
        """Return what waits to be sent: what was asked, and the payload."""
        rows = OutboundMessage.objects.filter(tenant_id=self.team.tenant.id).order_by("id")
        return [
            (row.topic.partition("/request/")[2], json.loads(bytes(row.payload))) for row in rows
        ]


@pytest.fixture
def zigbee(red: Team, at_noon: None) -> Zigbee:
    return Zigbee(red, GatewayFactory(tenant=red.tenant, uid="gw-z"))
