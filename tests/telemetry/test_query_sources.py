"""Answers are the same from samples and from rollups, and together where pieces meet."""

from __future__ import annotations

import datetime as dt
import math
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.models import Channel
from telemetry.figures import Cells, ChannelPlan, ValuesTooLarge, Window
from telemetry.quality import Quality
from telemetry.queries import Source, cut_pieces, read_buckets
from telemetry.sources import choose_source
from telemetry.timespec import INTERVALS, bucket_edges
from tests.factories import ChannelFactory, DeviceFactory, SiteFactory
from tests.telemetry.samples import store_samples

pytestmark = pytest.mark.django_db

ZONE = ZoneInfo("Europe/Berlin")
# the clock is set back in the night to 25 October: a day of 25 hours
START = dt.datetime(2026, 10, 23, 22, tzinfo=dt.UTC)
END = START + dt.timedelta(days=4, hours=1)
MINUTE = dt.timedelta(minutes=1)
ALL = ("avg", "min", "max", "sum", "count", "first", "last", "delta", "energy")
LATER = END + dt.timedelta(days=9)


@pytest.fixture
def channel() -> Channel:
    site = SiteFactory(timezone="Europe/Berlin")
    return ChannelFactory(device=DeviceFactory(site=site, tenant=site.tenant))


def window(interval: str, start: dt.datetime = START, end: dt.datetime = END) -> Window:
    edges = bucket_edges(start, end, interval=INTERVALS[interval], zone=ZONE, limit=10_000)
    return Window(start, end, end, edges)


def read(
    channel: Channel, source: str, period: Window, *, settled: dt.datetime = LATER,
    aggregates: tuple[str, ...] = ALL, may_reset: bool = True,
) -> dict[str, dict[int, float]]:  # fmt: skip
    found = read_buckets(
        tenant_id=channel.tenant_id, plans=[ChannelPlan(channel.id, may_reset=may_reset)],
        window=period, aggregates=aggregates, source=Source(source, settled, ZONE),
    )  # fmt: skip
    return {name: as_dict(cells) for (_, name), cells in found.items()}


def as_dict(cells: Cells) -> dict[int, float]:
    pairs = zip(cells.positions.tolist(), cells.values.tolist(), strict=True)
    return {position: value for position, value in pairs if not math.isnan(value)}


def agree(found: dict[str, dict[int, float]], expected: dict[str, dict[int, float]]) -> bool:
    return all(
        found[name] == pytest.approx(expected[name], rel=1e-9, abs=1e-6) for name in expected
    )


@settings(max_examples=12, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(
    missing=st.sets(st.integers(0, 4 * 288), max_size=400),
    cut=st.tuples(st.integers(0, 70), st.integers(0, 70)),
    settled=st.sampled_from([LATER, END - dt.timedelta(hours=30), END - dt.timedelta(minutes=7)]),
    interval=st.sampled_from(["15m", "1h", "1d"]),
)
def test_rollups_answer_what_samples_answer(
    channel: Channel, missing: set[int], cut: tuple[int, int], settled: dt.datetime, interval: str
) -> None:
    """Samples come every five minutes, so that energy within a quarter hour is exact too."""
    with connection.cursor() as cursor:
        for table in ("sample", "rollup_15m", "rollup_day"):
            cursor.execute(f"DELETE FROM telemetry_{table}")
    # whole quarters are missing, or samples at their ends
    steps = [n for n in range(4 * 288 + 12) if n // 3 not in missing]
    store_samples(
        channel, [(START + n * 5 * MINUTE, float((n * 37) % 101)) for n in steps] or [(START, 1.0)]
    )
    period = window(interval, START + cut[0] * MINUTE, END - cut[1] * MINUTE)
    # a counter that falls within a rollup is known only by its peak
    exact = tuple(name for name in ALL if name != "delta")
    expected = read(channel, "raw", period, aggregates=exact)

    assert agree(read(channel, "15m", period, settled=settled, aggregates=exact), expected)
    for few in (
        ("avg",),
        ("sum", "min", "max", "count"),
        ("count",),
        ("first", "last"),
        ("energy",),
    ):
        found = read(channel, "15m", period, settled=settled, aggregates=few)
        assert agree(found, {name: expected[name] for name in few})
    if interval == "1d":
        of_days = read(channel, "1d", period, settled=settled, aggregates=exact[:-1])
        assert agree(of_days, {name: expected[name] for name in of_days})


@pytest.mark.parametrize("source", ["15m", "1d"])
def test_a_counter_rises_alike_from_rollups_also_where_it_began_again(
    channel: Channel, source: str
) -> None:
    values = [n * 0.5 if n < 300 else (n - 300) * 0.25 for n in range(400)]
    store_samples(channel, [(START + n * 10 * MINUTE, value) for n, value in enumerate(values)])
    period = window("1d")

    raw = read(channel, "raw", period, aggregates=("delta",))
    rolled = read(channel, source, period, aggregates=("delta",))

    assert agree(rolled, raw)
    assert sum(raw["delta"].values()) == pytest.approx(299 * 0.5 + 99 * 0.25)


def test_the_day_of_25_hours_is_one_exact_bucket(channel: Channel) -> None:
    store_samples(channel, [(START + n * 15 * MINUTE, 2.0) for n in range(4 * 97)])

    for source in ("raw", "15m", "1d"):
        found = read(channel, source, window("1d"), aggregates=("count", "energy"))

        assert found["count"] == {0: 96, 1: 100, 2: 96, 3: 96}
        assert found["energy"] == pytest.approx({0: 48, 1: 50, 2: 48, 3: 48})


def test_a_counter_goes_on_from_long_before(channel: Channel) -> None:
    store_samples(channel, [(START - dt.timedelta(days=400), 40.0), (START + MINUTE, 100.0)])

    for source in ("raw", "15m", "1d"):
        assert read(channel, source, window("1d"), aggregates=("delta",))["delta"] == {0: 60}


def test_doubtful_rollups_are_uncertain_and_bad_values_are_in_none(channel: Channel) -> None:
    store_samples(
        channel,
        [(START, 1.0), (START + 20 * MINUTE, 1.0, Quality.ESTIMATED),
         (START + 40 * MINUTE, 9.0, Quality.BAD)],
    )  # fmt: skip
    found = read_buckets(
        tenant_id=channel.tenant_id, plans=[ChannelPlan(channel.id)], window=window("15m"),
        aggregates=["max"], source=Source("15m", LATER, ZONE),
    )  # fmt: skip

    [cells] = found.values()
    assert (cells.positions.tolist(), cells.severity.tolist()) == ([0, 1], [0, 3])

    merged = read_buckets(
        tenant_id=channel.tenant_id, plans=[ChannelPlan(channel.id)], window=window("1h"),
        aggregates=["max"], source=Source("15m", LATER, ZONE),
    )  # fmt: skip

    [cells] = merged.values()
    assert (cells.values.tolist(), cells.severity.tolist(), cells.counts.tolist()) == (
        [1],
        [3],
        [2],
    )


def test_a_sum_that_no_number_holds_is_not_hidden_by_its_neighbours(channel: Channel) -> None:
    store_samples(channel, [(START, 1e300), (START + 20 * MINUTE, 1.0)])

    with pytest.raises(ValuesTooLarge):
        read(channel, "15m", window("1h"), aggregates=("avg",))
    assert read(channel, "15m", window("1h"), aggregates=("max",))["max"] == {0: 1e300}


@pytest.mark.parametrize(
    ("source", "settled", "expected"),
    [
        ("raw", LATER, ["raw"]),
        ("15m", LATER, ["raw", "15m", "raw"]),
        ("15m", START, ["raw"]),
        ("1d", LATER, ["raw", "15m", "1d", "15m", "raw"]),
        ("1d", START + dt.timedelta(hours=30), ["raw", "15m", "raw"]),
    ],
)
def test_pieces_cover_the_period_once(
    source: str, settled: dt.datetime, expected: list[str]
) -> None:
    period = window("15m", START + 7 * MINUTE, END + 20 * MINUTE)

    pieces = list(cut_pieces(period, Source(source, settled, ZONE)))

    assert [name for name, _, _ in pieces] == expected
    assert pieces[0][1] == START
    assert pieces[-1][2] == period.end
    assert all(before[2] == after[1] for before, after in zip(pieces, pieces[1:], strict=False))


def test_chooses_samples_while_they_are_few_and_kept(channel: Channel) -> None:
    store_samples(channel, [(START, 1.0)])

    def chosen(interval: str, *, number: int = 1, kept: int = 730, agg: str = "avg") -> str:
        plans = [ChannelPlan(channel.id, expected=MINUTE)] * number
        return choose_source(
            plans, window(interval), interval=INTERVALS[interval], zone=ZONE,
            kept=dt.timedelta(days=kept), now=LATER, aggregates=[agg],
        ).name  # fmt: skip

    assert chosen("1h") == chosen("1d") == "raw"
    assert chosen("5m", number=100) == "raw"
    assert chosen("1h", number=100) == chosen("1h", kept=1) == "15m"
    assert chosen("1d", number=100) == "1d"
    assert chosen("1d", number=100, agg="energy") == "15m"
