"""S17, S18, S19: what a box may hear and say, and what is left when its role is gone."""

from __future__ import annotations

import pytest
from django.conf import settings

from devices.services.broker_accounts import (
    apply_grants,
    bootstrap_grant,
    gateway_grant,
    revoke,
    strip_commands,
)
from devices.services.gateways import UnusableIdentifier
from devices.wires.broker import connect_control
from tests.devices.mqtt_clients import TestClient
from tests.factories import GatewayFactory

pytestmark = pytest.mark.django_db
SENTINEL = "tenant/sentinel"


@pytest.fixture
def platform(broker):
    with TestClient(settings.MQTT_USERNAME, settings.MQTT_PASSWORD) as client:
        for topic in ("tenant/#", "kaiser/#", "hydro/#", "devices/#", "zeus/#", "bootstrap/#",
                      "/bootstrap/#"):  # fmt: skip
            client.subscribe(topic)
        yield client


def prefix(box):
    return f"tenant/{box.device.tenant_id}/gw/{box.username}"


FILTERS = ["#", "+/#", "+/+/+/+/down/#", "tenant/+/gw/+/down/#", "tenant/#", "{victim}/down/#",
           "{victim}/#", "$SYS/#", "$CONTROL/#", "$share/g/#", "$share/g/{victim}/down/#",
           "$share/{own}/{victim}/#", "/#", "//", "tenant//gw/#", "kaiser/+/#", "hydro/+/#",
           "/bootstrap/+/hello", "{victim}/down/config", "devices/#"]  # fmt: skip


@pytest.mark.parametrize("filter_", FILTERS)
def test_no_filter_reaches_anybody_else(filter_, red, blue, make_box, connect, platform):
    own_box, victim = make_box(red), make_box(blue)
    own = prefix(own_box)
    client = connect(own_box)
    client.subscribe(filter_.format(victim=prefix(victim), own=own_box.username))
    client.subscribe(f"{own}/down/#")

    for topic in (f"{prefix(victim)}/down/config", f"kaiser/{victim.username}/esp/d/config",
                  f"hydro/{victim.username}/z/d/config", "/bootstrap/aa/hello"):  # fmt: skip
        platform.publish(topic)
    platform.publish(f"{own}/down/end")

    # overlapping filters of its own may bring its own message twice
    assert set(client.take_until(f"{own}/down/end")) <= {f"{own}/down/end"}


def test_a_gateway_speaks_its_dialects_under_its_own_name(red, make_box, connect, platform):
    box = make_box(red)
    name, own = box.username, prefix(box)
    allowed = [
        f"{own}/data/device/m", f"{own}/reported/config", f"{own}/evt/alarm",
        f"{own}/zigbee2mqtt/bridge/state", f"kaiser/{name}/esp/d/actuator/5/status",
        f"hydro/{name}/z/d/heartbeat", "hydro/time/request",
        f"zeus/devices/{box.device.id}/events/ownership_ack", f"{own}/telemetry",
    ]  # fmt: skip
    client = connect(box)

    for topic in allowed:
        client.publish(topic)

    assert platform.take_until(allowed[-1]) == allowed[:-1]


def test_and_under_nobody_elses(red, blue, make_box, connect, platform):
    box, victim = make_box(red), make_box(blue)
    foreign = [
        f"{prefix(victim)}/telemetry", f"tenant/{red.tenant.id}/gw/{victim.username}/telemetry",
        f"kaiser/{victim.username}/esp/d/actuator/5/status", f"hydro/{victim.username}/z/d/status",
        f"zeus/devices/{victim.device.id}/events/ownership_ack", "hydro/time/response",
        "hydro/node_hello", "/bootstrap/aa/hello", "bootstrap/aa/claim_ready",
        f"{prefix(box)}/down/config", f"devices/{victim.device.id}/temperature", "tenant",
    ]  # fmt: skip
    client = connect(box)

    for topic in foreign:
        client.publish(topic, retain=True)
    client.publish(f"{prefix(box)}/telemetry")

    assert not set(foreign) & set(platform.take_until(f"{prefix(box)}/telemetry"))


def test_a_direct_device_uses_its_own_topics(red, make_box, connect, platform):
    box = make_box(red, is_direct=True)
    own = f"devices/{box.username}"
    allowed = [f"{own}/temperature", f"{own}/reported/status", f"{own}/evt/alarm",
               f"zeus/{own}/events/ownership_ack"]  # fmt: skip
    client = connect(box)
    client.subscribe(f"{own}/commands/+")
    for topic in (f"{own}/commands/on", f"{own}/down/x", f"{own}/a/b/c", *allowed):
        client.publish(topic)
    platform.publish(f"{own}/commands/end")

    assert client.take_until(f"{own}/commands/end") == []
    assert platform.take_until(allowed[-1]) == allowed[:-1]


NATIVE = ("tele/desk/SENSOR", "spBv1.0/plant/DDATA/edge/meter", "v1/gateway/telemetry", "a")


@pytest.mark.parametrize("is_direct", [False, True])
def test_hardware_speaks_below_its_own_ext(is_direct, red, make_box, connect, platform):
    box = make_box(red, is_direct=is_direct)
    own = f"devices/{box.username}" if is_direct else prefix(box)
    allowed = [f"{own}/ext/{native}" for native in NATIVE]
    client = connect(box)

    for topic in (f"{own}/extra/x", f"{own}x/ext/a", *allowed):
        client.publish(topic)

    assert platform.take_until(allowed[-1]) == allowed[:-1]


@pytest.mark.parametrize("is_direct", [False, True])
def test_and_below_nobody_elses_ext(is_direct, red, blue, make_box, connect, platform):
    box = make_box(red, is_direct=is_direct)
    victims = [make_box(team, is_direct=direct) for team in (red, blue) for direct in (False, True)]
    own = f"devices/{box.username}" if is_direct else prefix(box)
    foreign = [
        f"{base}/ext/{native}"
        for victim in victims
        for base in (prefix(victim), f"devices/{victim.device.id}", f"devices/{victim.username}")
        for native in NATIVE
    ]
    client = connect(box)

    for topic in foreign:
        client.publish(topic, retain=True)
    client.publish(f"{own}/ext/end")

    assert not set(foreign) & set(platform.take_until(f"{own}/ext/end"))


def test_answers_below_ext_reach_their_box_only(red, make_box, connect, platform):
    box, other = make_box(red), make_box(red)
    client = connect(other)
    client.subscribe(f"{prefix(box)}/ext/#")
    client.subscribe(f"{prefix(other)}/ext/#")

    platform.publish(f"{prefix(box)}/ext/v1/devices/me/rpc/response/1")
    platform.publish(f"{prefix(other)}/ext/end")

    assert client.take_until(f"{prefix(other)}/ext/end") == []


@pytest.mark.parametrize("topic", ["+door/{tenant}/{device}", "door/{tenant}/{device}", "+door/x"])
def test_topics_of_other_doors_are_out_of_reach(topic, red, make_box, connect, platform):
    """What may hold a plus sign is no topic; the broker ends such a connection."""
    box = make_box(red)
    device = make_box(red, is_direct=True).device
    raw = topic.format(tenant=red.tenant.id, device=device.id)
    client = connect(box)
    platform.subscribe("door/#")

    if "+" in raw:
        with pytest.raises(ValueError, match="wildcards"):
            client.client.publish(raw, b"{}", qos=1)
        client.client._send_publish(77, raw.encode(), b"{}", 1)
        assert client.disconnected.wait(5)
    else:
        client.publish(raw)
    platform.publish(SENTINEL)

    assert platform.take_until(SENTINEL) == []


def test_an_unclaimed_box_says_hello_and_hears_claims_only(broker, platform):
    apply_grants(grants=[bootstrap_grant("for unclaimed boxes")])
    allowed = ["/bootstrap/aa/hello", "hydro/node_hello", "/bootstrap/aa/claim_ready"]
    refused = ["/bootstrap/aa/claim", "tenant/x/gw/y/telemetry", "devices/1/x", "bootstrap/x"]

    with TestClient("bootstrap", "for unclaimed boxes") as box:
        for topic in ("#", "/bootstrap/#", "/bootstrap/+/hello", "/bootstrap/aa/claim"):
            box.subscribe(topic)
        for topic in refused + allowed:
            box.publish(topic)
        assert platform.take_until(allowed[-1]) == allowed[:-1]
        platform.publish("tenant/secret")
        platform.publish("/bootstrap/aa/claim")

        assert set(box.take_until("/bootstrap/aa/claim")) <= {"/bootstrap/aa/claim"}
    revoke("bootstrap")


WORDS = ["+", "#", "a/b", "a+b", "a#", "..", "a..b", "a\0b", "ö", " ", "a b", "", "x" * 65,
         "time", "node_hello", "bootstrap", "platform", "device", "ａ"]  # fmt: skip


@pytest.mark.parametrize("uid", WORDS)
def test_no_name_of_a_gateway_widens_a_right(uid, red):
    gateway = GatewayFactory.build(tenant=red.tenant, site=None, uid=uid)

    with pytest.raises(UnusableIdentifier):
        gateway_grant(gateway, None)


def strip(box):
    with connect_control() as control:
        control.run(strip_commands(box.username))


def test_a_will_of_a_box_without_role_is_not_sent(red, make_box, connect, platform):
    box = make_box(red)
    topic = f"{prefix(box)}/reported/status"
    client = connect(box, will=topic)

    strip(box)  # also ends the session, whose will would be sent

    assert client.disconnected.wait(5)
    platform.publish(SENTINEL)
    assert topic not in platform.take_until(SENTINEL)


def test_what_waits_for_a_box_is_not_delivered_without_its_role(red, make_box, connect, platform):
    box = make_box(red)
    own = prefix(box)
    client = connect(box, clean=False)
    client.subscribe(f"{own}/down/#")
    client.close()
    platform.publish(f"{own}/down/config", "queued")

    strip(box)
    again = connect(box, clean=False)
    platform.publish(f"{own}/down/config", "live")
    again.subscribe(f"{own}/down/#")
    platform.publish(f"{own}/down/config", "subscribed anew")
    again.publish(f"{own}/telemetry", "forged")
    platform.publish(SENTINEL)

    assert f"{own}/telemetry" not in platform.take_until(SENTINEL)
    assert again.received.empty()


def test_a_retained_message_is_not_delivered_without_role(red, make_box, connect, platform):
    box = make_box(red)
    topic = f"{prefix(box)}/down/config"
    platform.client.publish(topic, "kept", qos=1, retain=True).wait_for_publish(5)

    strip(box)
    client = connect(box)
    client.subscribe(f"{prefix(box)}/down/#")
    client.subscribe(topic)
    platform.publish(SENTINEL)
    platform.take_until(SENTINEL)

    assert client.received.empty()
    platform.client.publish(topic, b"", qos=1, retain=True).wait_for_publish(5)
