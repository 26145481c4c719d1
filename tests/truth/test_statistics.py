"""From stored samples to the figures of a day."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.tenancy import all_tenants
from devices.models import Channel
from telemetry import partitions
from telemetry.ingest.batch import SAMPLE_DTYPE, StoredBatch, to_microseconds
from telemetry.models import ChannelDay
from telemetry.storage.dirty import work_off
from telemetry.truth.lateness import classes_of
from telemetry.truth.reactor import QualityReactor
from telemetry.truth.statistics import compute_batch, compute_days
from telemetry.truth.tally import LatenessTally
from tests.ingest.conftest import START, Bench

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = 60
LATER = START + dt.timedelta(minutes=30)


def batch(channels: list[int], times: list[dt.datetime], *, late: float = 3.0) -> StoredBatch:
    """Return a batch as the worker publishes it, received some seconds after its last value."""
    rows = np.array(
        [(c, to_microseconds(t), 5.0 + n % 7, 0) for c in channels for n, t in enumerate(times)],
        dtype=SAMPLE_DTYPE,
    )
    received = to_microseconds(times[-1]) + int(late * 1_000_000)
    return StoredBatch(rows.tobytes(), bytes(len(rows)), received)


def send(bench: Bench, minutes: range) -> None:
    """Store a value each minute before START."""
    bench.send(
        *[
            {"ts": int(START.timestamp()) - n * MINUTE, "values": {"power": 5000 + n % 7}}
            for n in minutes
        ]
    )
    bench.drain()


def channel_of(bench: Bench) -> Channel:
    with bench.team.scope():
        return Channel.objects.get(name="active_power_net")


def days() -> list[ChannelDay]:
    with all_tenants():
        return list(ChannelDay.objects.order_by("channel_id", "day"))


def test_counts_lateness_by_local_day(bench):
    channel = channel_of(bench)
    with bench.team.scope():
        type(bench.device.site).objects.update(timezone="Asia/Kolkata")
    midnight = dt.datetime(2026, 11, 20, 18, 30, tzinfo=dt.UTC)  # 00:00 at +05:30
    reactor = QualityReactor()
    reactor.react(batch([channel.id], [midnight - dt.timedelta(seconds=1)], late=0.5))
    reactor.react(batch([channel.id], [midnight, midnight + dt.timedelta(seconds=9)], late=4))
    reactor.write(now=START)
    reactor.react(batch([channel.id], [midnight + dt.timedelta(seconds=20)], late=-30))
    reactor.write(now=LATER)

    first, second = days()
    assert (first.day, second.day) == (dt.date(2026, 11, 20), dt.date(2026, 11, 21))
    assert sum(first.lateness) == 1 and first.lateness[0] == 1
    assert sum(second.lateness) == 3
    assert second.clock_offset == -30
    assert second.stale_since == START


def test_judges_days_with_news_once_the_rollups_follow(bench):
    send(bench, range(60))
    with bench.team.scope():
        Channel.objects.update(expected_interval_seconds=60)
    work_off(now=START)
    reactor = QualityReactor()
    times = [START - dt.timedelta(minutes=n) for n in reversed(range(60))]
    reactor.react(batch([channel_of(bench).id], times))
    reactor.write(now=START)

    assert compute_days(now=START) == 0
    assert compute_days(now=START + dt.timedelta(seconds=100)) == 1
    (day,) = days()
    assert day.received == 60
    assert day.completeness == pytest.approx(1.0, abs=0.03)
    assert (day.findings, day.grade, day.stale_since) == (["late"], "fair", None)
    assert day.lateness_p50 > 900
    assert compute_days(now=LATER) == 0


@pytest.mark.parametrize(
    ("known", "completeness"),
    [
        (START + dt.timedelta(days=1), 1.0),  # the day was over
        (START - dt.timedelta(minutes=30), 0.17),  # a minute apart, every ten seconds expected
    ],
)
def test_what_was_filled_in_is_not_late(bench, known, completeness):
    channel = channel_of(bench)
    with bench.team.scope():
        Channel.objects.update(created_at=known, expected_interval_seconds=10)
    send(bench, range(60))
    work_off(now=START)
    reactor = QualityReactor()
    times = [START - n * dt.timedelta(minutes=1) for n in range(59, -1, -1)]
    reactor.react(batch([channel.id], times, late=7200.0))
    reactor.write(now=START)

    compute_days(now=START + dt.timedelta(seconds=100))

    (day,) = days()
    assert day.completeness == pytest.approx(completeness, abs=0.03)
    assert day.lateness_p95 > 900
    assert "late" not in day.findings


def test_a_gap_of_the_stream_looks_at_the_last_days_again(bench):
    send(bench, range(5))
    work_off(now=START)
    reactor = QualityReactor()
    reactor.on_gap()
    reactor.flush(START.timestamp())

    assert [day.stale_since for day in days()] == [START]
    assert compute_days(now=LATER) == 1
    assert days()[0].received == 5


def test_costs_the_same_for_one_and_many_channels(bench):
    channel = channel_of(bench)
    with bench.team.scope():
        others = [
            Channel.objects.create(
                device=bench.device, name=f"extra_{n}", source=f"extra_{n}", unit="kW"
            ).id
            for n in range(30)
        ]
    partitions.ensure_partitions([partitions.week_of(START)], now=START)

    def cost(channels: list[int]) -> int:
        reactor = QualityReactor()
        reactor.react(batch(channels, [START]))
        reactor.write(now=START)
        with CaptureQueriesContext(connection) as queries:
            assert compute_batch(now=LATER) == len(channels)
        return len(queries)

    assert cost([channel.id]) == cost(others)


def test_a_deleted_channel_is_passed_by(bench):
    reactor = QualityReactor()
    reactor.react(batch([2_000_000_000], [START]))
    reactor.write(now=START)

    assert days() == []


class TestTally:
    """Against counting each value by itself."""

    @settings(suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.lists(
            st.tuples(
                st.sets(st.tuples(st.integers(1, 3), st.integers(0, 4000)), max_size=20),
                st.integers(0, 4000),
            ),
            max_size=6,
        ),
        st.sampled_from([1, 5, 60_000]),
    )
    def test_counts_every_value(self, batches, loose):
        expected: Counter[tuple[int, int, int]] = Counter()
        earliest: dict[tuple[int, int], float] = {}
        tally = LatenessTally(loose=loose)
        for points, received in batches:
            rows = np.array(
                [(c, s * 1_000_000, 1.0, 0) for c, s in sorted(points)], dtype=SAMPLE_DTYPE
            )
            tally.add(StoredBatch(rows.tobytes(), bytes(len(rows)), received * 1_000_000))
            for channel, second in points:
                key = (channel, second // 900)
                late = float(received - second)
                expected[(*key, int(classes_of(np.array([late]))[0]))] += 1
                earliest[key] = min(late, earliest.get(key, late))
        found = tally.counted()
        keys = list(zip(found.channels.tolist(), found.quarters.tolist(), strict=True))
        assert dict(zip(keys, found.earliest.tolist(), strict=True)) == earliest
        assert {
            (*key, number): count
            for key, row in zip(keys, found.classes.tolist(), strict=True)
            for number, count in enumerate(row)
            if count
        } == expected


def test_writes_once_for_many_batches(bench, django_assert_num_queries):
    channel = channel_of(bench)
    reactor = QualityReactor()
    with django_assert_num_queries(0):
        for n in range(50):
            reactor.react(batch([channel.id], [START + dt.timedelta(seconds=n)]))
            reactor.flush(START.timestamp())
    reactor.close()
    assert [sum(day.lateness) for day in days()] == [50]
