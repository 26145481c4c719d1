"""Every real frame gives the values that its expected.json names."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from telemetry.decoding.frames.dsmr import decode_dsmr
from telemetry.decoding.frames.mbus import decode_mbus
from telemetry.decoding.frames.reading import FrameReading, Frames
from telemetry.decoding.frames.sml import decode_sml
from tests.frames.realdata import expectations, needs_realdata, payload

pytestmark = needs_realdata
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
UNITS = {"Cel": "degC"}


def decode(family: str, data: bytes) -> Frames:
    if family == "dsmr-p1":
        return decode_dsmr(data, AMSTERDAM)
    return decode_sml(data) if family == "sml" else decode_mbus(data, AMSTERDAM)


def utc(time: int | None) -> str | None:
    if time is None:
        return None
    moment = dt.datetime.fromtimestamp(time / 1_000_000, dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def find(readings: list[FrameReading], source: str) -> FrameReading:
    if source.startswith("rec"):
        return next(r for r in readings if f"rec{r.index}" == source)
    return next(r for r in readings if r.name == source)


@pytest.mark.parametrize(("family", "file", "expected"), [*expectations("dsmr-p1", "sml", "mbus")])
def test_holds_every_expected_value(family: str, file: str, expected: dict[str, Any]) -> None:
    readings = decode(family, payload(family, file)).readings

    for wanted in expected["expect"]:
        found = find(readings, wanted["src"])
        assert (found.value, UNITS.get(found.unit, found.unit)) == (
            wanted["raw"],
            wanted["raw_unit"],
        ), wanted["src"]
        time = wanted.get("ts_utc", expected["time"].get("utc"))
        assert utc(found.time) == time, wanted["src"]


def test_names_the_medium_of_meters_behind_the_meter() -> None:
    readings = decode("dsmr-p1", payload("dsmr-p1", "p1-05.payload")).readings

    media = {r.name: r.medium for r in readings if r.medium}

    assert media["0-1:24.2.3"] == "gas"
    assert media["0-2:24.2.1"] == "water"


def test_keeps_a_gas_time_after_the_telegram_and_flags_it() -> None:
    frames = decode("dsmr-p1", payload("dsmr-p1", "p1-02.payload"))

    gas = find(frames.readings, "0-1:24.2.1")

    assert gas.quality.label == "uncertain"
    assert [code for code, _ in frames.problems] == ["time_after_telegram"]
    assert all(r.quality.label == "good" for r in frames.readings if r is not gas)


def test_reads_no_serial_number_and_no_log_as_a_value() -> None:
    for file in ("p1-01.payload", "p1-02.payload", "p1-05.payload", "p1-09.payload"):
        names = {r.name for r in decode("dsmr-p1", payload("dsmr-p1", file)).readings}
        assert not {n for n in names if ":96.1." in n or ":0.0.0" in n or ":99.97." in n}


def test_goes_on_after_damaged_sml() -> None:
    frames = decode("sml", payload("sml", "sml-05.bin"))

    assert [r.frame for r in frames.readings if r.name == "1-0:1.8.0"] == [1, 2, 5, 6]
    assert [code for code, _ in frames.problems].count("bad_checksum") == 3


@pytest.mark.parametrize("form", ["hex", "spaced", "base64"])
def test_reads_sml_that_a_bridge_sent_as_text(form: str) -> None:
    import base64

    data = payload("sml", "sml-06.bin")
    text = {
        "hex": data.hex().encode(),
        "spaced": data.hex(" ").upper().encode(),
        "base64": base64.encodebytes(data),
    }[form]

    assert decode("sml", text) == decode("sml", data)


def test_keeps_the_value_of_the_billing_date_apart() -> None:
    readings = decode("mbus", payload("mbus", "mbus-01.payload")).readings

    billed = next(r for r in readings if r.index == 17)

    assert (billed.name, billed.value) == ("energy.storage1", 33_361_000)
    assert utc(billed.time) == "2010-12-30T23:00:00Z"
    assert [r.value for r in readings if r.name == "energy"] == [37_351_000]


def test_refuses_a_telegram_in_which_any_byte_was_flipped() -> None:
    data = payload("dsmr-p1", "p1-03.payload")
    end = data.rindex(b"!")

    for at in range(1, end):
        damaged = bytearray(data)
        damaged[at] ^= 0x04
        try:
            frames = decode_dsmr(bytes(damaged), AMSTERDAM)
        except ValueError:
            continue
        assert not frames.readings, at
