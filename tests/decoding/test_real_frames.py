"""Frames of meters through the mappings that come with the product: values, times, `must` rules."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import Any

import pytest

from devices.canonical import lookup
from energy.lib.units import SPELLINGS, conversion
from telemetry.decoding.mapping import Bound, bind_first
from telemetry.decoding.shipped import shipped_mappings
from telemetry.ingest.decode import DecodeError, Reading
from telemetry.quality import Quality
from tests.frames.realdata import expectations, needs_realdata, payload
from tests.frames.test_sparkplug import FLOAT, message

pytestmark = needs_realdata
ZONE = zoneinfo.ZoneInfo("Europe/Amsterdam")
NOW_US = 1_795_300_000_000_000
TOPICS = {
    "dsmr-p1": "dsmr/meter-1/raw",
    "sml": "sml/meter-1/raw",
    "mbus": "mbus/meter-1/raw",
    "seed-orge1-serial": "serial/cp-1/stat",
}
# OBIS code, record or key: the channel
CHANNELS = {
    "1-0:1.8.0": "active_energy_import", "1-0:2.8.0": "active_energy_export",
    "1-0:1.8.1": "active_energy_import_t1", "1-0:1.8.2": "active_energy_import_t2",
    "1-0:2.8.1": "active_energy_export_t1", "1-0:2.8.2": "active_energy_export_t2",
    "1-0:1.7.0": "active_power_import", "1-0:2.7.0": "active_power_export",
    "1-0:16.7.0": "active_power_net", "1-0:1.4.0": "demand_active",
    "1-0:1.6.0": "demand_active_max", "0-1:24.3.0": "gas_volume", "0-1:24.2.3": "gas_volume",
    "0-2:24.2.1": "water_volume", "rec1": "thermal_energy", "rec2": "heating_water_volume",
    "rec4": "supply_temp", "rec5": "return_temp", "rec7": "thermal_power",
    "STATE": "ev_connector_state", "MAX": "current_limit", "CABLE": "cable_current",
    "AUTH": "authorised",
    **{f"1-0:{c}.7.0": f"active_power_l{n}" for n, c in ((1, 21), (2, 41), (3, 61))},
    **{f"1-0:{c}.7.0": f"active_power_l{n}" for n, c in ((1, 36), (2, 56), (3, 76))},
    **{f"1-0:{c}.7.0": f"voltage_l{n}" for n, c in ((1, 32), (2, 52), (3, 72))},
    **{f"1-0:{c}.7.0": f"current_l{n}" for n, c in ((1, 31), (2, 51), (3, 71))},
}  # fmt: skip


def channel_of(row: dict[str, Any]) -> str:
    if row["src"] == "0-1:24.2.1":
        return "thermal_energy" if row["quantity"] == "heat_energy" else "gas_volume"
    return CHANNELS[row["src"]]


def bound(topic: str) -> Bound:
    found = bind_first([list(shipped_mappings().values())], topic)
    assert found is not None
    return found


def decode(family: str, data: bytes) -> list[Reading]:
    return bound(TOPICS[family]).decode(data, NOW_US, ZONE)


def found_values(readings: list[Reading]) -> dict[str, tuple[float, Any, Reading]]:
    found = {}
    for reading in readings:
        templates = {template.source: template for template in reading.templates}
        for source, value in reading.values.items():
            template = templates.get(source) or lookup(source)
            assert template is not None, source
            found[template.name] = (value, template, reading)
    return found


@pytest.mark.parametrize(("family", "file", "expected"), [*expectations(*TOPICS)])
def test_each_expected_value_gets_its_channel(
    family: str, file: str, expected: dict[str, Any]
) -> None:
    try:
        readings = decode(family, payload(family, file))
    except DecodeError as error:
        assert (expected["expect"], error.code) == ([], "bad_payload")
        return
    found = found_values(readings)

    for row in expected["expect"]:
        value, template, reading = found[channel_of(row)]
        wanted, unit = float(row.get("numeric", row["value"])), row.get("unit_numeric", row["unit"])
        unit = "" if unit == "text" else SPELLINGS.get(unit, unit)
        assert value == pytest.approx(conversion(unit, template.unit).apply(wanted), rel=1e-12)
        assert template.source_unit == template.unit
        kind = {"counter": "total_increasing", "gauge": "gauge"}[row["kind"]]
        assert template.kind in (kind, "state")
        utc = row.get("ts_utc", expected["time"].get("utc"))
        assert reading.raw_time == (dt.datetime.fromisoformat(utc) if utc else None)


def problems(readings: list[Reading]) -> list[str]:
    return [code for reading in readings for code, _ in reading.problems]


def test_a_gas_time_after_the_telegram_is_kept_and_flagged() -> None:
    readings = decode("dsmr-p1", payload("dsmr-p1", "p1-02.payload"))

    assert found_values(readings)["gas_volume"][2].quality is Quality.UNCERTAIN
    assert problems(readings) == ["time_after_telegram"]


def test_no_old_power_failure_becomes_a_value() -> None:
    readings = decode("dsmr-p1", payload("dsmr-p1", "p1-02.payload"))

    assert min(r.raw_time for r in readings if r.raw_time) > dt.datetime(2016, 1, 1, tzinfo=dt.UTC)


def test_belgian_tariffs_keep_their_numbers() -> None:
    found = found_values(decode("dsmr-p1", payload("dsmr-p1", "p1-05.payload")))

    assert found["active_energy_import_t1"][0] == 0.034
    assert found["active_energy_import_t2"][0] == 15.758


def test_eleven_digits_survive() -> None:
    found = found_values(decode("dsmr-p1", payload("dsmr-p1", "p1-09.payload")))

    assert found["active_energy_import"][0] == 52185.7825309


@pytest.mark.parametrize("file", ["sml-04.bin", "sml-05.bin"])
def test_a_damaged_telegram_costs_no_other(file: str) -> None:
    readings = decode("sml", payload("sml", file))

    assert "active_energy_import" in found_values(readings)
    assert set(problems(readings)) <= {"bad_checksum", "bad_payload"}


def test_the_billing_date_is_not_now() -> None:
    found = found_values(decode("mbus", payload("mbus", "mbus-01.payload")))

    assert found["thermal_energy"][2].raw_time is None
    assert found["billed_energy_1"][0] == 33_361
    assert found["billed_energy_1"][1].kind == "gauge"
    assert found["billed_energy_1"][2].raw_time == dt.datetime(2010, 12, 31, tzinfo=ZONE)


def test_an_unended_line_blocks_no_other() -> None:
    with pytest.raises(DecodeError):
        decode("seed-orge1-serial", payload("seed-orge1-serial", "orge1-10.payload"))

    assert decode("seed-orge1-serial", payload("seed-orge1-serial", "orge1-01.payload"))


def test_empty_keys_and_values_are_left_out() -> None:
    assert not found_values(
        decode("seed-orge1-serial", payload("seed-orge1-serial", "orge1-12.payload"))
    )
    found = found_values(
        decode("seed-orge1-serial", payload("seed-orge1-serial", "orge1-13.payload"))
    )
    assert {name: value for name, (value, *_rest) in found.items()} == {"ev_connector_state": 2}


def test_sparkplug_names_come_from_the_birth() -> None:
    metric = {"name": "Meter/Power", "alias": 4, "datatype": FLOAT, "float_value": 1500.0}
    birth = message(0, {**metric, "unit": "W"})
    data = message(1, {"alias": 4, "float_value": 1600.0})

    bound("spBv1.0/plant/DBIRTH/edge/meter").decode(birth, NOW_US, ZONE, scope="t1")
    found = found_values(
        bound("spBv1.0/plant/DDATA/edge/meter").decode(data, NOW_US, ZONE, scope="t1")
    )

    value, template, reading = found["meter_power"]
    assert (value, template.unit, reading.device) == (1.6, "kW", "meter")
