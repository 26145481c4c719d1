"""Reading a meter's file: times, missing values, units."""

import csv
import io
from zoneinfo import ZoneInfo

import pytest

from devices.simulation.csv_rows import (
    ColumnMapping,
    MappingError,
    RowReader,
    parse_mapping,
    payload_conversions,
    time_columns,
)
from energy.lib.units import IncompatibleUnits

PARIS = ZoneInfo("Europe/Paris")


def read(text, *, mapping="P=power", zone=PARIS, time_format="%Y-%m-%d %H:%M"):
    mappings = parse_mapping(mapping)
    reader = RowReader(mappings, payload_conversions(mappings, {}), ["T"], time_format, zone)
    rows = list(reader.read(csv.DictReader(io.StringIO(text))))
    return [(row.at.strftime("%d %H:%MZ"), row.values) for row in rows], reader.counts


def test_local_times_become_instants():
    rows, _ = read("T,P\n2007-02-05 00:00,1\n2007-07-05 00:00,2\n")

    assert rows == [("04 23:00Z", {"power": 1.0}), ("04 22:00Z", {"power": 2.0})]


def test_times_with_an_offset_need_no_zone():
    rows, _ = read("T,P\n2007-02-05 00:00 +0300,1\n", time_format="%Y-%m-%d %H:%M %z")

    assert rows == [("04 21:00Z", {"power": 1.0})]


def test_the_autumn_hour_is_told_apart_by_order():
    text = "T,P\n" + "".join(
        f"2026-10-25 {clock},{number}\n"
        for number, clock in enumerate(["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"])
    )

    rows, _ = read(text)

    assert [at for at, _ in rows] == [
        "24 23:30Z",
        "25 00:00Z",
        "25 00:30Z",
        "25 01:00Z",
        "25 01:30Z",
        "25 02:00Z",
    ]


def test_hourly_rows_of_the_autumn_hour_are_two_instants():
    rows, _ = read("T,P\n2026-10-25 02:00,1\n2026-10-25 02:00,2\n2026-10-25 03:00,3\n")

    assert [at for at, _ in rows] == ["25 00:00Z", "25 01:00Z", "25 02:00Z"]


def test_a_row_written_twice_stays_one_instant():
    rows, _ = read("T,P\n2026-10-25 02:05,1\n2026-10-25 02:05,1\n2026-10-25 02:06,2\n")

    assert [at for at, _ in rows] == ["25 00:05Z", "25 00:05Z", "25 00:06Z"]


def test_times_that_do_not_exist_are_counted():
    rows, counts = read("T,P\n2026-03-29 01:59,1\n2026-03-29 02:30,2\n2026-03-29 03:00,3\n")

    assert [at for at, _ in rows] == ["29 00:59Z", "29 01:00Z"]
    assert counts.nonexistent_times == 1
    assert "2026-03-29 02:30" in counts.first_problem


@pytest.mark.parametrize("text", ["", "?", " NaN ", "null", "n/a"])
def test_missing_values_are_skipped_and_counted(text):
    rows, counts = read(f"T,P,Q\n2026-01-01 00:00,{text},5\n", mapping="P=power,Q=other")

    assert rows == [("31 23:00Z", {"other": 5.0})]
    assert (counts.missing_values, counts.bad_values) == (1, 0)


@pytest.mark.parametrize("text", ["1.2.3", "inf", "1e999", "abc"])
def test_bad_values_are_counted_apart(text):
    rows, counts = read(f"T,P\n2026-01-01 00:00,{text}\n")

    assert rows == []
    assert (counts.missing_values, counts.bad_values) == (0, 1)


def test_bad_times_are_counted():
    rows, counts = read("T,P\nyesterday,1\n2026-01-01 00:00,2\n")

    assert len(rows) == 1
    assert (counts.rows, counts.bad_times) == (2, 1)


def test_units_become_those_of_the_payload():
    rows, _ = read(
        "T,P,Q\n2026-01-01 00:00,2,3\n", mapping="P=active_power_import:W,Q=voltage_l1:kV"
    )

    assert rows[0][1] == {"active_power_import": 0.002, "voltage_l1": 3000.0}


def test_an_alias_is_sent_in_its_own_unit():
    rows, _ = read("T,P\n2026-01-01 00:00,2\n", mapping="P=power_active_total:kW")

    assert rows[0][1] == {"power_active_total": 2000.0}


@pytest.mark.parametrize("units", [{}, {"kitchen": ""}])
def test_a_metric_without_unit_is_sent_as_it_is(units):
    conversions = payload_conversions([ColumnMapping("K", "kitchen", "Wh")], units)

    assert conversions["kitchen"].apply(17.0) == 17.0


def test_refuses_units_of_another_quantity():
    with pytest.raises(IncompatibleUnits):
        payload_conversions([ColumnMapping("V", "voltage_l1", "kW")], {})


@pytest.mark.parametrize("text", ["", "P", "P=", "=power", "P=a,Q=a", "P=a,"])
def test_refuses_a_mapping_it_cannot_read(text):
    with pytest.raises(MappingError):
        parse_mapping(text)


def test_the_time_may_be_one_column_or_several():
    assert time_columns(["Date Time", "P"], "Date Time") == ["Date Time"]
    assert time_columns(["Date", "Time", "P"], "Date Time") == ["Date", "Time"]
    with pytest.raises(MappingError):
        time_columns(["Date", "P"], "Date Time")


def test_utc_needs_no_shift():
    rows, _ = read("T,P\n2026-01-01 00:00,1\n", zone=ZoneInfo("UTC"))

    assert rows[0][0] == "01 00:00Z"
