"""Cron lines, the sun and holidays: right on every day of a year, wherever the site is."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.schedules.definition import read_schedule
from automation.schedules.occurrences import left_out, next_run, runs_between
from automation.schedules.place import Place

BERLIN, LORD_HOWE = ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")
IZMIR = Place(ZoneInfo("Europe/Istanbul"), 38.42, 27.14)
TROMSO = Place(ZoneInfo("Europe/Oslo"), 69.65, 18.96)
DAY = dt.timedelta(days=1)
ZONES = (
    "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu",
    "America/New_York", "Pacific/Apia", "UTC",
)  # fmt: skip


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def cron(line: str, **more):
    return read_schedule({"when": {"kind": "cron", "line": line}, **more})


def of_day(schedule, place, day: str) -> list[str]:
    """Return the local times of the runs of a local day, as the clock on the wall shows them."""
    zone = place.zone if isinstance(place, Place) else place
    first = dt.date.fromisoformat(day)
    start, end = (
        dt.datetime.combine(one, dt.time(), zone) - dt.timedelta(seconds=1)
        for one in (first, first + DAY)
    )
    return [f"{run.at.astimezone(zone):%H:%M}" for run in runs_between(schedule, place, start, end)]


@pytest.mark.parametrize("line", ["30 2 * * *", "*/30 2 * * *", "0,30 1-3 * * *", "30 */2 * * *"])
@pytest.mark.parametrize("zone", [BERLIN, LORD_HOWE])
def test_a_cron_line_runs_at_no_local_time_twice_when_clocks_are_put_back(line, zone):
    day = "2026-10-25" if zone is BERLIN else "2026-04-05"
    times = of_day(cron(line), zone, day)
    assert times
    assert len(set(times)) == len(times)


@pytest.mark.parametrize(("day", "hours"), [("2026-10-25", 25), ("2026-03-29", 23)])
def test_a_cron_line_of_every_hour_goes_on_evenly(day, hours):
    assert len(of_day(cron("*/15 * * * *"), BERLIN, day)) == 4 * hours
    runs = runs_between(cron("0 * * * *"), BERLIN, utc(f"{day}T00:00") - DAY, utc(f"{day}T23:00"))
    assert {after.at - run.at for run, after in zip(runs, runs[1:], strict=False)} == {
        dt.timedelta(hours=1)
    }


def test_times_that_the_clock_jumps_over_are_one_run_when_it_jumps():
    assert of_day(cron("*/10 2 * * *"), BERLIN, "2026-03-29") == ["03:00"]


@given(
    st.sampled_from(["15 2 * * *", "0 */3 * * *", "*/20 1-2 * * 1-6", "5 0 1 * *", "45 23 * 3 0"]),
    st.sampled_from(ZONES), st.dates(dt.date(2023, 1, 1), dt.date(2029, 1, 1)),
)  # fmt: skip
def test_whatever_the_zone_a_cron_line_hits_the_times_that_it_names_once(line, name, start):
    zone, schedule = ZoneInfo(name), cron(line)
    after = dt.datetime.combine(start, dt.time(12), zone)
    runs = runs_between(schedule, zone, after, after + 40 * DAY, most=10_000)
    assert len({run.key for run in runs}) == len({run.at for run in runs}) == len(runs)
    shown = [run.at.astimezone(zone).replace(tzinfo=None) for run in runs]
    assert len(set(shown)) == len(shown)
    minute, hour = line.split()[:2]
    if minute.isdigit() and hour.isdigit():  # a time that exists is hit, one in a gap moved on
        off = [at for at in shown if f"{at:%H:%M}" != f"{int(hour):02}:{int(minute):02}"]
        assert len(off) <= 1


@pytest.mark.parametrize(
    ("line", "after", "expected"),
    [
        ("0 12 29 2 *", "2024-03-01T00:00", "2028-02-29T12:00"),
        ("0 12 29 2 *", "2096-03-01T00:00", "2104-02-29T12:00"),
        ("0 0 31 * *", "2026-02-01T00:00", "2026-03-31T00:00"),
        ("0 6 L * *", "2028-02-01T00:00", "2028-02-29T06:00"),
    ],
)
def test_leap_days_and_ends_of_months_are_found(line, after, expected):
    run = next_run(cron(line), ZoneInfo("UTC"), utc(after))
    assert run is not None
    assert run.at == utc(expected)


def test_a_day_far_ahead_is_found():
    once = read_schedule({"when": {"kind": "once", "at": "2032-02-29T12:00"}})
    run = next_run(once, ZoneInfo("UTC"), utc("2026-01-01T00:00"))
    assert run is not None
    assert run.at == utc("2032-02-29T12:00")


def test_the_sun_rises_and_sets_half_a_day_s_length_from_noon():
    # declination 23.44°, equation of time -1.8 min: noon at 13:13, the sun is up ±7 h 25 min
    rise = read_schedule({"when": {"kind": "sun", "event": "sunrise"}})
    later = read_schedule({"when": {"kind": "sun", "event": "sunset", "offset": 30}})
    assert abs(_minutes(of_day(rise, IZMIR, "2026-06-21")[0]) - _minutes("05:48")) <= 2
    assert abs(_minutes(of_day(later, IZMIR, "2026-06-21")[0]) - _minutes("21:08")) <= 2


def test_where_the_sun_does_not_set_there_is_no_run_and_it_is_said():
    sunset = read_schedule({"when": {"kind": "sun", "event": "sunset"}})
    assert of_day(sunset, TROMSO, "2026-06-21") == []
    assert left_out(sunset, TROMSO, dt.date(2026, 6, 21)) == "no_sun"
    assert left_out(sunset, TROMSO, dt.date(2026, 3, 21)) == ""
    back = next_run(sunset, TROMSO, utc("2026-06-21T00:00"))
    assert back is not None
    assert utc("2026-07-20T00:00") < back.at < utc("2026-08-01T00:00")


def test_where_nobody_knows_the_place_the_sun_sets_nothing_off():
    sunset = read_schedule({"when": {"kind": "sun", "event": "sunset"}})
    assert next_run(sunset, ZoneInfo("Europe/Oslo"), utc("2026-06-21T00:00")) is None


@given(
    st.floats(-90, 90), st.floats(-180, 180), st.sampled_from(ZONES),
    st.sampled_from(["sunrise", "sunset", "dawn", "dusk"]), st.integers(-240, 240),
    st.dates(dt.date(2026, 1, 1), dt.date(2027, 12, 31)),
)  # fmt: skip
def test_the_sun_acts_at_most_once_a_day_and_in_order_anywhere(
    latitude, longitude, zone, event, offset, start
):
    place = Place(ZoneInfo(zone), latitude, longitude)
    schedule = read_schedule({"when": {"kind": "sun", "event": event, "offset": offset}})
    after = dt.datetime.combine(start, dt.time(), dt.UTC)
    runs = runs_between(schedule, place, after, after + 10 * DAY)
    assert len(runs) <= 11
    assert [run.at for run in runs] == sorted({run.at for run in runs})
    assert len({run.key for run in runs}) == len(runs)
    for run, following in zip(runs, runs[1:], strict=False):
        assert next_run(schedule, place, run.at) == following


def test_public_holidays_are_left_out_or_the_only_days():
    document = {"when": {"kind": "times", "at": ["08:00"]}, "country": "DE"}
    skip = read_schedule({**document, "holidays": "skip", "except": ["2026-12-24"]})
    only = read_schedule({**document, "holidays": "only"})
    christmas, eve = dt.date(2026, 12, 25), dt.date(2026, 12, 24)
    assert of_day(skip, BERLIN, "2026-12-25") == []
    assert of_day(only, BERLIN, "2026-12-25") == ["08:00"]
    assert of_day(skip, BERLIN, "2026-12-24") == []
    assert of_day(skip, BERLIN, "2026-12-23") == ["08:00"]
    assert [left_out(skip, BERLIN, day) for day in (christmas, eve)] == ["holiday", "except"]
    assert left_out(only, BERLIN, eve) == "workday"


def test_holidays_of_a_part_of_a_country_count_there_alone():
    document = {"when": {"kind": "times", "at": ["08:00"]}, "country": "DE", "holidays": "skip"}
    bavaria = read_schedule({**document, "subdivision": "BY"})
    assert of_day(bavaria, BERLIN, "2026-01-06") == []
    assert of_day(read_schedule(document), BERLIN, "2026-01-06") == ["08:00"]


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return 60 * int(hours) + int(minutes)
