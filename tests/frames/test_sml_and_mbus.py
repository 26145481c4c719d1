"""SML and M-Bus frames that are damaged, hostile or unusual."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from telemetry.decoding.frames.checksums import crc16_kermit, crc16_x25
from telemetry.decoding.frames.mbus import decode_mbus
from telemetry.decoding.frames.reading import FrameError
from telemetry.decoding.frames.sml import START, decode_sml

BERLIN = ZoneInfo("Europe/Berlin")


def octets(data: bytes) -> bytes:
    return bytes([len(data) + 1]) + data


def entry(obis: str, value: bytes, *, unit: int = 30, scaler: int = -1) -> bytes:
    return (
        b"\x77"
        + octets(bytes.fromhex(obis))
        + b"\x01\x01"
        + b"\x62"
        + bytes([unit])
        + b"\x52"
        + scaler.to_bytes(1, "big", signed=True)
        + value
        + b"\x01"
    )


def get_list(*entries: bytes, sensor_time: bytes = b"\x01") -> bytes:
    values = bytes([0x70 + len(entries)]) + b"".join(entries)
    body = b"\x77\x01" + octets(b"\x0a\x01EMH") + b"\x01" + sensor_time + values + b"\x01\x01"
    return (
        b"\x76" + octets(b"\x01") + b"\x62\x00\x62\x00\x72\x63\x07\x01" + body + b"\x63\x00\x00\x00"
    )


def transport(messages: bytes, crc: str = "x25") -> bytes:
    padding = -len(messages) % 4
    escaped = messages.replace(b"\x1b\x1b\x1b\x1b", b"\x1b\x1b\x1b\x1b" * 2)
    head = START + escaped + b"\x00" * padding + b"\x1b\x1b\x1b\x1b\x1a" + bytes([padding])
    if crc == "x25":
        return head + crc16_x25(head).to_bytes(2, "little")
    return head + crc16_kermit(head).to_bytes(2, "big")


ENERGY = entry("0100010800ff", b"\x65" + (27_956_927).to_bytes(4, "big"))


@pytest.mark.parametrize("crc", ["x25", "kermit"])
def test_reads_a_telegram_under_either_crc(crc: str) -> None:
    [reading] = decode_sml(transport(get_list(ENERGY), crc)).readings

    assert (reading.name, reading.value, reading.unit) == ("1-0:1.8.0", 2795692.7, "Wh")


def test_reads_a_negative_power_and_an_escaped_value() -> None:
    power = entry("0100100700ff", b"\x53" + (-1234).to_bytes(2, "big", signed=True), unit=27)
    escape = entry("0100020800ff", b"\x65\x1b\x1b\x1b\x1b", scaler=0)

    readings = decode_sml(transport(get_list(power, escape))).readings

    assert [r.value for r in readings] == [-123.4, 0x1B1B1B1B]


def test_takes_a_timestamp_but_no_seconds_of_operation() -> None:
    stamp = b"\x72\x62\x02\x65" + (1_700_000_000).to_bytes(4, "big")
    index = b"\x72\x62\x01\x65" + (86_400).to_bytes(4, "big")

    assert decode_sml(transport(get_list(ENERGY, sensor_time=stamp))).readings[0].time == (
        1_700_000_000_000_000
    )
    assert decode_sml(transport(get_list(ENERGY, sensor_time=index))).readings[0].time is None


def test_skips_a_flipped_telegram_and_reads_the_next() -> None:
    good = transport(get_list(ENERGY))
    bad = bytearray(good)
    bad[40] ^= 1

    frames = decode_sml(bytes(bad) + good)

    assert [r.frame for r in frames.readings] == [1]
    assert frames.problems[0][0] == "bad_checksum"


@given(st.binary(max_size=300))
@example(b"\x71" * 300)
@example(b"\xff" * 300)
def test_any_sml_is_read_or_refused(messages: bytes) -> None:
    for data in (messages, transport(messages), transport(get_list(messages))):
        try:
            decode_sml(data)
        except FrameError as error:
            assert error.code


def long_frame(records: bytes, *, medium: int = 4) -> bytes:
    header = bytes.fromhex("08 01 72 17 58 85 06 2D 2C 08") + bytes([medium, 4, 0, 0, 0])
    body = header + records
    size = bytes([len(body)])
    return b"\x68" + size + size + b"\x68" + body + bytes([sum(body) & 0xFF, 0x16])


def test_names_maximum_tariff_and_storage() -> None:
    data = long_frame(
        bytes.fromhex(
            "0406E7910000 142DC0010000 84100600000000 440605000000 0259B927".replace(" ", "")
        )
    )

    readings = decode_mbus(data, BERLIN).readings

    assert [(r.name, r.value) for r in readings] == [
        ("energy", 37_351_000),
        ("power.max", 44_800),
        ("energy.tariff1", 0),
        ("energy.storage1", 5_000),
        ("flow_temperature", 101.69),
    ]
    assert {r.medium for r in readings} == {"heat"}


def test_reads_two_frames_and_skips_a_damaged_one() -> None:
    good = long_frame(bytes.fromhex("0406E7910000"), medium=7)
    bad = bytearray(good)
    bad[-3] ^= 1

    frames = decode_mbus(good + bytes(bad) + good, BERLIN)

    assert [r.frame for r in frames.readings] == [0, 2]
    assert frames.problems[0][0] == "bad_checksum"


@given(st.binary(max_size=200))
def test_any_mbus_is_read_or_refused(records: bytes) -> None:
    for data in (records, long_frame(records)):
        try:
            decode_mbus(data, BERLIN)
        except FrameError as error:
            assert error.code
