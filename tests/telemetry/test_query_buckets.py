"""Aggregation of samples into buckets, in the database."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.models import Channel
from telemetry import queries
from telemetry.figures import ChannelPlan, Window
from telemetry.quality import Quality
from telemetry.queries import QueryTooSlow, Source, read_buckets
from telemetry.rows import TRUST
from telemetry.storage import reads
from telemetry.timespec import INTERVALS, bucket_edges
from tests.factories import ChannelFactory
from tests.telemetry.samples import every, store_samples

pytestmark = pytest.mark.django_db

START = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)
RAW_SAMPLES = Source("raw", START + dt.timedelta(days=30), ZoneInfo("UTC"))


@pytest.fixture
def channel() -> Channel:
    return ChannelFactory()


def window(
    *, start: dt.datetime = START, hours: float = 3, interval: str = "1h", zone: str = "UTC",
    until: dt.datetime | None = None,
) -> Window:  # fmt: skip
    end = start + dt.timedelta(hours=hours)
    edges = bucket_edges(
        start, end, interval=INTERVALS[interval], zone=ZoneInfo(zone), limit=10_000
    )
    return Window(start, end, until or end, edges)


def read(
    channel: Channel,
    *aggregates: str,
    tenant_id: uuid.UUID | None = None,
    may_reset: bool = True,
    hold: dt.timedelta = 15 * MINUTE,
    source: Source = RAW_SAMPLES,
    **period: object,
) -> dict[str, dict[int, float | None]]:
    found = read_buckets(
        tenant_id=tenant_id or channel.tenant_id,
        plans=[ChannelPlan(channel.id, hold=hold, may_reset=may_reset)],
        window=window(**period),  # type: ignore[arg-type]
        aggregates=aggregates,
        source=source,
    )
    return {
        name: {
            position: None if math.isnan(value) else value
            for position, value in zip(cells.positions.tolist(), cells.values.tolist(), strict=True)
        }
        for (_, name), cells in found.items()
    }


def test_makes_all_numbers_of_a_bucket(channel: Channel) -> None:
    store_samples(channel, every(20 * MINUTE, START, [1, 5, 3, 10]))

    found = read(channel, "avg", "min", "max", "first", "last", "sum", "count")

    assert found == {
        "avg": {0: 3, 1: 10}, "min": {0: 1, 1: 10}, "max": {0: 5, 1: 10}, "first": {0: 1, 1: 10},
        "last": {0: 3, 1: 10}, "sum": {0: 9, 1: 10}, "count": {0: 3, 1: 1},
    }  # fmt: skip


def test_ends_before_the_end_and_begins_at_the_start(channel: Channel) -> None:
    store_samples(channel, [(START - MINUTE, 7), (START, 1), (START + 3 * HOUR, 9)])

    assert read(channel, "sum") == {"sum": {0: 1}}


def test_reads_nothing_of_another_tenant(channel: Channel) -> None:
    store_samples(channel, [(START, 1)])

    found = read(channel, "avg", "delta", "energy", tenant_id=ChannelFactory().tenant_id)

    assert found == {"avg": {}, "delta": {}, "energy": {}}
    foreign = queries.read_samples(
        tenant_id=uuid.uuid4(), channel_ids=[channel.id], start=START, end=START + HOUR, limit=9
    )
    assert len(foreign) == 0


@pytest.mark.parametrize(
    ("qualities", "worst"),
    [
        ([Quality.GOOD], "good"),
        ([Quality.GOOD, Quality.MANUAL], "manual"),
        ([Quality.MANUAL, Quality.ESTIMATED], "estimated"),
        ([Quality.UNCERTAIN, Quality.ESTIMATED], "uncertain"),
        ([Quality.BAD, Quality.UNCERTAIN], "bad"),
        ([Quality.BAD, Quality.MISSING, Quality.GOOD], "missing"),
    ],
)
def test_tells_the_worst_quality_by_trust_not_by_number(
    channel: Channel, qualities: list[Quality], worst: str
) -> None:
    store_samples(
        channel, [(START + n * MINUTE, 1, quality) for n, quality in enumerate(qualities)]
    )

    found = read_buckets(
        tenant_id=channel.tenant_id, plans=[ChannelPlan(channel.id)], window=window(),
        aggregates=["avg"], source=RAW_SAMPLES,
    )  # fmt: skip

    [cells] = found.values()
    assert [TRUST[severity].label for severity in cells.severity] == [worst]


def test_makes_no_number_from_bad_samples(channel: Channel) -> None:
    store_samples(
        channel, [(START, 2), (START + MINUTE, 65535, Quality.BAD), (START + HOUR, 9, Quality.BAD)]
    )

    found = read(channel, "avg", "max", "count", "delta")

    assert found["max"] == found["avg"] == {0: 2, 1: None}
    assert found["count"] == {0: 1, 1: 0}
    assert found["delta"] == {0: None, 1: None}


@pytest.mark.parametrize(
    ("values", "may_reset", "expected"),
    [
        # before the period, then one sample each half hour
        ([100, 101, 103, 103, 110], True, {0: 3, 1: 7}),
        ([None, 101, 103, 103, 110], True, {0: 2, 1: 7}),
        ([100, 101, 2, 3, 4], True, {0: 3, 1: 2}),  # began again: 1 + 2, then 1 + 1
        ([100, 101, 99, 98, 97], False, {0: -1, 1: -2}),  # a net total may fall
        ([100, 100, 100, 100, 100], True, {0: 0, 1: 0}),
    ],
)
def test_counts_the_rise_of_a_counter(
    channel: Channel, values: list[float | None], may_reset: bool, expected: dict[int, float]
) -> None:
    times = [START - HOUR, *(START + n * 30 * MINUTE for n in range(4))]
    store_samples(
        channel, [(at, value) for at, value in zip(times, values, strict=True) if value is not None]
    )

    assert read(channel, "delta", may_reset=may_reset)["delta"] == expected


def test_finds_the_counter_before_the_period_however_long_ago(channel: Channel) -> None:
    store_samples(channel, [(START - dt.timedelta(days=60), 40), (START + HOUR, 100)])

    assert read(channel, "delta")["delta"] == {1: 60}


def test_holds_power_until_the_next_sample_and_no_longer_than_the_limit(channel: Channel) -> None:
    store_samples(channel, [(START, 6), (START + 10 * MINUTE, 12)])

    assert read(channel, "energy")["energy"] == {0: pytest.approx(6 * 10 / 60 + 12 * 15 / 60)}


def test_shares_a_hold_between_the_buckets_it_crosses(channel: Channel) -> None:
    store_samples(channel, [(START + 50 * MINUTE, 6)])

    found = read(channel, "energy", hold=2 * HOUR)["energy"]

    assert found == {0: pytest.approx(1), 1: pytest.approx(6), 2: pytest.approx(5)}


def test_takes_over_the_sample_that_still_holds_at_the_start(channel: Channel) -> None:
    store_samples(channel, [(START - 30 * MINUTE, 100), (START - 5 * MINUTE, 6)])

    assert read(channel, "energy")["energy"] == {0: pytest.approx(6 * 10 / 60)}


def test_holds_nothing_past_the_end_or_the_present(channel: Channel) -> None:
    store_samples(channel, [(START + 55 * MINUTE, 6)])

    past_end = read(channel, "energy", hours=1)["energy"]
    past_now = read(channel, "energy", until=START + 57 * MINUTE)["energy"]

    assert past_end == {0: pytest.approx(0.5)}
    assert past_now == {0: pytest.approx(0.2)}


def test_skips_bad_power_and_lets_the_good_sample_before_it_hold(channel: Channel) -> None:
    store_samples(
        channel, [(START, 6), (START + 5 * MINUTE, 1e9, Quality.BAD), (START + 10 * MINUTE, 0)]
    )

    assert read(channel, "energy")["energy"] == {0: pytest.approx(1)}


@settings(max_examples=25, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(
    offsets=st.lists(st.integers(-3600, 4 * 3600), min_size=1, max_size=40, unique=True),
    interval=st.sampled_from(["1m", "5m", "15m", "1h", "1d"]),
    hold_seconds=st.sampled_from([60, 900, 5000]),
)
def test_buckets_add_up_to_the_energy_of_the_period(
    channel: Channel, offsets: list[int], interval: str, hold_seconds: int
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM telemetry_sample; DELETE FROM telemetry_rollup_15m")
    samples = [
        (START + dt.timedelta(seconds=offset), float(offset % 97)) for offset in sorted(offsets)
    ]
    store_samples(channel, samples)
    hold = dt.timedelta(seconds=hold_seconds)

    found = read(channel, "energy", interval=interval, hold=hold, zone="Asia/Kathmandu")["energy"]

    ends = [at for at, _ in samples[1:]] + [START + 99 * HOUR]
    total = sum(
        value * max(0.0, (min(end, at + hold, START + 3 * HOUR) - max(at, START)).total_seconds())
        for (at, value), end in zip(samples, ends, strict=True)
    )
    assert sum(found.values()) == pytest.approx(total / 3600, abs=1e-9)


ZONES = ["Europe/Berlin", "Europe/Istanbul", "Asia/Kolkata", "America/St_Johns"]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("interval", "unit"), [("1h", "hour"), ("1d", "day"), ("1w", "week"), ("1mo", "month")]
)
def test_edges_are_those_of_the_database(zone: str, interval: str, unit: str) -> None:
    start = dt.datetime(2026, 3, 20, 11, 7, tzinfo=dt.UTC)
    edges = bucket_edges(
        start, start + dt.timedelta(days=15), interval=INTERVALS[interval], zone=ZoneInfo(zone),
        limit=1000,
    )  # fmt: skip
    moments = [start + n * dt.timedelta(minutes=37) for n in range(500)]

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT date_trunc(%s, at, %s) FROM unnest(%s::timestamptz[]) AS at",
            [unit, zone, moments],
        )
        truncated = [row[0] for row in cursor.fetchall()]

    assert truncated == [max(edge for edge in edges if edge <= moment) for moment in moments]


def test_gives_up_after_the_time_limit(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    store_samples(channel, [(START, 1)])
    monkeypatch.setattr(queries, "STATEMENT_TIMEOUT_MS", 50)
    monkeypatch.setattr(reads, "_HOT", "SELECT 1::int, now(), pg_sleep(5)::text::float8, 0::int2")

    with pytest.raises(QueryTooSlow):
        queries.read_samples(
            tenant_id=channel.tenant_id, channel_ids=[channel.id], start=START, end=START + HOUR,
            limit=10,
        )  # fmt: skip
