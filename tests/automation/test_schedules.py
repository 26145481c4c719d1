"""Schedules by the clock on the wall: each run once, on days of every length."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.schedules.definition import BadSchedule, read_schedule, write_schedule
from automation.schedules.missed import look
from automation.schedules.occurrences import Edge, next_run, runs_between
from automation.schedules.place import Place

BERLIN, ISTANBUL = ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/Istanbul")
NEW_YORK, LORD_HOWE = ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")
AUTUMN, SPRING = dt.date(2026, 10, 25), dt.date(2026, 3, 29)
DAY = dt.timedelta(days=1)

clocks = st.times().map(lambda at: f"{at:%H:%M}")
whens = st.one_of(
    st.lists(clocks, min_size=1, max_size=4, unique=True).map(
        lambda at: {"kind": "times", "at": at}
    ),
    st.builds(
        lambda seconds, start, end: {"kind": "every", "seconds": seconds, "from": start, "to": end},
        st.integers(1200, 86_400), clocks, clocks,
    ),
    st.lists(clocks, min_size=2, max_size=2, unique=True).map(
        lambda at: {"kind": "window", "from": at[0], "to": at[1]}
    ),
    st.dates(dt.date(2026, 3, 1), dt.date(2026, 11, 30)).map(
        lambda day: {"kind": "once", "at": f"{day}T02:30"}
    ),
    st.builds(
        lambda minute, hour: {"kind": "cron", "line": f"{minute} {hour} * * *"},
        st.sampled_from(["0", "30", "*/20", "15,45"]), st.sampled_from(["*", "1-3", "2", "*/2"]),
    ),
    st.builds(
        lambda event, offset: {"kind": "sun", "event": event, "offset": offset},
        st.sampled_from(["sunrise", "sunset", "dawn", "dusk"]), st.integers(-240, 240),
    ),
)  # fmt: skip
schedules = st.builds(
    lambda when, days, holidays: {
        "when": when, "days": days if when["kind"] != "once" else [],
        "holidays": holidays, "country": "DE", "subdivision": "BY",
    },
    whens, st.lists(st.integers(1, 7), max_size=7, unique=True),
    st.sampled_from(["ignore", "skip", "only"]),
).map(read_schedule)  # fmt: skip
zones = st.sampled_from(
    [Place(ZoneInfo(name), 52.5, 13.4) for name in ("Europe/Berlin", "Europe/Istanbul",
     "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu", "UTC")]
)  # fmt: skip
moments = st.datetimes(dt.datetime(2026, 3, 1), dt.datetime(2026, 11, 30)).map(  # noqa: DTZ001
    lambda moment: moment.replace(tzinfo=dt.UTC, microsecond=0)
)


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def times(schedule, day: dt.date, zone: ZoneInfo = BERLIN) -> list[str]:
    """Return UTC times of the runs on a local day."""
    start = dt.datetime.combine(day, dt.time(), zone) - dt.timedelta(seconds=1)
    end = dt.datetime.combine(day + DAY, dt.time(), zone) - dt.timedelta(seconds=1)
    return [f"{run.at:%H:%M}" for run in runs_between(read_schedule(schedule), zone, start, end)]


def test_a_time_that_autumn_repeats_comes_once_and_at_its_first():
    daily = {"when": {"kind": "times", "at": ["02:30"]}}
    assert times(daily, AUTUMN) == ["00:30"]


def test_a_time_that_spring_leaves_out_comes_when_the_clock_jumps():
    daily = {"when": {"kind": "times", "at": ["02:30", "03:30"]}}
    assert times(daily, SPRING) == ["01:00", "01:30"]


def test_half_an_hour_is_jumped_over_as_well():
    daily = {"when": {"kind": "times", "at": ["02:15"]}}
    run = next_run(read_schedule(daily), LORD_HOWE, utc("2026-10-03T12:00"))
    assert run is not None and run.at == utc("2026-10-03T15:30")


@pytest.mark.parametrize(("day", "count"), [(AUTUMN, 25), (SPRING, 23), (SPRING + DAY, 24)])
def test_each_hour_comes_as_often_as_the_day_has_hours(day, count):
    hourly = {"when": {"kind": "every", "seconds": 3600}}
    assert len(times(hourly, day)) == count


def test_an_interval_in_a_window_begins_with_it():
    found = times(
        {"when": {"kind": "every", "seconds": 1800, "from": "08:15", "to": "10:00"}}, SPRING + DAY
    )
    assert found == ["06:15", "06:45", "07:15", "07:45"]


def test_a_window_past_midnight_belongs_to_the_day_on_which_it_begins():
    fridays = read_schedule(
        {"when": {"kind": "window", "from": "22:00", "to": "06:00"}, "days": [5]}
    )
    runs = runs_between(fridays, BERLIN, utc("2026-11-18T00:00"), utc("2026-11-24T00:00"))
    assert [(f"{run.at:%a %H:%M}", run.edge) for run in runs] == [
        ("Fri 21:00", Edge.START), ("Sat 05:00", Edge.END),
    ]  # fmt: skip


def test_what_is_over_has_no_next_run():
    once = read_schedule({"when": {"kind": "once", "at": "2026-11-20T12:00"}})
    assert next_run(once, BERLIN, utc("2026-11-20T11:00")) is None
    assert next_run(once, BERLIN, utc("2026-11-20T10:59")) is not None


@given(schedules, zones, moments, st.lists(st.integers(1, 200_000), min_size=1, max_size=30))
def test_however_often_one_looks_each_run_comes_once(schedule, zone, start, steps):
    position, found = start, []
    for seconds in steps:
        seen = look(schedule, zone, position=position, now=position + dt.timedelta(seconds=seconds))
        found += sorted([*seen.due, *seen.missed])
        assert seen.position > position
        position = seen.position

    assert found == runs_between(schedule, zone, start, position, most=100_000)
    assert len({(run.key, run.edge) for run in found}) == len(found)


@given(schedules, zones, moments)
def test_runs_are_in_order_and_after_the_moment(schedule, zone, moment):
    runs = runs_between(schedule, zone, moment, moment + 20 * DAY, most=50)
    assert [run.at for run in runs] == sorted(run.at for run in runs)
    assert all(run.at > moment for run in runs)
    assert next_run(schedule, zone, moment) == (
        runs[0] if runs else next_run(schedule, zone, moment)
    )


@given(schedules)
def test_what_is_written_is_read_again(schedule):
    assert read_schedule(write_schedule(schedule)) == schedule


def test_a_clock_that_is_set_back_repeats_nothing():
    daily = read_schedule({"when": {"kind": "times", "at": ["08:00"]}})
    seen = look(daily, BERLIN, position=utc("2026-11-20T06:00"), now=utc("2026-11-20T07:01"))
    assert len(seen.due) == 1
    again = look(daily, BERLIN, position=seen.position, now=utc("2026-11-20T06:30"))
    assert again == ([], [], seen.position)
    assert look(daily, BERLIN, position=again.position, now=utc("2026-11-20T07:02")).due == []


@pytest.mark.parametrize(
    ("policy", "due", "missed"),
    [("skip", [], 3), ("last", ["10:00"], 2), ("all", ["08:00", "09:00", "10:00"], 0)],
)
def test_what_was_missed_is_dealt_with_as_the_schedule_says(policy, due, missed):
    schedule = read_schedule(
        {"when": {"kind": "times", "at": ["08:00", "09:00", "10:00"]}, "missed": policy}
    )
    seen = look(
        schedule, ZoneInfo("UTC"), position=utc("2026-11-20T07:00"), now=utc("2026-11-20T11:00")
    )
    assert ([f"{run.at:%H:%M}" for run in seen.due], len(seen.missed)) == (due, missed)


def test_of_a_window_only_what_holds_now_is_caught_up_with():
    pump = read_schedule({"when": {"kind": "window", "from": "08:00", "to": "09:00"}})
    inside = look(
        pump, ZoneInfo("UTC"), position=utc("2026-11-20T07:00"), now=utc("2026-11-20T08:30")
    )
    over = look(
        pump, ZoneInfo("UTC"), position=utc("2026-11-20T07:00"), now=utc("2026-11-20T10:00")
    )
    assert [run.edge for run in inside.due] == [Edge.START]
    assert ([run.edge for run in over.due], [run.edge for run in over.missed]) == (
        [Edge.END],
        [Edge.START],
    )


@pytest.mark.parametrize(
    ("document", "code", "field"),
    [
        ({"when": {"kind": "times", "at": ["08:00", "08:00"]}}, "twice", "when.at"),
        ({"when": {"kind": "times", "at": ["24:00"]}}, "bad_shape", "when.at[0]"),
        ({"when": {"kind": "every", "seconds": 59}}, "bad_shape", "when.seconds"),
        ({"when": {"kind": "window", "from": "08:00", "to": "08:00"}}, "empty_window", "when.to"),
        ({"when": {"kind": "once", "at": "2026-02-30T08:00"}}, "bad_shape", "when.at"),
        ({"when": {"kind": "once", "at": "2026-11-20T08:00"}, "days": [1]}, "never", "days"),
        ({"when": {"kind": "times", "at": ["08:00"]}, "first": "2026-02-01", "last": "2026-01-01"},
         "never", "last"),
        ({"when": {"kind": "times", "at": ["08:00"]}, "dayz": [1]}, "bad_shape", ""),
        ({"when": {"kind": "cron", "line": "0 25 * * *"}}, "bad_cron", "when.line"),
        ({"when": {"kind": "cron", "line": "0 0 5 * * *"}}, "bad_cron", "when.line"),
        ({"when": {"kind": "cron", "line": "0 5 30 2 *"}}, "bad_cron", "when.line"),
        ({"when": {"kind": "sun", "event": "noon"}}, "bad_shape", "when.event"),
        ({"when": {"kind": "sun", "event": "dawn", "offset": 999}}, "bad_shape", "when.offset"),
        ({"when": {"kind": "times", "at": ["08:00"]}, "holidays": "skip"}, "no_country", "country"),
        ({"when": {"kind": "times", "at": ["08:00"]}, "country": "ZZ"}, "unknown_country",
         "country"),
        ({"when": {"kind": "times", "at": ["08:00"]}, "country": "DE", "subdivision": "34"},
         "unknown_country", "subdivision"),
        ({"when": {"kind": "times", "at": ["08:00"]}, "except": ["2026-05-01", "2026-05-01"]},
         "twice", "except"),
        ({"when": {"kind": "once", "at": "2026-05-01T08:00"}, "except": ["2026-05-01"]}, "never",
         "except"),
        (b"[", "bad_shape", ""),
        (b'{"when": "' + b"x" * 9000 + b'"}', "too_large", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_with_its_place(document, code, field):
    with pytest.raises(BadSchedule) as caught:
        read_schedule(document)
    assert (caught.value.code, caught.value.field) == (code, field)
