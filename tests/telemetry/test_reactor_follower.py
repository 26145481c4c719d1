"""The frame around reactors: delivery, failures, gaps, trimming, one active copy."""

from __future__ import annotations

import numpy as np
import pytest
from django.db import OperationalError
from redis import Redis
from redis.exceptions import ConnectionError as RedisUnavailable

from energy.lib.redis import key
from telemetry.ingest.batch import SAMPLE_DTYPE, StoredBatch, encode_stored
from telemetry.reactors.base import Reactor
from telemetry.reactors.follower import GIVEN_UP, MAX_TRIES, Follower
from telemetry.reactors.stream import GroupReader, parse_id

START = 1_795_000_000.0


def make_batch(value: float) -> StoredBatch:
    rows = np.array([(1, 1, value, 0)], dtype=SAMPLE_DTYPE)
    return StoredBatch(rows.tobytes(), b"\1", 1)


class Recorder(Reactor):
    """Remembers what it saw; fails as told."""

    name = "recorder"

    def __init__(self) -> None:
        self.seen: list[float] = []
        self.flushed: list[list[float]] = []
        self.gaps = 0
        self.failures: dict[float, Exception] = {}
        self.flush_failure: Exception | None = None

    def react(self, batch: StoredBatch) -> None:
        value = float(batch.samples()["value"][0])
        if value in self.failures:
            raise self.failures[value]
        self.seen.append(value)

    def flush(self, now: float) -> None:
        if self.flush_failure and self.seen:
            raise self.flush_failure
        self.flushed.append(list(self.seen))

    def on_gap(self) -> None:
        self.gaps += 1

    def wait_seconds(self) -> float:
        return 0.0


class News(Recorder):
    """Cares for the present only."""

    name = "news"
    starts_at = "$"
    skips_backlog = True


class Bench:
    """A stream and the reactors on it, with a clock of their own."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.stream = key("samples")
        self.now = START

    def add(self, *values: float, **options) -> list[bytes]:
        entries = [{b"b": encode_stored(make_batch(value))} for value in values]
        return [self.redis.xadd(self.stream, entry, **options) for entry in entries]

    def follow(self, reactor: Reactor, *, holder: str = "one", consumer: str = "1") -> Follower:
        return Follower(reactor, self.redis, consumer=consumer, holder=holder)

    def run(self, follower: Follower, rounds: int = 2, *, seconds: float = 0.1) -> None:
        for _ in range(rounds):
            self.now += seconds
            follower.round(now=self.now, block=False)

    def pending(self, group: str = "recorder") -> int:
        return self.redis.xpending(self.stream, group)["pending"]


@pytest.fixture
def bench(redis: Redis) -> Bench:
    return Bench(redis)


def test_every_batch_arrives_once_in_order_and_is_acknowledged(bench):
    reactor = Recorder()
    bench.add(*range(40))

    bench.run(bench.follow(reactor), rounds=5)

    assert reactor.seen == list(range(40))
    assert bench.pending() == 0


def test_entries_are_acknowledged_only_after_the_flush(bench):
    reactor = Recorder()
    reactor.flush_failure = ValueError("not now")
    bench.add(1.0)
    follower = bench.follow(reactor)

    bench.run(follower, rounds=1)  # reads what is pending: nothing
    with pytest.raises(ValueError, match="not now"):
        bench.run(follower, rounds=1)

    assert bench.pending() == 1
    reactor.flush_failure = None
    bench.run(follower)
    assert reactor.seen == [1.0, 1.0]
    assert bench.pending() == 0


def test_a_killed_copy_leaves_its_batches_to_the_next(bench):
    dead = Recorder()
    reader = GroupReader(bench.redis, bench.stream, group="recorder", consumer="dead", field=b"b")
    reader.create_group("0")
    bench.add(1.0, 2.0)
    reader.read_new(count=10, block_ms=1)
    bench.redis.xclaim(
        bench.stream, "recorder", "dead", 0,
        [entry["message_id"] for entry in
         bench.redis.xpending_range(bench.stream, "recorder", "-", "+", 10)],
        idle=6000,
    )  # fmt: skip

    bench.run(bench.follow(dead, consumer="alive"))

    assert dead.seen == [1.0, 2.0]
    assert bench.pending() == 0


def test_a_restarted_copy_reads_its_own_pending_batches_at_once(bench):
    reactor = Recorder()
    reader = GroupReader(bench.redis, bench.stream, group="recorder", consumer="1", field=b"b")
    reader.create_group("0")
    bench.add(1.0)
    reader.read_new(count=10, block_ms=1)

    bench.run(bench.follow(reactor), rounds=1)

    assert reactor.seen == [1.0]


class TestFailures:
    def test_a_bad_batch_is_tried_five_times_and_never_stops_the_others(self, bench):
        reactor = Recorder()
        reactor.failures[2.0] = ValueError("bad")
        before = GIVEN_UP.labels("recorder")._value.get()
        bench.add(1.0, 2.0, 3.0)
        follower = bench.follow(reactor)

        bench.run(follower, rounds=2)
        assert reactor.seen == [1.0, 3.0]
        assert bench.pending() == 1
        bench.run(follower, rounds=MAX_TRIES, seconds=1.1)

        assert bench.pending() == 0
        assert GIVEN_UP.labels("recorder")._value.get() == before + 1

    def test_a_batch_that_recovers_is_done(self, bench):
        reactor = Recorder()
        reactor.failures[2.0] = ValueError("not yet")
        bench.add(2.0)
        follower = bench.follow(reactor)
        bench.run(follower)

        reactor.failures.clear()
        bench.run(follower, seconds=1.1)

        assert reactor.seen == [2.0]
        assert bench.pending() == 0

    def test_bytes_that_are_no_batch_are_given_up_too(self, bench):
        reactor = Recorder()
        bench.redis.xadd(bench.stream, {b"b": b"rubbish"})
        bench.add(1.0)
        follower = bench.follow(reactor)

        bench.run(follower, rounds=MAX_TRIES + 2, seconds=1.1)

        assert reactor.seen == [1.0]
        assert bench.pending() == 0

    def test_an_unavailable_database_is_no_try(self, bench):
        reactor = Recorder()
        reactor.failures[1.0] = OperationalError("server closed the connection")
        bench.add(1.0)
        follower = bench.follow(reactor)
        bench.run(follower, rounds=1)
        for _ in range(MAX_TRIES * 2):
            with pytest.raises(OperationalError):
                bench.run(follower, rounds=1, seconds=1.1)

        reactor.failures.clear()
        bench.run(follower)

        assert reactor.seen == [1.0]
        assert bench.pending() == 0

    def test_redis_that_does_not_answer_is_waited_for(self, bench, monkeypatch):
        reactor = Recorder()
        follower = bench.follow(reactor)
        bench.run(follower)

        def refuse(*args, **kwargs):
            raise RedisUnavailable("connection refused")

        with monkeypatch.context() as patch:
            patch.setattr(follower._reader, "read_pending", refuse)
            patch.setattr(follower._reader, "read_new", refuse)
            assert not follower.round(now=bench.now + 1, block=False)
        bench.add(1.0)
        bench.run(follower)

        assert reactor.seen == [1.0]


class TestGaps:
    def test_the_first_round_is_no_gap(self, bench):
        reactor = Recorder()
        bench.add(1.0)

        bench.run(bench.follow(reactor))

        assert reactor.gaps == 0

    def test_trimming_beyond_the_position_is_noticed(self, bench):
        reactor = Recorder()
        follower = bench.follow(reactor)
        bench.add(1.0)
        bench.run(follower)

        bench.add(2.0, 3.0, 4.0)
        bench.redis.xtrim(bench.stream, maxlen=1, approximate=False)
        bench.run(follower)

        assert reactor.seen == [1.0, 4.0]
        assert reactor.gaps == 1

    def test_own_trimming_is_no_gap(self, bench):
        reactor = Recorder()
        follower = bench.follow(reactor)
        for value in range(20):
            bench.add(float(value))
            bench.run(follower, seconds=1.1)

        assert reactor.seen == list(range(20))
        assert reactor.gaps == 0

    def test_pending_batches_that_were_trimmed_are_noticed(self, bench):
        reactor = Recorder()
        reader = GroupReader(bench.redis, bench.stream, group="recorder", consumer="1", field=b"b")
        reader.create_group("0")
        bench.add(1.0, 2.0)
        reader.read_new(count=10, block_ms=1)
        bench.redis.xtrim(bench.stream, maxlen=1, approximate=False)

        bench.run(bench.follow(reactor))

        assert reactor.seen == [2.0]
        assert reactor.gaps == 1
        assert bench.pending() == 0

    def test_a_lost_group_is_made_again(self, bench):
        reactor = Recorder()
        follower = bench.follow(reactor)
        bench.add(1.0)
        bench.run(follower)

        bench.redis.delete(bench.stream)
        bench.add(2.0)
        bench.run(follower, rounds=3)

        assert reactor.seen == [1.0, 2.0]
        assert reactor.gaps == 1


class TestTrimming:
    def test_what_all_groups_have_done_is_deleted_but_the_last(self, bench):
        reactor = Recorder()
        ids = bench.add(*range(10))

        bench.run(bench.follow(reactor), rounds=3, seconds=1.1)

        assert [entry for entry, _ in bench.redis.xrange(bench.stream)] == ids[-1:]

    def test_the_slowest_group_keeps_its_entries(self, bench):
        slow = GroupReader(bench.redis, bench.stream, group="slow", consumer="1", field=b"b")
        slow.create_group("0")
        ids = bench.add(*range(10))
        slow.read_new(count=3, block_ms=1)
        slow.acknowledge(ids[:2])

        bench.run(bench.follow(Recorder()), rounds=3, seconds=1.1)

        assert [entry for entry, _ in bench.redis.xrange(bench.stream)] == ids[2:]

    def test_a_group_that_never_read_keeps_everything(self, bench):
        bench.add(1.0, 2.0)
        GroupReader(bench.redis, bench.stream, group="slow", consumer="1", field=b"b").create_group(
            "0"
        )

        bench.run(bench.follow(Recorder()), rounds=3, seconds=1.1)

        assert bench.redis.xlen(bench.stream) == 2

    @pytest.mark.parametrize(
        ("smaller", "larger"), [(b"5-1", b"5-2"), (b"5-10", b"40-1"), ("9-9", b"10-0")]
    )
    def test_ids_compare_as_numbers(self, smaller, larger):
        assert parse_id(smaller) < parse_id(larger)


class TestBacklog:
    def test_a_reactor_of_news_starts_with_news(self, bench):
        reactor = News()
        bench.add(1.0)
        follower = bench.follow(reactor)
        bench.run(follower)

        bench.add(2.0)
        bench.run(follower)

        assert reactor.seen == [2.0]

    def test_a_reactor_of_news_skips_what_it_missed(self, bench):
        first = bench.follow(News())
        bench.run(first)
        first.close()
        bench.add(1.0)

        reactor = News()
        follower = bench.follow(reactor)
        bench.run(follower)
        bench.add(2.0)
        bench.run(follower)

        assert reactor.seen == [2.0]
        assert bench.pending("news") == 0


class TestLease:
    def test_only_one_copy_is_active(self, bench):
        active, idle = Recorder(), Recorder()
        first, second = bench.follow(active), bench.follow(idle, holder="two")
        bench.add(1.0)

        bench.run(first)
        assert not second.round(now=bench.now, block=False)

        assert (active.seen, idle.seen) == ([1.0], [])

    def test_a_copy_that_ends_hands_over_at_once(self, bench):
        reactor = Recorder()
        first, second = bench.follow(Recorder()), bench.follow(reactor, holder="two")
        bench.run(first)
        first.close()
        bench.add(1.0)

        bench.run(second)

        assert reactor.seen == [1.0]

    def test_a_killed_copy_is_replaced_when_its_lease_runs_out(self, bench):
        reactor = Recorder()
        first, second = bench.follow(Recorder()), bench.follow(reactor, holder="two")
        bench.run(first)
        bench.add(1.0)
        assert 0 < bench.redis.pttl(key("lease:reactor:recorder")) <= 3000

        bench.redis.delete(key("lease:reactor:recorder"))
        bench.run(second)

        assert reactor.seen == [1.0]

    def test_a_copy_that_lost_and_regained_the_lease_knows_of_a_gap(self, bench):
        reactor = Recorder()
        first = bench.follow(reactor)
        bench.run(first)
        bench.redis.set(key("lease:reactor:recorder"), "two")
        bench.run(first, rounds=1, seconds=1.0)
        bench.redis.delete(key("lease:reactor:recorder"))

        bench.run(first, rounds=1, seconds=1.0)

        assert reactor.gaps == 1
