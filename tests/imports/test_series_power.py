"""Real series of power, imported: every figure of FACTS.json from what is stored."""

import numpy as np
import pytest

from tests.imports.conftest import column
from tests.imports.facts import SERIES, facts, near, near_all, needs_series

pytestmark = needs_series

HOUSEHOLD = "uci-household/household_power_consumption_2007-02-05_06.txt"
MINUTE = 60_000_000


def test_a_household_whose_dates_are_day_month_year(importer):
    want = facts(HOUSEHOLD)
    columns = [
        column(2, "active_power_import", "kW"),
        column(4, "voltage_l1", "V"),
        *(column(5 + n, f"sub_{n}", "Wh", "interval") for n in (1, 2, 3)),
    ]

    job = importer.upload(SERIES / HOUSEHOLD, columns=columns, zone="Europe/Paris")
    assert job.plan["time_format"] == "dmy"
    assert "day/month/year" in dict(job.notes)["date_order"]
    job = importer.run(job)

    power, voltage = importer.samples("active_power_import"), importer.samples("voltage_l1")
    assert (job.rows, job.missing) == (want["rows"], want["missing"])
    assert (job.stored, job.duplicates) == (5 * want["rows"], want["duplicates"])
    local = power.moments("Europe/Paris")
    assert [f"{local[n]:%Y-%m-%d %H:%M:%S}" for n in (0, -1)] == [want["first"], want["last"]]
    assert set(np.diff(power.times)) == {want["interval_s"] * 1_000_000}
    total = power.values.sum() / 60
    assert total == near(want["total_kwh"]) == near(want["duckdb_total_kwh"])
    days = power.sums("Europe/Paris", "%Y-%m-%d", factor=1 / 60)
    assert days == near_all(want["per_day_kwh"], days, 4)
    assert (power.values.max(), power.values.min()) == (want["max_kw"], want["min_kw"])
    assert f"{local[power.values.argmax()]:%Y-%m-%d %H:%M:%S}" == want["max_at"]
    assert (voltage.values.min(), voltage.values.max()) == (
        want["voltage_min"],
        want["voltage_max"],
    )
    subs = [importer.samples(f"sub_{n}").values.sum() for n in (1, 2, 3)]
    assert subs == [want[f"sub{n}_wh"] for n in (1, 2, 3)]
    rest = power.values.sum() * 1000 / 60 - sum(subs)
    assert rest == near(want["unmetered_wh"], 1)
    quarters = power.values.reshape(-1, 15).mean(axis=1)
    hours = power.values.reshape(-1, 60).mean(axis=1)
    assert quarters.max() == near(want["peak_15min_demand_kw"], 6)
    assert hours.max() == near(want["peak_hour_kwh"], 6)
    peak = [local[int(quarters.argmax()) * 15], local[int(hours.argmax()) * 60]]
    assert [f"{moment:%Y-%m-%d %H:%M:%S}" for moment in peak] == [
        want["peak_15min_start"],
        want["peak_hour_start"],
    ]


def test_solar_watts_with_an_offset_in_the_file(importer):
    want = facts("pv-nrel-serf/serf_east_1min_ac_power.csv")

    job = importer.import_file(
        SERIES / "pv-nrel-serf/serf_east_1min_ac_power.csv",
        columns=[column(1, "pv_active_power", "W")],
        zone="America/Denver",
    )

    power = importer.samples("pv_active_power")
    kilowatts = power.values
    assert (job.rows, job.stored) == (want["rows"], want["rows"])
    assert (kilowatts.min(), kilowatts.max()) == (
        pytest.approx(want["min_w"] / 1000),
        pytest.approx(want["max_w"] / 1000),
    )
    assert int((kilowatts < 0).sum()) == want["negative_rows"]
    edges = [f"{power.moments('Etc/GMT+7')[n].isoformat(sep=' ')}" for n in (0, -1)]
    assert edges == [want["first"], want["last"]]
    assert np.median(np.diff(power.times)) == want["interval_s"] * 1_000_000
    assert kilowatts.sum() / 60 == near(want["energy_kwh_signed"], 4)
    assert kilowatts.sum() / 60 == near(want["duckdb_energy_kwh_signed"], 4)
    assert kilowatts.clip(0).sum() / 60 == near(want["energy_kwh_clipped_at_0"], 4)
    assert kilowatts.clip(None, 0).sum() / 60 == near(want["tare_kwh"], 5)
    hours = np.diff(power.times) / 3.6e9
    assert ((kilowatts[1:] + kilowatts[:-1]) / 2 * hours).sum() == near(want["trapezoid_kwh"], 4)
    for zone, name in (
        ("Etc/GMT+7", "daily_kwh_in_file_offset"),
        ("America/Denver", "daily_kwh_America_Denver"),
    ):
        days = power.sums(zone, "%Y-%m-%d", factor=1 / 60)
        assert days == near_all(want[name], days)


def test_an_inverter_whose_nights_have_no_rows(importer):
    want = facts("pv-with-sentinel/ZT162185000441C1203.csv")

    job = importer.import_file(
        SERIES / "pv-with-sentinel/ZT162185000441C1203.csv",
        columns=[column(4, "pv_active_power", "kW")],
        zone="UTC",
        sentinels=[32767.0, -32768.0],
    )

    power = importer.samples("pv_active_power")
    assert (job.rows, job.missing) == (want["rows"], want["sentinel_rows"])
    assert (power.values.min(), power.values.max()) == (want["min_valid"], want["max_valid"])
    assert (want["sentinel_value"], want["sentinel_at"]) == (None, [])
    energy = power.values.sum() / 12
    assert energy == near(want["energy_kwh_5min_rectangles_valid_only"]) == near(want["duckdb"])
    assert energy == near(want["naive_sum_with_sentinels_kwh"], 1)
    assert int((np.diff(power.times) > 5 * MINUTE).sum()) == want["gaps_over_5min"]
    moments = power.moments("UTC")
    edges = [f"{moments[n]:%Y-%m-%d %H:%M:%S}" for n in (0, -1)]
    assert edges == [want["first"], want["last"]]
    # it is night there around noon in UTC
    assert {moment.hour for moment in moments}.isdisjoint(range(6, 12)) == want["night_rows_absent"]


@pytest.mark.parametrize("day", ["day1", "day2"])
def test_a_house_that_feeds_in(importer, day):
    want = facts(f"openevse-solar-grid/{day}_grid_ie.csv")
    columns = [column(1, "pv_active_power", "W"), column(2, "active_power_net", "W")]

    job = importer.import_file(
        SERIES / f"openevse-solar-grid/{day}_grid_ie.csv", columns=columns, zone="Europe/Dublin"
    )

    solar, grid = importer.samples("pv_active_power"), importer.samples("active_power_net")
    assert job.rows == want["rows"]
    assert len(solar.times) == want["rows"] - want["null_solar"]
    assert len(grid.times) == want["rows"] - want["null_grid"]
    assert job.missing == want["null_solar"] + want["null_grid"]
    assert solar.values.sum() / 60 == near(want["solar_kwh"], 4)
    assert grid.values.clip(0).sum() / 60 == near(want["import_kwh"], 4)
    assert -grid.values.clip(None, 0).sum() / 60 == near(want["export_kwh"], 4)
    assert grid.values.sum() / 60 == near(want["net_kwh"], 4)
    own = solar.values.sum() + grid.values.clip(None, 0).sum()
    assert own / 60 == near(want["self_consumption_kwh"], 4)


def test_a_day_stamped_at_the_ends_whose_date_is_in_the_name(importer):
    name = "openevse-solar-grid/Energy_and_Power_Day_2020-03-22.csv"
    want = facts(name)

    job = importer.import_file(SERIES / name, zone="Europe/Tallinn")

    power = importer.samples("active_power_import")
    assert (job.rows, job.refused, job.plan["stamp"]) == (want["rows"], 0, "end")
    assert power.values.sum() / 4 == near(want["energy_kwh"])
    assert power.values.max() == want["max_kw"]
    assert list(power.counts("Europe/Tallinn", "%Y-%m-%d").items()) == [("2020-03-22", 95)]
    assert f"{power.moments('Europe/Tallinn')[0]:%H:%M}" == "00:00"
