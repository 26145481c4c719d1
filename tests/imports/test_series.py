"""Real meters of years, imported: every figure of FACTS.json from what is stored."""

import csv
import datetime as dt
import gzip
from decimal import Decimal

import pytest

from tests.imports.conftest import column
from tests.imports.facts import (
    SERIES,
    add_in_blocks,
    facts,
    gaps,
    near,
    near_all,
    needs_series,
)

pytestmark = needs_series

ENERGY = "active_energy_import_interval"
ILLINOIS = "il-synthetic-dst/il-electricity-cdd-hdd"


@pytest.mark.parametrize(
    "name",
    [
        "london-lcl-30min/uk-electricity-hdd-only-hourly-sample-1.csv.gz",
        "uk-home-hourly/uk-electricity-hdd-only-hourly-sample-0.csv.gz",
    ],
)
def test_intervals_of_years(importer, name):
    job = importer.import_file(SERIES / name, zone="UTC")
    check_intervals(job, importer.samples(ENERGY), facts(name))


def check_intervals(job, stored, want):
    zone = want["tz"]
    assert (job.state, job.rows, job.refused) == ("done", want["rows"], 0)
    assert job.duplicates == want["duplicate_timestamps"]
    assert job.conflicts == want["duplicates_with_different_value"]
    assert job.stored == len(stored.times) == want["rows"] - want["duplicate_timestamps"]
    check_whole(stored, want)
    months, years, days = (stored.sums(zone, p) for p in ("%Y-%m", "%Y", "%Y-%m-%d"))
    assert months == near_all(want["monthly_kwh_dedup_first_local"], months)
    assert years == near_all(want["yearly_kwh_local"], years)
    want_days = want["dst_day_kwh"]
    assert {day: days[day] for day in want_days} == near_all(want_days, want_days)
    counts = stored.counts(zone, "%Y-%m-%d")
    assert {day: counts[day] for day in want["dst_days"]} == want["dst_days"]
    found = gaps(stored, job.plan["interval_seconds"])
    assert (found, len(found)) == (want["gaps"], want["n_gaps"])
    assert sum(gap["missing"] for gap in found) == want["missing_intervals"]


def check_whole(stored, want):
    """Which of two equal values of a time is kept makes no difference; zeros are values."""
    total = stored.values.sum()
    assert total == near(want["dedup_keep_first_kwh"]) == near(want["dedup_keep_last_kwh"])
    by_time = dict(
        zip((m.isoformat(sep=" ") for m in stored.moments("UTC")), stored.values, strict=True)
    )
    twice = {row["t"]: row["values"] for row in want["dup_rows"]}
    assert {time: [by_time[time]] * 2 for time in twice} == twice
    again = sum(by_time[time] for time in twice)
    for name in ("sum_all_rows_kwh", "duckdb_sum_all_rows_kwh"):
        assert total + again == near(want[name])
    assert stored.values.max() == want["max_kwh"]
    zeros = int((stored.values == 0).sum()) + sum(by_time[time] == 0 for time in twice)
    assert zeros == want["zeros"]
    assert (stored.times[1:] > stored.times[:-1]).all() == want["monotonic"]
    edges = [dt.datetime.fromisoformat(want[name]) for name in ("first", "last")]
    edges = [edge if edge.tzinfo else edge.replace(tzinfo=dt.UTC) for edge in edges]
    assert [stored.moments("UTC")[n] for n in (0, -1)] == edges


def test_a_publishers_own_days_and_bills_come_out(importer):
    want = facts(f"{ILLINOIS}-hourly.csv.gz")
    job = importer.import_file(SERIES / f"{ILLINOIS}-hourly.csv.gz")
    stored = importer.samples(ENERGY)
    check_intervals(job, stored, want)

    check_days(stored, facts(f"{ILLINOIS}-daily.csv.gz"))
    check_bills(stored, facts(f"{ILLINOIS}-billing_monthly.csv.gz"))


def check_days(stored, want):
    """Compare with the days of the publisher.

    166 local days differ by 0.02 exactly. Which of them are "more" is decided by the last bits
    of the sums, so the figures come out only when values are added in the same order.
    """
    published = {start[:10]: value for start, value in published_rows("daily")}
    assert len(published) + 1 == want["rows"]
    days = differences(stored, "America/Chicago", published)
    assert len(days) == want["days_compared"]
    assert max(days) == near(want["max_abs_diff_vs_hourly_local_rollup"], 2)
    assert sum(off > 0.02 for off in days) == want["days_off_by_more_than_0_02"]
    utc = differences(stored, "UTC", published)
    assert sum(off > 0.02 for off in utc) == want["days_off_if_you_roll_up_by_UTC_day"]
    limit = Decimal("0.02")
    exact = differences(stored, "America/Chicago", published, number=to_decimal, add=sum)
    assert (sum(off > limit for off in exact), exact.count(limit)) == (61, 166)


def to_decimal(value):
    return Decimal(str(value))


def differences(stored, zone, published, *, number=float, add=add_in_blocks):
    days = {}
    for moment, value in zip(stored.moments(zone), stored.values, strict=True):
        days.setdefault(f"{moment:%Y-%m-%d}", []).append(number(value))
    return [abs(add(days.get(day, [])) - number(value)) for day, value in published.items()]


def published_rows(kind):
    with gzip.open(SERIES / f"{ILLINOIS}-{kind}.csv.gz", "rt") as lines:
        rows = [(row["start"], float(row["value"])) for row in csv.DictReader(lines)]
    return [(start, value) for start, value in rows if value == value]


def check_bills(stored, want):
    moments = [moment.isoformat() for moment in stored.moments("America/Chicago")]
    bills = published_rows("billing_monthly")
    assert len(bills) + 1 == want["rows"]
    index = {moment: n for n, moment in enumerate(moments)}
    # the last row has no amount: it is the end of the last period
    edges = [*(start for start, _ in bills), "2018-01-20T00:00:00-06:00"]
    starts = [index[start] for start in edges]
    sums = [stored.values[a:b].sum() for a, b in zip(starts, starts[1:], strict=False)]
    ours = dict(zip((start for start, _ in bills), sums, strict=True))
    for start, theirs, found in want["periods"]:
        assert (start, theirs) in bills
        assert ours[start] == near(found, 2)
    off = [abs(a - b) for a, (_, b) in zip(sums, bills, strict=True)]
    assert max(off) == near(want["max_abs_diff"], 2)


def test_a_school_that_knows_no_daylight_saving(importer):
    want = facts("school-hourly-2018/school_eload.rda")
    file = SERIES / "school-hourly-2018/school_eload_converted.csv"

    job = importer.import_file(file, zone="UTC-08:00")

    stored = importer.samples(ENERGY)
    assert (job.rows, job.missing, job.refused) == (want["rows"], want["nulls"], 0)
    assert len(stored.times) == want["rows"] - want["nulls"]
    assert stored.values.sum() == near(want["total_kwh"], 1) == near(want["duckdb_total_kwh"], 1)
    months = stored.sums("Etc/GMT+8", "%Y-%m")
    assert months == near_all(want["monthly_kwh"], months, 1)
    peak = stored.values.argmax()
    local = stored.moments("Etc/GMT+8")
    assert (stored.values[peak], stored.values.min()) == (want["max_kw"], want["min"])
    assert f"{local[peak]:%Y-%m-%d %H:%M:%S}" == want["max_at"]
    names = [f"{moment:%Y-%m-%d %H}" for moment in local]
    assert ("2018-03-11 02" in names) == want["has_2018_03_11_02h"]
    assert names.count("2018-11-04 01") == want["count_2018_11_04_01h"]
    week = [0.0, 0.0]
    for moment, value in zip(local, stored.values, strict=True):
        week[moment.weekday() >= 5] += float(value)
    assert week == [near(want["weekday_kwh"], 1), near(want["weekend_kwh"], 1)]
    load_factor = stored.values.sum() / len(stored.values) / stored.values.max()
    assert load_factor == near(want["load_factor"], 4)
    check_resolution(stored.values, want["resolution"])


def check_resolution(values, want):
    """The meter counted in steps of 0.8 kWh, but 80 hours are no multiple of it: there is none."""
    off = int(((values * 10).round() % 8 != 0).sum())
    assert (off, want) == (80, None)


def test_its_hour_that_does_not_exist_is_named(importer):
    file = SERIES / "school-hourly-2018/school_eload_converted.csv"

    job = importer.import_file(file, zone="America/Los_Angeles")

    from telemetry.models import ImportProblem

    problem = ImportProblem.objects.get()
    assert (job.refused, problem.code) == (1, "nonexistent_time")
    assert file.read_text().splitlines()[problem.row - 1].startswith("2018-03-11 02:00")


@pytest.mark.parametrize("name", ["test_usage_data_01.xml", "test_usage_data_1.xml"])
def test_green_button(importer, name):
    want = facts(f"green-button-espi/{name}")

    job = importer.import_file(SERIES / "green-button-espi" / name)
    again = importer.import_file(SERIES / "green-button-espi" / name)

    energy, cost = importer.samples(ENERGY), importer.samples("energy_cost_interval")
    assert (job.rows, job.stored, job.refused) == (want["intervals"], 2 * want["intervals"], 0)
    assert (again.stored, again.duplicates) == (0, 2 * want["intervals"])
    assert len(energy.times) == want["intervals"]
    assert energy.values.sum() == near(want["total_kwh"])
    assert cost.values.sum() == near(want["cost_usd_sum"], 5)
    assert energy.moments("UTC")[0].isoformat(sep=" ") == want["first_utc"]
    assert energy.moments("UTC")[-1].isoformat(sep=" ") == want["last_utc"]
    days = energy.sums("Etc/GMT+5", "%Y-%m-%d")
    assert days == near_all(want["daily_kwh"], days)
    counts = energy.counts("Etc/GMT+5", "%Y-%m-%d")
    odd = {day: count for day, count in counts.items() if count != 96}
    assert odd == want["intervals_per_local_day_not_96"]
    repeated = want["intervals"] - len(energy.times)
    assert (repeated, job.duplicates) == (want["duplicate_starts"], 0)
    assert int((energy.times[1:] <= energy.times[:-1]).sum()) == want["out_of_order"]


def test_sessions_of_chargers(importer):
    """A session is an amount of energy at its start, and hours that tell its end."""
    want = facts("ev-sessions-acn-evprof/california_ev_sessions.rda")
    file = SERIES / "ev-sessions-acn-evprof/california_ev_sessions_converted.csv.gz"
    stations = importer.add_stations(file, "ChargingStation")
    columns = [
        column(6, "ev_energy_interval", "kWh", "interval"),
        column(7, "ev_connected_time", "h", "interval"),
        column(8, "ev_charging_time", "h", "interval"),
        column(9, "ev_idle_time", "h", "interval"),
        column(11, "ev_user", "", "state"),
    ]

    job = importer.import_file(file, device_column=10, columns=columns)

    assert (job.rows, job.stored, job.refused) == (want["rows"], 5 * want["rows"], 0)
    assert len(stations) == want["stations"]
    names = [found.channel for found in columns]
    data = {name: importer.samples_of(name, stations) for name in names}
    energy = data["ev_energy_interval"]
    total = sum(s.values.sum() for s in energy)
    assert total == near(want["total_kwh"], 2) == near(want["duckdb_total_kwh"], 2)
    assert max(s.values.max() for s in energy) == want["max_kwh"]
    assert sum(int((s.values == 0).sum()) for s in energy) == want["zero_kwh"]
    users = [n for s in data["ev_user"] for n in s.values]
    assert (len(set(users)), want["rows"] - len(users)) == (want["users"], want["users_null"])
    assert sum(int((s.values < 0).sum()) for s in data["ev_idle_time"]) == want["neg_flex"]
    check_session_calendar(energy, want)
    check_session_ends(data, want)


def check_session_calendar(energy, want):
    counts, sums, months = {}, {}, {}
    for series in energy:
        for name, n in series.counts("UTC", "%Y").items():
            counts[name] = counts.get(name, 0) + n
        for name, value in series.sums("UTC", "%Y").items():
            sums[name] = sums.get(name, 0.0) + value
        for name, value in series.sums("America/Los_Angeles", "%Y-%m").items():
            months[name] = months.get(name, 0.0) + value
    assert counts == want["sessions_per_year_utc"]
    assert sums == near_all(want["kwh_per_year_utc"], sums, 2)
    expected = want["kwh_2019_by_month_LA"]
    assert {name: months[name] for name in expected} == near_all(expected, expected, 2)
    first = min(s.times[0] for s in energy)
    last = max(s.times[-1] for s in energy)
    edges = [f"{s}" for s in (want["first"], want["last"])]
    from tests.imports.conftest import Series

    found = Series([first, last], [], []).moments("UTC")
    assert [moment.isoformat(sep=" ") for moment in found] == edges


def minutes_of(series):
    """Hours have two digits and times whole minutes: their sum is the minute of the end."""
    starts = series.times // 60_000_000
    return starts, starts + (series.values * 60).round().astype("int64")


def check_session_ends(data, want):
    events, midnights, overlaps, late = [], 0, 0, 0
    connected, charged = data["ev_connected_time"], data["ev_charging_time"]
    for one, other in zip(connected, charged, strict=True):
        minutes, ends = minutes_of(one)
        late += int((minutes_of(other)[1] > ends).sum())
        overlaps += int((minutes[1:] < ends[:-1]).sum())
        midnights += int((minutes // 1440 != ends // 1440).sum())
        events += [(int(m), 1) for m in minutes] + [(int(m), -1) for m in ends]
    now, peak = 0, (0, 0)
    for minute, step in sorted(events):
        now += step
        peak = max(peak, (now, -minute))
    at = dt.datetime.fromtimestamp(-peak[1] * 60, dt.UTC)
    assert [peak[0], at.isoformat(sep=" ")] == want["peak_concurrent"]
    assert late == want["charging_end_after_connection_end"]
    assert (overlaps, midnights) == (want["overlaps_same_station"], want["crossing_utc_midnight"])
