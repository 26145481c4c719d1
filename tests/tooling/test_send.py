"""`./run send`: one message as a gateway of the demo."""

from __future__ import annotations

import pytest

from tools.embedded import Stack
from tools.send import NotSent, publish, sender_named

DEMO = {
    "gateways": [{"uid": "gw-1", "topic_prefix": "tenant/t/gw/gw-1"}],
    "devices": [{"uid": "office-2", "topic_prefix": "devices/d"}],
}


@pytest.mark.parametrize(
    ("name", "prefix"), [("gw-1", "tenant/t/gw/gw-1"), ("office-2", "devices/d")]
)
def test_finds_gateways_and_devices_that_speak_for_themselves(name: str, prefix: str) -> None:
    assert sender_named(DEMO, name)["topic_prefix"] == prefix


def test_an_unknown_gateway_is_answered_with_those_there_are() -> None:
    with pytest.raises(NotSent, match="gw-1, office-2"):
        sender_named(DEMO, "gw-9")


@pytest.mark.faults
def test_a_wrong_password_is_told(tmp_path) -> None:
    with Stack(tmp_path, durable=True) as stack:
        address = {"host": stack.env["MQTT_HOST"], "port": int(stack.env["MQTT_PORT"])}

        with pytest.raises(NotSent, match="Not authorized"):
            publish({"mqtt": address}, {"username": "gw-1", "password": "no"}, "x", "1")
