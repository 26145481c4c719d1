"""Every recorded payload becomes the values, units, kinds and times that it should."""

import datetime as dt
import zoneinfo

import pytest

from devices.canonical import lookup
from energy.lib.units import SPELLINGS
from telemetry.decoding.moments import read_moment
from tests.decoding.real import GAUGES_AFTER_ALL, KINDS, STATES, channel_name, recordings

ZONE = zoneinfo.ZoneInfo("Europe/Berlin")
NOW_US = 1_795_300_000_000_000
ALL = recordings()
# frames and a dialect: test_real_frames.py here, tests/dialects
WITHOUT_DECODER = ("seed-hydro2.0", "seed-orge1-serial", "dsmr-p1", "sml", "mbus")
DECODED = [one for one in ALL if one.family not in WITHOUT_DECODER]

pytestmark = pytest.mark.skipif(not ALL, reason="no real payloads: set REALDATA_DIR")


def decode(recording):
    return recording.bound().decode(recording.payload, NOW_US, ZONE)


def found_values(readings):
    """Return (value, template, reading) by name of the channel."""
    found = {}
    for reading in readings:
        templates = {template.source: template for template in reading.templates}
        for source, value in reading.values.items():
            template = templates.get(source) or lookup(source)
            found[template.name if template else source] = (value, template, reading)
    return found


@pytest.mark.parametrize("recording", DECODED, ids=lambda one: one.id)
def test_each_expected_value_is_read(recording):
    readings = decode(recording)
    found = found_values(readings)

    for row in recording.expected["expect"]:
        if row["quantity"] == "availability":
            assert [r.presence for r in readings if r.presence is not None] == [row["value"]]
            continue
        name = channel_name(recording.family, row["quantity"], row["channel"])
        if row["value"] is None:
            assert name not in found
            continue
        assert name in found, (name, sorted(found))
        value, template, _reading = found[name]
        unit = SPELLINGS.get(row["unit"], row["unit"])
        assert value == pytest.approx(float(row["value"]), rel=1e-9)
        assert template.unit == {"bool": "", "count": "1"}.get(unit, unit)
        assert template.source_unit == template.unit
        kind = "state" if row["quantity"] in STATES else KINDS[row["kind"]]
        assert template.kind == ("gauge" if row["quantity"] in GAUGES_AFTER_ALL else kind)


@pytest.mark.parametrize("recording", DECODED, ids=lambda one: one.id)
def test_what_expects_nothing_gives_no_row_and_no_problem(recording):
    readings = decode(recording)

    assert [reading.problems for reading in readings if reading.problems] == []
    if not [row for row in recording.expected["expect"] if row["quantity"] != "availability"]:
        assert all(not reading.values for reading in readings)


@pytest.mark.parametrize("recording", DECODED, ids=lambda one: one.id)
def test_the_time_is_that_of_the_measurement(recording):
    times = {reading.raw_time for reading in decode(recording) if reading.values}
    told = recording.expected["time"]
    if not times:
        return
    if told.get("raw") is None:
        assert times == {None}
    elif "utc" in told:
        assert dt.datetime.fromisoformat(told["utc"]) in times
    else:
        moment, _is_sure = read_moment(told["raw"], "auto", ZONE, NOW_US)
        assert times == {moment}
