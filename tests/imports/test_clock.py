"""Times of files: formats, offsets, hours that exist twice or never."""

import datetime as dt
from dataclasses import replace

import pytest

from telemetry.imports.clock import Clock, TimeProblem
from telemetry.imports.plan import Plan, PlanError, zone_of

LATEST = 2_000_000_000_000_000
BERLIN = Plan(zone="Europe/Berlin", interval_seconds=1800)


def read(plan, *texts, state=None):
    clock = Clock(plan, latest=LATEST, state=state)
    found = [clock.instant([text]) for text in texts]
    return [f"{dt.datetime.fromtimestamp(n / 1e6, dt.UTC):%m-%d %H:%M}" for n in found]


@pytest.mark.parametrize(
    ("format_", "text", "expected"),
    [
        ("iso", "2026-03-01T12:00:00Z", "2026-03-01 12:00"),
        ("iso", "2026-03-01 12:00:00+03:00", "2026-03-01 09:00"),
        ("iso", "2026-03-01 12:00", "2026-03-01 11:00"),
        ("iso", "2026-03-01 24:00", "2026-03-01 23:00"),
        ("iso", "2026-3-1 7:05", "2026-03-01 06:05"),
        ("dmy", "5/2/2026 00:15:00", "2026-02-04 23:15"),
        ("dmy", "05.02.26 14:15", "2026-02-05 13:15"),
        ("mdy", "5/2/2026 1:15 PM", "2026-05-02 11:15"),
        ("mdy", "5/2/2026 12:15 am", "2026-05-01 22:15"),
        ("ymd", "2026/2/5", "2026-02-04 23:00"),
        ("epoch", "1772366400", "2026-03-01 12:00"),
        ("epoch", "1772366400000", "2026-03-01 12:00"),
        ("%d %b %Y %H:%M", "01 Mar 2026 12:00", "2026-03-01 11:00"),
    ],
)
def test_formats(format_, text, expected):
    moment = Clock(replace(BERLIN, time_format=format_), latest=LATEST).instant([text])
    assert f"{dt.datetime.fromtimestamp(moment / 1e6, dt.UTC):%Y-%m-%d %H:%M}" == expected


@pytest.mark.parametrize(
    ("format_", "text", "code"),
    [
        ("iso", "20260301", "bad_time"),
        ("iso", "yesterday", "bad_time"),
        ("dmy", "31/2/2026", "bad_time"),
        ("dmy", "1/13/2026", "bad_time"),
        ("mdy", "1/2/2026 13:00 PM", "bad_time"),
        ("epoch", "-5", "bad_time"),
        ("epoch", "nan", "bad_time"),
        ("iso", "2150-01-01", "time_in_future"),
        ("iso", "1998-01-01", "time_too_old"),
        ("iso", "2026-03-29 02:30", "nonexistent_time"),
    ],
)
def test_what_is_no_time(format_, text, code):
    with pytest.raises(TimeProblem) as caught:
        Clock(replace(BERLIN, time_format=format_), latest=LATEST).instant([text])
    assert caught.value.code == code


AUTUMN = ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"]
TEXTS = [f"2026-10-25 {time}" for time in AUTUMN]
INSTANTS = [f"10-{day} {time}" for day, time in
            (("24", "23:30"), ("25", "00:00"), ("25", "00:30"), ("25", "01:00"),
             ("25", "01:30"), ("25", "02:00"))]  # fmt: skip


def test_the_hour_that_is_there_twice_goes_by_the_order_of_the_file():
    assert read(BERLIN, *TEXTS) == INSTANTS


def test_newest_first_as_well():
    plan = replace(BERLIN, order="descending")
    assert read(plan, *reversed(TEXTS)) == list(reversed(INSTANTS))


def test_hourly_rows_repeat_the_hour_at_once():
    plan = replace(BERLIN, interval_seconds=3600)
    assert read(plan, "2026-10-25 02:00", "2026-10-25 02:00") == ["10-25 00:00", "10-25 01:00"]


def test_a_row_that_stands_twice_is_no_second_hour():
    texts = ["2026-10-25 02:00", "2026-10-25 02:00", "2026-10-25 02:30", "2026-10-25 02:00"]
    assert read(BERLIN, *texts) == ["10-25 00:00", "10-25 00:00", "10-25 00:30", "10-25 01:00"]


@pytest.mark.parametrize("stop", range(1, 6))
def test_another_process_goes_on_in_the_middle_of_it(stop):
    first = Clock(BERLIN, latest=LATEST)
    for text in TEXTS[:stop]:
        first.instant([text])
    assert read(BERLIN, *TEXTS[stop:], state=dict(first.state)) == INSTANTS[stop:]


def test_an_interval_may_end_where_the_clock_goes_forward():
    plan = replace(BERLIN, stamp="end")
    assert read(plan, "2026-03-29 02:00", "2026-03-29 03:30") == ["03-29 01:00", "03-29 01:30"]


def test_times_of_day_go_past_midnight():
    plan = Plan(zone="UTC", time_format="time_of_day", date="2026-03-22")
    found = read(plan, "12:15 AM", "11:45 PM", "12:00 AM")
    assert found == ["03-22 00:15", "03-22 23:45", "03-23 00:00"]


def test_zones():
    winter = dt.datetime(2026, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None)
    assert zone_of("UTC-08:00").utcoffset(winter) == dt.timedelta(hours=-8)
    assert zone_of("+03:00").utcoffset(winter) == dt.timedelta(hours=3)
    for name in ("Mars/Olympus", "../etc/passwd", "+99:00", ""):
        with pytest.raises(PlanError):
            zone_of(name)
