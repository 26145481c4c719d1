"""Devices on a real broker: every topic of A, tried by B's boxes; judged by what is delivered.

The topics come from the registries of what devices send (devices/inbound/topics.py,
telemetry/ingest/topics.py), so a new one is tried without being named here.
"""

from __future__ import annotations

import re
import socket
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.conf import settings

from devices.inbound.topics import PATTERNS
from devices.models import Device, Gateway
from devices.services.broker_accounts import grant_device, grant_gateway, revoke
from telemetry.ingest.topics import parse_topic
from tests.devices.mqtt_clients import Refused, TestClient
from tests.factories import DeviceFactory, GatewayFactory

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not settings.HAS_BROKER, reason="MQTT_HOST is not set: no broker"),
]
PASSWORD = "a long enough password"
# Topics that name no box and that all may use, and why.
COMMON = {
    "hydro/node_hello": "boxes that nobody owns say hello here",
    "hydro/time/request": "asks for the time of day",
}
READINGS = (
    "tenant/{tenant}/gw/{gateway}/data/device/{device}", "tenant/{tenant}/gw/{gateway}/telemetry",
    "tenant/{tenant}/gw/{gateway}/data/timeseries",
    "tenant/{tenant}/gw/{gateway}/data/raw/{device}/{group}", "devices/{device_id}/{metric}",
)  # fmt: skip
# What the platform says to a box; nobody else may hear it.
DOWN = ("tenant/{tenant}/gw/{gateway}/down/x", "devices/{device_id}/down/x",
        "devices/{device_id}/commands/x")  # fmt: skip


@dataclass(frozen=True)
class Boxes:
    """A gateway and a direct device of one tenant, with accounts on the broker."""

    gateway: Gateway
    direct: Device

    def topic(self, pattern: str) -> str:
        """Fill a pattern with what the boxes are called."""
        names = {
            "tenant": self.gateway.tenant_id, "gateway": self.gateway.uid, "device": "m1",
            "device_id": self.direct.id,
        }  # fmt: skip
        return re.sub(r"\{(\w+)\*?\}", lambda m: str(names.get(m[1], "x")), pattern)

    @property
    def accounts(self) -> tuple[str, str]:
        """Return the names of both accounts."""
        return self.gateway.uid, str(self.direct.id)


def make_boxes(team) -> Boxes:
    """Save a gateway and a direct device and let them into the broker."""
    gateway = GatewayFactory(tenant=team.tenant, uid=f"gw-{uuid.uuid4().hex[:8]}")
    boxes = Boxes(gateway, DeviceFactory(tenant=team.tenant, gateway=None))
    grant_gateway(gateway=gateway, password=PASSWORD)
    grant_device(device=boxes.direct, password=PASSWORD)
    return boxes


@pytest.fixture
def boxes(red, blue) -> Iterator[tuple[Boxes, Boxes]]:
    """Yield the boxes of A and of B."""
    both = make_boxes(red), make_boxes(blue)
    yield both
    for username in (name for own in both for name in own.accounts):
        revoke(username)


def patterns() -> list[str]:
    """Return every topic of devices that names one."""
    known = [pattern for _family, pattern, _kind in PATTERNS if pattern not in COMMON]
    boot = [p for p in known if p.lstrip("/").startswith("bootstrap/")]
    return [p for p in known if p not in boot] + [*READINGS]


def platform() -> TestClient:
    """Return the platform's own connection."""
    return TestClient(settings.MQTT_USERNAME, settings.MQTT_PASSWORD)


def marker(own: Boxes, username: str) -> str:
    """Return a topic that the account may publish to."""
    is_gateway = username == own.gateway.uid
    pattern = "tenant/{tenant}/gw/{gateway}/evt/end" if is_gateway else "devices/{device_id}/end"
    return own.topic(pattern)


def heard_at(own: Boxes, username: str) -> str:
    """Return a topic that the account may hear."""
    return own.topic(DOWN[0] if username == own.gateway.uid else DOWN[1])


def test_patterns_are_understood(boxes):
    a, _b = boxes
    for pattern in patterns():
        parse_topic(a.topic(pattern))  # raises when no message is known there
        assert a.gateway.uid in a.topic(pattern) or str(a.direct.id) in a.topic(pattern), (
            f"{pattern} names no box: say in COMMON of tests/isolation/test_mqtt.py "
            "why all may use it."
        )


@pytest.mark.parametrize("number", [0, 1], ids=["gateway", "direct device"])
@pytest.mark.parametrize("retain", [False, True], ids=["plain", "retained"])
def test_what_a_box_says_for_another_is_not_delivered(number, retain, boxes):
    a, b = boxes
    username = b.accounts[number]
    topics = [a.topic(pattern) for pattern in (*patterns(), *DOWN)]
    end = marker(b, username)

    with platform() as listener, TestClient(username, PASSWORD) as thief:
        for topic in (*topics, end):
            listener.subscribe(topic)
        for topic in topics:
            sent = thief.client.publish(topic, "forged", qos=1, retain=retain)
            sent.wait_for_publish(20)
        thief.publish(end)

        assert listener.take_until(end) == []
    if retain:
        with platform() as late:
            late.subscribe(end)
            for topic in topics:
                late.subscribe(topic)
            late.publish(end)
            assert late.take_until(end) == []


@pytest.mark.parametrize("number", [0, 1], ids=["gateway", "direct device"])
@pytest.mark.parametrize("form", ["{}", "$share/thieves/{}"], ids=["own", "shared"])
def test_a_box_hears_nothing_of_another(number, form, boxes):
    a, b = boxes
    username, own = b.accounts[number], heard_at(b, b.accounts[number])
    topics = [a.topic(pattern) for pattern in (*patterns(), *DOWN)]
    wild = ["#", "+/#", "tenant/#", "tenant/+/gw/+/#", "devices/#", "devices/+/+", "kaiser/#",
            "hydro/#", "$SYS/#", "/#", "+/+/+/+/+/+"]  # fmt: skip

    with platform() as speaker, TestClient(username, PASSWORD) as thief:
        thief.subscribe(own)
        for topic in (*topics, *wild):
            thief.subscribe(form.format(topic))
        for topic in topics:
            speaker.publish(topic, "canary")
        speaker.publish(own)

        heard = thief.take_until(own)
    assert [topic for topic in heard if topic in topics or topic.startswith("$SYS")] == []


@pytest.mark.parametrize("number", [0, 1], ids=["gateway", "direct device"])
def test_what_is_retained_for_one_box_is_not_for_another(number, boxes):
    a, b = boxes
    username, own = b.accounts[number], heard_at(b, b.accounts[number])
    topics = [a.topic(pattern) for pattern in DOWN]

    with platform() as speaker:
        for topic in topics:
            speaker.client.publish(topic, "canary", qos=1, retain=True).wait_for_publish(20)
        try:
            with TestClient(username, PASSWORD) as thief:
                for topic in (own, *topics, "tenant/#", "devices/#"):
                    thief.subscribe(topic)
                speaker.publish(own)
                assert thief.take_until(own) == []
        finally:
            for topic in topics:
                speaker.client.publish(topic, b"", qos=1, retain=True).wait_for_publish(20)


@pytest.mark.parametrize("number", [0, 1], ids=["gateway", "direct device"])
def test_a_last_will_speaks_for_nobody_else(number, boxes):
    a, b = boxes
    username, end = b.accounts[number], marker(b, b.accounts[number])
    topics = [a.topic(pattern) for pattern in (*patterns(), *DOWN)]

    with platform() as listener:
        for topic in (*topics, end):
            listener.subscribe(topic)
        for topic in topics[:: max(1, len(topics) // 6)]:
            dying = TestClient(username, PASSWORD)
            dying.client.will_set(topic, "forged", qos=1)
            with dying:
                dying.client.socket().shutdown(socket.SHUT_RDWR)
                assert dying.disconnected.wait(20)
        with TestClient(username, PASSWORD) as thief:
            thief.publish(end)
        assert listener.take_until(end) == []


def test_a_revoked_box_is_not_let_in(boxes):
    a, _b = boxes
    for username in a.accounts:
        revoke(username)
        with pytest.raises(Refused):
            TestClient(username, PASSWORD).__enter__()


def test_nobody_is_let_in_without_an_account(boxes):
    for username, password in (("", ""), ("nobody", PASSWORD), (boxes[0].gateway.uid, "wrong")):
        with pytest.raises(Refused):
            TestClient(username, password).__enter__()
