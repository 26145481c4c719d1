"""Every recorded payload of Zigbee2MQTT gives the numbers and units that it should."""

import json
import os
from pathlib import Path

import pytest

from devices.zigbee.catalogue import describe, guess
from devices.zigbee.payload import read_state
from energy.lib.units import SPELLINGS, conversion
from telemetry.ingest.times import read_time

REALDATA = Path(os.environ.get("REALDATA_DIR", Path(__file__).parents[3] / "shared/realdata"))
FOLDER = REALDATA / "payloads/zigbee2mqtt"
EXPECTED = json.loads((FOLDER / "expected.json").read_text()) if FOLDER.is_dir() else {}
NOW_US = 1_795_000_000_000_000
NAMES = {
    "energy_import": "active_energy_import", "energy_export": "active_energy_export",
    "active_power": "active_power", "battery_voltage": "battery_voltage", "relay": "relay",
    "power_factor": "power_factor",
}  # fmt: skip

pytestmark = pytest.mark.skipif(not EXPECTED, reason="no real payloads: set REALDATA_DIR")


def attribute_of(topic):
    levels = topic.split("/")
    return levels[2] if len(levels) == 3 else ""


def read(case):
    """Return (key, value in the stored unit, unit, name, time in the payload) of a recording."""
    payload = (FOLDER / f"{case}.payload").read_bytes()
    attribute = attribute_of(EXPECTED[case]["topic"])
    found = []
    for timed in read_state(payload, attribute=attribute, abilities={}):
        for key, value in timed.values.items():
            template = describe(guess(key, value, timed.values), timed.values)
            value = conversion(template.source_unit, template.unit).apply(value)
            found.append((key, value, template.unit, template.name, timed.time))
    return found


STATES = [case for case in EXPECTED if not EXPECTED[case]["topic"].endswith("/availability")]


@pytest.mark.parametrize("case", STATES)
def test_each_expected_value_is_read(case):
    attribute = attribute_of(EXPECTED[case]["topic"])
    found = {key: (value, unit, name) for key, value, unit, name, _time in read(case)}

    for row in EXPECTED[case]["expect"]:
        value, unit, name = found[attribute if row["src"] == "@" else row["src"]]
        stored = SPELLINGS.get(row["unit"], row["unit"])
        assert value == pytest.approx(float(row["value"]))
        assert unit == ("" if stored == "bool" else stored)
        assert name.startswith(NAMES.get(row["quantity"], ""))


@pytest.mark.parametrize("case", STATES)
def test_the_time_is_that_of_the_measurement(case):
    times = {time for *_values, time in read(case)}
    if not times:
        return

    wanted = EXPECTED[case]["time"].get("raw")
    if wanted is None:
        assert times == {None}
    else:
        expected = read_time(wanted, received_at=NOW_US)
        assert expected in {read_time(time, received_at=NOW_US) for time in times}


def test_what_carries_no_number_gives_no_row():
    for case in EXPECTED:
        if not EXPECTED[case]["expect"]:
            assert read(case) == []


def test_nulls_and_settings_give_no_row():
    assert {key for key, *_rest in read("z2m-04")} == {
        "power", "energy", "current", "voltage", "state", "linkquality",
    }  # fmt: skip


def test_the_signed_sum_proves_the_direction():
    values = {key: value for key, value, *_rest in read("z2m-06a")}

    assert values["power_a"] + values["power_b"] == pytest.approx(values["power_ab"])


def test_each_clamp_has_its_own_time():
    times = {key: time for key, *_rest, time in read("z2m-06a")}

    assert times["power_a"] == times["power_ab"] == "2026-05-12T07:46:49.434Z"
    assert times["power_b"] == "2026-05-12T07:46:49.959Z"
