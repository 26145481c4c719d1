"""Where each dialect is told something, and that no name breaks out of its topic."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.downlink import (
    Order,
    Place,
    UnusableTopic,
    command_payload,
    command_topic,
    down_topic,
    is_down,
)
from devices.signature import verify
from tests.commands.conftest import NOW, after

TENANT, DEVICE, COMMAND = (uuid.UUID(int=number) for number in (1, 2, 3))
DIRECT = Place("standard", TENANT, DEVICE, "dev")
BEHIND = replace(DIRECT, gateway_uid="gw", zone_uid="z1", is_box=False)
ON = Order(COMMAND, "pump_on", "on", "5", {"duration_s": 7}, None, 7.0, after(30))


@pytest.mark.parametrize(
    ("place", "topic"),
    [
        (DIRECT, f"devices/{DEVICE}/commands/pump_on"),
        (BEHIND, f"tenant/{TENANT}/gw/gw/down/command"),
        (replace(BEHIND, dialect="kaiser"), "kaiser/gw/esp/dev/actuator/5/command"),
        (replace(BEHIND, dialect="hydro"), "hydro/gw/z1/dev/5/command"),
        (replace(BEHIND, dialect="hydro", zone_uid=""), "hydro/gw/main/dev/5/command"),
        (replace(BEHIND, dialect="zigbee"), f"tenant/{TENANT}/gw/gw/zigbee2mqtt/dev/set"),
        (
            replace(BEHIND, dialect="hydro", is_box=True, device_uid="gw"),
            f"tenant/{TENANT}/gw/gw/down/command",
        ),
    ],
)
def test_topics(place, topic):
    assert command_topic(place, ON) == topic


def test_payloads_carry_the_id_and_the_end():
    for dialect in ("standard", "kaiser", "hydro"):
        message = command_payload(replace(BEHIND, dialect=dialect), ON, now=NOW)
        assert message["cmd_id"] == str(COMMAND)
        assert message["expires_at"] == int(after(30).timestamp())
        assert message["max_runtime_ms"] == 7000


def test_a_direct_device_gets_the_id_it_answers_with():
    assert command_payload(DIRECT, ON, now=NOW)["req_id"] == str(COMMAND)


def test_kaiser_gets_its_own_words():
    message = command_payload(replace(BEHIND, dialect="kaiser"), ON, now=NOW)

    assert (message["command"], message["value"], message["duration"]) == ("ON", 1.0, 7)


def test_zigbee_gets_a_state():
    place = replace(BEHIND, dialect="zigbee")

    assert command_payload(place, replace(ON, actuator="state"), now=NOW) == {
        "state": "ON",
        "on_time": 7,
    }
    assert command_payload(place, replace(ON, effect="off", actuator="l1"), now=NOW) == {
        "state_l1": "OFF"
    }


@pytest.mark.parametrize("name", ["Kitchen/Fridge plug", "0x00158d0001abcdef"])
def test_zigbee_devices_have_names_of_their_own(name):
    place = replace(BEHIND, dialect="zigbee", friendly_name=name)

    topic = command_topic(place, ON)

    assert topic == f"tenant/{TENANT}/gw/gw/zigbee2mqtt/{name}/set"
    assert is_down(topic)


@pytest.mark.parametrize("name", ["a/+/b", "#", "../x", "bridge/request", "a//b", "x/set"])
def test_no_zigbee_name_breaks_out(name):
    with pytest.raises(UnusableTopic):
        command_topic(replace(BEHIND, dialect="zigbee", friendly_name=name), ON)


def test_signed_where_there_is_a_secret():
    message = command_payload(DIRECT, ON, now=NOW, secret="hidden")

    verify(message, secret="hidden", now=NOW.timestamp())


@given(st.text(max_size=20) | st.sampled_from(["+", "#", "a/b", "..", "", "a\0", "$SYS", "a b"]))
def test_no_name_breaks_out_of_its_level(name):
    for place, order in (
        (replace(BEHIND, gateway_uid=name or "/"), ON),
        (replace(BEHIND, dialect="kaiser", device_uid=name), ON),
        (replace(BEHIND, dialect="hydro", zone_uid=name or "z"), ON),
        (replace(BEHIND, dialect="kaiser"), replace(ON, actuator=name)),
        (DIRECT, replace(ON, name=name)),
    ):
        try:
            topic = command_topic(place, order)
        except UnusableTopic:
            continue
        assert not set("+#\0 ") & set(topic)
        assert ".." not in topic
        assert len(topic.split("/")) in {4, 6, 7}


def test_other_messages_for_boxes():
    assert down_topic(DIRECT, "claim") == f"devices/{DEVICE}/down/claim"
    assert down_topic(BEHIND, "firmware") == f"tenant/{TENANT}/gw/gw/down/firmware"


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        (f"devices/{DEVICE}/commands/pump_on", True),
        (f"devices/{DEVICE}/down/config", True),
        (f"tenant/{TENANT}/gw/gw/down/command", True),
        (f"tenant/{TENANT}/gw/gw/zigbee2mqtt/kitchen/lamp/set", True),
        (f"tenant/{TENANT}/gw/gw/zigbee2mqtt/bridge/request/permit_join", True),
        ("kaiser/gw/esp/dev/actuator/5/command", True),
        ("kaiser/gw/esp/dev/config", True),
        ("hydro/gw/z1/dev/pump/command", True),
        ("hydro/gw/z1/dev/config", True),
        ("hydro/time/response", True),
        ("/bootstrap/aabb/claim", True),
        (f"devices/{DEVICE}/status", False),
        (f"tenant/{TENANT}/gw/gw/reported/config", False),
        (f"tenant/{TENANT}/gw/gw/evt/command", False),
        (f"tenant/{TENANT}/gw/gw/telemetry/set", False),
        (f"tenant/{TENANT}/gw/gw/zigbee2mqtt/kitchen", False),
        (f"tenant/{TENANT}/gw/gw/zigbee2mqtt/bridge/response/permit_join", False),
        ("kaiser/gw/esp/dev/config_response", False),
        ("hydro/gw/z1/dev/pump/command_response", False),
        ("hydro/time/request", False),
        ("/bootstrap/aabb/claim_ready", False),
    ],
)
def test_knows_what_only_we_say(topic, expected):
    assert is_down(topic) is expected
