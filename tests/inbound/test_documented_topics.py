"""Every topic has a handler, and each documented payload is understood."""

import datetime as dt
import json
import re
from pathlib import Path

import pytest

from devices.inbound.message import BadMessage, Inbound
from devices.inbound.routes import HANDLERS, handle
from devices.inbound.topics import PATTERNS, Kind, match_message
from devices.models import Command, DeviceEvent, OutboundMessage
from tests.factories import NOW, DeviceFactory, DeviceProfileFactory, GatewayFactory

DOCUMENT = Path(__file__).parents[2] / "docs/mqtt-topics.md"
ROW = re.compile(r"^\| `([^`]+)` \| `([^`]*)` \|", re.MULTILINE)
# the payload is right, but nothing waits for it in this test
WAITING = {
    Kind.OWNERSHIP_ACK: "no_open_claim",
    Kind.CERTIFICATE_REQUEST: "no_certificate",
}
HOUR = dt.timedelta(hours=1)
COMMANDS = [{"name": "switch_on", "effect": "on", "actuator": "relay1"}]


def documented():
    sent = DOCUMENT.read_text().partition("## What devices receive")[0]
    return dict(ROW.findall(sent))


def test_all_topics_are_documented():
    assert set(documented()) == {pattern for _family, pattern, _kind in PATTERNS}


def test_every_kind_has_a_handler():
    assert set(HANDLERS) == set(Kind)


@pytest.mark.django_db
@pytest.mark.parametrize("pattern", sorted(documented()))
def test_the_documented_payload_is_understood(red, pattern):
    profile = DeviceProfileFactory(commands=COMMANDS)
    gateway = GatewayFactory(tenant=red.tenant)
    own = DeviceFactory(gateway=gateway, uid=gateway.uid, profile=profile)
    behind = DeviceFactory(gateway=gateway, profile=profile)
    direct = DeviceFactory(tenant=red.tenant, gateway=None, profile=profile)
    named = {
        "tenant": str(red.tenant.id), "gateway": gateway.uid, "device": behind.uid,
        "device_id": str(direct.id), "mac": "aa:bb:cc:dd:ee:01", "zone": "main", "gpio": "5",
        "channel": "pump",
    }  # fmt: skip
    topic = re.sub(r"\{(\w+)\}", lambda found: named[found.group(1)], pattern)
    route = match_message(topic.replace("{name*}", "bridge/state").split("/"))
    device = behind if "{device}" in pattern else direct if "{device_id}" in pattern else own
    payload = documented()[pattern].replace("<command>", str(queue(red, device)))
    has_owner = route.gateway_uid or route.device_id
    message = Inbound(
        route,
        payload.encode(),
        NOW,
        tenant_id=red.tenant.id if has_owner else None,
        gateway=gateway if route.gateway_uid else None,
        device=device if has_owner and "{name*}" not in pattern else None,
    )

    try:
        handle(message, now=NOW)
        handle(message, now=NOW)  # twice is once
    except BadMessage as error:
        assert error.code == WAITING.get(route.kind), error

    with red.scope():
        assert DeviceEvent.objects.filter(kind__in=["alarm", "device_error"]).count() <= 1


def queue(red, device):
    """Save a command that was sent, as the device knows it."""
    with red.scope():
        return Command.objects.create(
            tenant=red.tenant, device=device, name="switch_on", effect="on", actuator="relay1",
            state="sent", principal="user:1", principal_label="x", idempotency_key="k",
            body_hash="h", requested_at=NOW, not_before=NOW, sent_at=NOW,
            expires_at=NOW + HOUR, finish_by=NOW + HOUR,
        ).id  # fmt: skip


@pytest.mark.django_db
def test_the_time_is_told():
    route = match_message(["hydro", "time", "request"])

    handle(Inbound(route, b'{"request_id": "a1", "client_ts": 1.5}', NOW), now=NOW)

    sent = OutboundMessage.objects.get()
    assert (sent.topic, sent.tenant_id) == ("hydro/time/response", None)
    assert json.loads(bytes(sent.payload)) == {
        "ts": 1795176000, "ts_ms": 1795176000000, "request_id": "a1", "node": "",
        "client_ts": 1.5,
    }  # fmt: skip
