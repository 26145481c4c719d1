"""DSMR telegrams: checksum, clock, damage."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.decoding.frames.checksums import crc16_arc
from telemetry.decoding.frames.dsmr import decode_dsmr
from telemetry.decoding.frames.reading import FrameError

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def telegram(*lines: str, version: str = "50", crc: bool = True) -> bytes:
    head = ["/TST5\\253", "", f"1-3:0.2.8({version})"]
    body = "\r\n".join([*head, *lines, "!"]).encode()
    return body + (f"{crc16_arc(body):04X}".encode() if crc else b"") + b"\r\n"


def utc(time: int | None) -> str:
    assert time is not None
    return dt.datetime.fromtimestamp(time / 1_000_000, dt.UTC).isoformat()


@pytest.mark.parametrize(
    ("zone", "written", "meant"),
    [
        ("Europe/Amsterdam", "241027023000S", "2024-10-27T00:30:00+00:00"),
        ("Europe/Amsterdam", "241027023000W", "2024-10-27T01:30:00+00:00"),
        ("Europe/Amsterdam", "240701120000S", "2024-07-01T10:00:00+00:00"),
        ("Europe/Vilnius", "240701120000S", "2024-07-01T09:00:00+00:00"),
        ("Europe/Vilnius", "240101120000W", "2024-01-01T10:00:00+00:00"),
        ("Europe/Istanbul", "240701120000S", "2024-07-01T10:00:00+00:00"),
        ("UTC", "240101120000W", "2024-01-01T11:00:00+00:00"),
        ("UTC", "240101120000", "2024-01-01T12:00:00+00:00"),
        ("Europe/Amsterdam", "241027023000", "2024-10-27T00:30:00+00:00"),
    ],
)
def test_reads_local_time_by_its_letter(zone: str, written: str, meant: str) -> None:
    data = telegram(f"0-0:1.0.0({written})", "1-0:1.7.0(00.244*kW)")

    [reading] = decode_dsmr(data, ZoneInfo(zone)).readings

    assert utc(reading.time) == meant


def test_reads_each_telegram_of_a_payload() -> None:
    first = telegram("0-0:1.0.0(240101120000W)", "1-0:1.7.0(00.244*kW)")
    damaged = telegram("0-0:1.0.0(240101120001W)", "1-0:1.7.0(00.245*kW)").replace(b"245", b"999")
    last = telegram("0-0:1.0.0(240101120002W)", "1-0:1.7.0(00.246*kW)")

    frames = decode_dsmr(first + damaged + last, AMSTERDAM)

    assert [r.value for r in frames.readings] == [0.244, 0.246]
    assert [code for code, _ in frames.problems] == ["bad_checksum"]


def test_takes_a_telegram_whose_line_ends_a_bridge_shortened() -> None:
    data = telegram("1-0:1.7.0(00.244*kW)")

    assert decode_dsmr(data.replace(b"\r\n", b"\n"), AMSTERDAM).readings[0].value == 0.244


def test_keeps_what_no_one_has_heard_of_if_it_has_a_unit() -> None:
    data = telegram("1-0:142.7.9(00.5*kW)", "1-0:142.7.8(00012)", "9-9:1.1.1(text)")

    assert [(r.name, r.unit) for r in decode_dsmr(data, AMSTERDAM).readings] == [
        ("1-0:142.7.9", "kW")
    ]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"hello", "no_frame"),
        (b"/TST5\\253\r\n\r\n1-0:1.7.0(00.244*kW)\r\n", "no_frame"),
        (telegram("1-0:1.7.0(00.244*kW)", crc=False), "no_checksum"),
        (telegram("1-0:1.7.0(00.244*kW)").replace(b"244", b"245"), "bad_checksum"),
        (b"\xdb\x08SAGgp\x08", "encrypted"),
        (b"/" + b"x" * 70_000, "too_large"),
    ],
)
def test_says_why_it_reads_nothing(data: bytes, code: str) -> None:
    with pytest.raises(FrameError) as refused:
        decode_dsmr(data, AMSTERDAM)

    assert refused.value.code == code


def test_takes_version_2_without_checksum() -> None:
    data = telegram("1-0:1.7.0(0001.01*kW)", version="22", crc=False)

    assert decode_dsmr(data, AMSTERDAM).readings[0].value == 1.01


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for attempt in (data, b"/TST5\\253\r\n" + data + b"\r\n!\r\n"):
        try:
            decode_dsmr(attempt, AMSTERDAM)
        except FrameError as error:
            assert error.code


@given(st.lists(st.from_regex(r"\A[0-9]-[0-9]:[0-9.]{1,8}(\([0-9SW*kWh.]{0,14}\)){1,4}\Z")))
def test_any_lines_are_read_or_refused(lines: list[str]) -> None:
    decode_dsmr(telegram(*lines), AMSTERDAM)
