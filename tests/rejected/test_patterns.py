"""Which topics belong together, and what nobody shall read in a payload."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.masking import masked
from telemetry.topic_patterns import topic_pattern

T = uuid.UUID("0191f0d2-0000-7000-8000-000000000001")


@pytest.mark.parametrize(
    ("topic", "pattern", "sender"),
    [
        (f"tenant/{T}/gw/gw-1/data/device/m1", "tenant/+/gw/+/data/device/+", "gw-1 / m1"),
        (f"tenant/{T}/gw/gw-1/telemetry", "tenant/+/gw/+/telemetry", "gw-1"),
        (
            f"tenant/{T}/gw/gw-1/ext/tele/tasmota_7F3A/SENSOR",
            "tenant/+/gw/+/ext/tele/+/SENSOR",
            "gw-1 / tasmota_7F3A",
        ),
        (f"devices/{T}/temperature", "devices/+/temperature", str(T)),
        ("kaiser/gw-1/esp/e1/sensor/34/data", "kaiser/+/esp/+/sensor/+/data", "gw-1 / e1 / 34"),
        ("hydro/gw-1/z1/n1/ph/telemetry", "hydro/+/+/+/+/telemetry", "gw-1 / z1 / n1 / ph"),
        (f"+door/{T}/{T}", "+door/+/+", f"{T} / {T}"),
        ("nobody/knows/this", "nobody/knows/this", ""),
        ("", "", ""),
    ],
)
def test_names_the_pattern_and_the_sender(topic: str, pattern: str, sender: str) -> None:
    found = topic_pattern(topic)

    assert (found.pattern, found.sender) == (pattern, sender)


@given(st.text(max_size=600))
def test_any_topic_has_a_pattern(topic: str) -> None:
    found = topic_pattern(topic)

    assert len(found.pattern) <= 300
    assert len(found.sender) <= 150


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        (b'{"wifi_password": "abc", "v": 1}', b'{"wifi_password": *****, "v": 1}'),
        (b'{"token":"a\\"b"', b'{"token":******'),
        (b'{"Serial": 12345}', b'{"Serial": *****}'),
        (b"user=x&password=abc&v=1", b"user=x&password=***&v=1"),
        (b"0-0:96.1.1(4B3845)", b"0-0:96.1.1(******)"),
        (b'{"temperature": 21.5}', b'{"temperature": 21.5}'),
        (b'{"compass": 21.5}', b'{"compass": ****}'),
        (b"\xff\x00\x01", b"\xff\x00\x01"),
    ],
)
def test_hides_secrets_and_keeps_the_length(payload: bytes, shown: bytes) -> None:
    assert masked(payload) == shown


def test_hides_what_a_mapping_names() -> None:
    assert masked(b'{"owner": "Ann", "v": 1}', ["owner"]) == b'{"owner": *****, "v": 1}'


@given(st.binary(max_size=500))
def test_any_payload_keeps_its_length(payload: bytes) -> None:
    assert len(masked(payload)) == len(payload)
