"""Times, periods and buckets."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.timespec import (
    INTERVALS,
    InvalidTime,
    bucket_edges,
    choose_interval,
    count_buckets,
    find_zone,
    parse_moment,
)

BERLIN = ZoneInfo("Europe/Berlin")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
NOW = dt.datetime(2026, 11, 20, 12, 34, 56, tzinfo=dt.UTC)  # a Friday, 13:34:56 in Berlin


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-11-20T12:34:56"),
        ("now-90s", "2026-11-20T12:33:26"),
        ("now-5m", "2026-11-20T12:29:56"),
        ("now+2h", "2026-11-20T14:34:56"),
        ("now-7d", "2026-11-13T12:34:56"),
        ("now-7d/d", "2026-11-12T23:00:00"),
        ("now/h", "2026-11-20T12:00:00"),
        ("now/w", "2026-11-15T23:00:00"),
        ("now/M", "2026-10-31T23:00:00"),
        ("now/mo", "2026-10-31T23:00:00"),
        ("now/y", "2025-12-31T23:00:00"),
        ("now-1M", "2026-10-20T11:34:56"),  # summer time then: the same wall clock
        ("now-2y/y", "2023-12-31T23:00:00"),
        ("2026-11-20T00:00:00Z", "2026-11-20T00:00:00"),
        ("2026-11-20t00:00:00.250z", "2026-11-20T00:00:00.250"),
        ("2026-11-20T00:00:00+03:00", "2026-11-19T21:00:00"),
        ("2026-11-20 06:30", "2026-11-20T05:30:00"),
        ("2026-11-20", "2026-11-19T23:00:00"),
        ("2026-10-25T02:30", "2026-10-25T00:30:00"),  # of a repeated hour the first
        ("0", "1970-01-01T00:00:00"),
        ("1795132800123", "2026-11-20T00:00:00.123"),
    ],
)
def test_reads_a_moment(text: str, expected: str) -> None:
    assert parse_moment(text, now=NOW, zone=BERLIN) == utc(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now/d", "2026-11-20T23:00:00"),
        ("now-1d/d", "2026-11-19T23:00:00"),
        ("now/w", "2026-11-22T23:00:00"),
        ("now/M", "2026-11-30T23:00:00"),
        ("now/y", "2026-12-31T23:00:00"),
        ("now/h", "2026-11-20T13:00:00"),
        ("now", "2026-11-20T12:34:56"),
    ],
)
def test_rounds_the_end_of_a_period_up(text: str, expected: str) -> None:
    assert parse_moment(text, now=NOW, zone=BERLIN, round_up=True) == utc(expected)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "invalid_time"),
        ("yesterday", "invalid_time"),
        ("now-7", "invalid_time"),
        ("now-7d/q", "invalid_time"),
        ("now - 7d", "invalid_time"),
        ("NOW", "invalid_time"),
        ("2026-13-01", "invalid_time"),
        ("2026-02-30T00:00:00Z", "invalid_time"),
        ("2026-11-20T00:00:00 03:00", "invalid_time"),
        ("1e12", "invalid_time"),
        ("1969-12-31T23:59:59Z", "time_out_of_range"),
        ("9999-12-31T23:59:59-14:00", "time_out_of_range"),
        ("0001-01-01", "time_out_of_range"),
        ("-1", "time_out_of_range"),
        ("999999999999999999", "time_out_of_range"),
        ("now-999999999y", "time_out_of_range"),
        ("now+999999999w", "time_out_of_range"),
        ("now-999999999h", "time_out_of_range"),
    ],
)
def test_refuses_what_is_no_moment(text: str, code: str) -> None:
    with pytest.raises(InvalidTime) as refusal:
        parse_moment(text, now=NOW, zone=BERLIN)

    assert refusal.value.code == code


def test_refuses_an_unknown_zone() -> None:
    for name in ("Mars/Olympus", "", "Europe", "../etc/passwd"):
        with pytest.raises(InvalidTime):
            find_zone(name)


def test_goes_back_by_days_on_the_wall_clock_across_a_change() -> None:
    monday = dt.datetime(2026, 3, 30, 10, 0, tzinfo=dt.UTC)  # 12:00 in Berlin, summer

    assert parse_moment("now-2d", now=monday, zone=BERLIN) == utc("2026-03-28T11:00:00")
    assert parse_moment("now-48h", now=monday, zone=BERLIN) == utc("2026-03-28T10:00:00")


def test_shortens_the_31st_to_the_end_of_a_shorter_month() -> None:
    now = dt.datetime(2026, 3, 31, 12, tzinfo=dt.UTC)

    assert parse_moment("now-1M", now=now, zone=ZoneInfo("UTC")) == utc("2026-02-28T12:00:00")


@given(text=st.text(max_size=30) | st.from_regex(r"now[+-][0-9]+[smhdwMy](/[smhdwMy])?"))
def test_reads_a_text_or_says_what_is_wrong(text: str) -> None:
    try:
        moment = parse_moment(text, now=NOW, zone=LORD_HOWE)
    except InvalidTime:
        return

    assert moment.tzinfo is dt.UTC


def lengths_hours(edges: list[dt.datetime]) -> list[float]:
    pairs = zip(edges, edges[1:], strict=False)
    return [(later - earlier).total_seconds() / 3600 for earlier, later in pairs]


@pytest.mark.parametrize(
    ("zone", "start", "days", "expected"),
    [
        ("Europe/Berlin", "2026-03-28", 3, [24, 23, 24]),
        ("Europe/Berlin", "2026-10-24", 3, [24, 25, 24]),
        ("Australia/Lord_Howe", "2026-04-04", 3, [24, 24.5, 24]),
        ("Australia/Lord_Howe", "2026-10-03", 3, [24, 23.5, 24]),
        ("America/Havana", "2026-10-31", 3, [24, 25, 24]),  # midnight itself is repeated
        ("Africa/Cairo", "2026-04-23", 3, [24, 23, 24]),  # midnight does not exist
        ("Asia/Kolkata", "2026-03-28", 2, [24, 24]),
        ("Pacific/Apia", "2011-12-29", 1, [24]),
    ],
)
def test_local_days_have_their_real_length(
    zone: str, start: str, days: int, expected: list[float]
) -> None:
    place = ZoneInfo(zone)
    first = dt.datetime.fromisoformat(start).replace(tzinfo=place)

    edges = bucket_edges(
        first, first + dt.timedelta(days=days), interval=INTERVALS["1d"], zone=place, limit=100
    )

    assert lengths_hours(edges) == expected


def test_skips_a_day_that_a_zone_skipped() -> None:
    samoa = ZoneInfo("Pacific/Apia")

    edges = bucket_edges(
        dt.datetime(2011, 12, 29, tzinfo=samoa), dt.datetime(2012, 1, 1, tzinfo=samoa),
        interval=INTERVALS["1d"], zone=samoa, limit=100,
    )  # fmt: skip

    assert [edge.astimezone(samoa).day for edge in edges] == [29, 31, 1]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_day_has_as_many_hours_as_the_clock_goes_round(day: str, hours: int) -> None:
    start = dt.datetime.fromisoformat(day).replace(tzinfo=BERLIN)

    edges = bucket_edges(
        start, start + dt.timedelta(days=1), interval=INTERVALS["1h"], zone=BERLIN, limit=100
    )

    assert lengths_hours(edges) == [1.0] * hours


def test_half_an_hour_set_back_ends_a_bucket_and_keeps_full_hours_after_it() -> None:
    start = dt.datetime(2026, 4, 5, tzinfo=LORD_HOWE)

    edges = bucket_edges(
        start, start + dt.timedelta(hours=4), interval=INTERVALS["1h"], zone=LORD_HOWE, limit=100
    )

    shown = [edge.astimezone(LORD_HOWE).strftime("%H:%M %z") for edge in edges]
    assert shown == [
        "00:00 +1100", "01:00 +1100", "01:30 +1030", "02:00 +1030", "03:00 +1030", "04:00 +1030",
    ]  # fmt: skip


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    start, end = utc("2026-11-20T00:00:00"), utc("2027-01-10T00:00:00")

    weeks = bucket_edges(start, end, interval=INTERVALS["1w"], zone=BERLIN, limit=100)
    months = bucket_edges(start, end, interval=INTERVALS["1mo"], zone=BERLIN, limit=100)

    assert {edge.astimezone(BERLIN).weekday() for edge in weeks} == {0}
    assert [edge.astimezone(BERLIN).strftime("%d.%m. %H:%M") for edge in months] == [
        "01.11. 00:00", "01.12. 00:00", "01.01. 00:00", "01.02. 00:00",
    ]  # fmt: skip


ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "Europe/Istanbul", "Asia/Kathmandu", "Australia/Lord_Howe",
     "America/Havana", "America/St_Johns", "Africa/Casablanca", "Pacific/Apia"]
)  # fmt: skip

MOMENTS = st.integers(31_536_000, 2_114_380_800).map(
    lambda seconds: dt.datetime.fromtimestamp(seconds, dt.UTC)
)


@given(
    zone=ZONES.map(ZoneInfo),
    interval=st.sampled_from(sorted(INTERVALS)).map(INTERVALS.__getitem__),
    start=MOMENTS,
    seconds=st.integers(1, 40 * 86_400),
)
def test_buckets_cover_the_period_without_gap_or_overlap(zone, interval, start, seconds) -> None:  # type: ignore[no-untyped-def]
    end = start + dt.timedelta(seconds=seconds)

    edges = bucket_edges(start, end, interval=interval, zone=zone, limit=500)

    assert edges[0] <= start < edges[1]
    assert all(earlier < later for earlier, later in zip(edges, edges[1:], strict=False))
    assert edges[-1] >= end or len(edges) == 501
    assert len(edges) < 2 or edges[-2] < end


@given(
    zone=ZONES.map(ZoneInfo),
    start=MOMENTS,
    seconds=st.integers(1, 10 * 365 * 86_400),
    max_points=st.integers(1, 300),
)
def test_chooses_the_narrowest_interval_that_fits(zone, start, seconds, max_points) -> None:  # type: ignore[no-untyped-def]
    end = start + dt.timedelta(seconds=seconds)

    chosen = choose_interval(start, end, zone=zone, max_points=max_points)

    counts = {
        name: count_buckets(start, end, interval=interval, zone=zone, limit=max_points)
        for name, interval in INTERVALS.items()
    }
    fitting = [name for name, count in counts.items() if count <= max_points]
    assert (chosen.name if chosen else None) == (fitting[0] if fitting else None)
