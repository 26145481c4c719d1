"""The box's door on the broker: what a hostile or clumsy box says is kept, never believed."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Any

import pytest

from accounts.tenancy import all_tenants, tenant_scope
from devices.claim_codes import hash_code
from devices.inbound.message import BadMessage, Inbound
from devices.inbound.routes import handle
from devices.inbound.topics import match_message
from devices.models import Claim, ClaimState, Device, Gateway, OutboundMessage, PendingDevice
from devices.services.claim_ends import expire_claims
from devices.services.claims import CodeExpired
from devices.services.guesses import CodeRefused
from tests.conftest import Team
from tests.factories import NOW, GatewayFactory
from tests.provisioning.conftest import Box
from tests.provisioning.test_claims import claim, own

MINUTE = dt.timedelta(minutes=1)


def say(topic: str, body: Any, now: dt.datetime = NOW, **who: Any) -> None:
    """Let a message come in as the worker hands it over."""
    route = match_message(topic.split("/"))
    assert route is not None, topic
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    handle(Inbound(route=route, payload=payload, received_at=now, **who), now=now)


def hello_of(box: Box, **changes: Any) -> dict[str, Any]:
    """Return a documented hello."""
    said = {"model": "meter-x", "fw": "1.4.0", "serial": "A12", "code_sha256": box.code_sha256}
    return {**said, "csr": box.csr, **changes}


def ack(device: Device, status: str = "accepted") -> None:
    """Let a box confirm over its own connection."""
    say(
        f"zeus/devices/{device.id}/events/ownership_ack", {"status": status},
        tenant_id=device.tenant_id, device=device,
    )  # fmt: skip


@pytest.mark.parametrize("start", ["/bootstrap", "bootstrap"])
def test_the_whole_talk(red: Team, box: Box, start: str) -> None:
    say(f"{start}/{box.mac}/hello", hello_of(box))
    say(f"{start}/{box.mac}/claim_ready", {})  # nobody claimed it: no answer
    assert not OutboundMessage.objects.exists()
    claim(red, box)
    say(f"{start}/{box.mac}/claim_ready", {})
    told = [json.loads(bytes(row.payload)) for row in OutboundMessage.objects.order_by("id")]
    assert [one["state"] for one in told] == ["claimed", "delivered"]
    with red.scope():
        device = Device.objects.select_related("gateway").get()
    assert told[1]["topics"]["ownership_ack"] == f"zeus/devices/{device.id}/events/ownership_ack"
    ack(device)
    ack(device)
    with red.scope():
        assert Claim.objects.get().state == ClaimState.OWNED


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "bad_payload"),
        (b"[]", "bad_payload"),
        (b'{"code_sha256": 7, "csr": []}', "bad_payload"),
        ({}, "bad_payload"),
        ({"code_sha256": ""}, "no_code"),
        ({"code_sha256": "x" * 64}, "bad_code_hash"),
        ({"code_sha256": "1234"}, "bad_code_hash"),
        ({"code_sha256": "0" * 64, "csr": "rubbish"}, "bad_csr"),
    ],
)
def test_bad_hellos_are_kept_with_their_reason(db: None, body: Any, code: str) -> None:
    with pytest.raises(BadMessage) as refusal:
        say("/bootstrap/246F28AABBCC/hello", body)
    assert refusal.value.code == code
    assert not PendingDevice.objects.exists()


@pytest.mark.parametrize("mac", ["+", "#", "a b", "..", "a\0b", "", "x" * 65, "ä"])
def test_numbers_that_are_no_segment_are_no_route(mac: str) -> None:
    assert match_message(f"/bootstrap/{mac}/hello".split("/")) is None


def test_an_old_code_is_refused_and_a_new_one_is_not(red: Team, box: Box) -> None:
    say(f"/bootstrap/{box.mac}/hello", hello_of(box))
    old = box.code
    with pytest.raises(CodeExpired):
        claim(red, box, now=NOW + 15 * MINUTE)
    box.renew()
    say(f"/bootstrap/{box.mac}/hello", hello_of(box), NOW + 15 * MINUTE)
    with pytest.raises(CodeRefused):
        claim(red, box, code=old, now=NOW + 15 * MINUTE)
    assert claim(red, box, now=NOW + 15 * MINUTE)


def test_a_stranger_who_says_hello_for_a_claimed_box_gets_nothing(red: Team, box: Box) -> None:
    say(f"/bootstrap/{box.mac}/hello", hello_of(box))
    claim(red, box)
    thief = Box(mac=box.mac)
    say(f"/bootstrap/{box.mac}/hello", hello_of(thief))
    say(f"/bootstrap/{box.mac}/claim_ready", {})
    with all_tenants():
        delivered = OutboundMessage.objects.order_by("id").last()
        assert delivered is not None
        told = json.loads(bytes(delivered.payload))
        assert told["certificate"] == Claim.objects.get().certificate_pem
    assert PendingDevice.objects.get().code_hash == hash_code(box.code)


def test_nobody_confirms_for_another(red: Team, blue: Team, box: Box) -> None:
    say(f"/bootstrap/{box.mac}/hello", hello_of(box))
    claim(red, box)
    say(f"/bootstrap/{box.mac}/claim_ready", {})
    other = Box(mac="AABBCCDDEEFF")
    other.say_hello()
    claim(blue, other)
    with blue.scope():
        foreign = Device.objects.select_related("gateway").get()
    with pytest.raises(BadMessage) as refusal:
        ack(foreign)
    assert refusal.value.code == "no_open_claim"
    with pytest.raises(BadMessage) as refusal:
        say(f"zeus/devices/{uuid.uuid4()}/events/ownership_ack", {"status": "accepted"})
    assert refusal.value.code == "unknown_device"
    with red.scope():
        assert Claim.objects.get().state == ClaimState.DELIVERED


def test_a_box_may_say_no(red: Team, box: Box) -> None:
    say(f"/bootstrap/{box.mac}/hello", hello_of(box))
    claim(red, box)
    say(f"/bootstrap/{box.mac}/claim_ready", {})
    with red.scope():
        device = Device.objects.select_related("gateway").get()
    ack(device, "rejected")
    assert expire_claims(now=NOW) == 1
    with red.scope():
        assert not Device.objects.exists()


def node_hello(gateway: Gateway | None, **changes: Any) -> None:
    """Let a node say hello, behind a gateway or alone."""
    body = {"hardware_id": "esp32-6f28aa", "node_type": "ph", "fw_version": "5.1", **changes}
    if gateway is None:
        say("hydro/node_hello", body)
    else:
        topic = f"hydro/{gateway.uid}/node_hello"
        with tenant_scope(gateway.tenant_id):
            say(topic, body, tenant_id=gateway.tenant_id, gateway=gateway)


def test_a_node_is_remembered_with_the_gateway_that_heard_it(red: Team) -> None:
    node_hello(GatewayFactory(tenant=red.tenant, uid="gh-1"))
    found = PendingDevice.objects.get()
    assert (found.gateway_uid, found.model, found.firmware_version) == ("gh-1", "ph", "5.1")
    with red.scope():
        assert not Device.objects.filter(uid="esp32-6f28aa").exists()


def test_a_node_alone_needs_a_code(box: Box) -> None:
    with pytest.raises(BadMessage) as refusal:
        node_hello(None)
    assert refusal.value.code == "no_code"
    node_hello(None, code_sha256=box.code_sha256)
    assert PendingDevice.objects.get().answer_prefix == "/bootstrap/esp32-6f28aa"


def test_an_owned_box_that_is_reset_can_say_hello(red: Team, box: Box) -> None:
    own(red, box)
    box.renew()
    say(f"/bootstrap/{box.mac}/hello", hello_of(box))
    assert claim(red, box).state == ClaimState.CLAIMED
