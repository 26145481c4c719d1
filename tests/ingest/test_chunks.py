"""A round that is committed in several chunks."""

import datetime as dt
import random

import psycopg
import pytest

from energy.lib.redis import key
from telemetry.ingest import chunk, worker
from telemetry.ingest.batch import decode_stored
from telemetry.ingest.store import SampleStore
from telemetry.models import LatestValue
from tests.ingest.conftest import START, Bench

pytestmark = pytest.mark.django_db(transaction=True)

T0 = int(START.timestamp())


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Make chunks of one entry, so that one round has many."""
    monkeypatch.setattr(chunk, "MAX_MESSAGES", 1)


def entries_of(bench: Bench, numbers: list[int]) -> None:
    """Send one entry for each number: a second, and ten watts for each."""
    for number in numbers:
        bench.send({"ts": T0 + number, "values": {"power": number * 10}})


def test_chunks_of_one_round_are_all_stored_whatever_their_order(bench):
    bench.now = START + dt.timedelta(minutes=1)
    numbers = random.Random(3).sample(range(18), 18)
    entries_of(bench, numbers)

    bench.worker.run_once()

    assert [row[1:3] for row in bench.samples()] == [(n, n / 100) for n in range(18)]
    with bench.team.scope():
        newest = LatestValue.objects.get(channel__name="active_power_net")
    assert newest.value == pytest.approx(0.17)


def test_batches_reach_the_reactors_in_the_order_of_the_stream(bench):
    bench.now = START + dt.timedelta(minutes=1)
    entries_of(bench, [0, 1, 2, 3])

    bench.worker.run_once()

    stored = [fields[b"b"] for _id, fields in bench.redis.xrange(key("samples"))]
    times = [int(decode_stored(data).samples()["time"][0]) for data in stored]
    assert times == sorted(times)
    assert len(times) == 4


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_chunk_that_cannot_be_written_is_written_later(bench, monkeypatch, failing):
    bench.now = START + dt.timedelta(minutes=1)
    entries_of(bench, [0, 1, 2])
    write, calls = SampleStore.write, []

    def fail_once(self, change):
        calls.append(change)
        if len(calls) == failing:
            raise psycopg.OperationalError("the server closed the connection")
        return write(self, change)

    monkeypatch.setattr(SampleStore, "write", fail_once)

    with pytest.raises(psycopg.OperationalError):
        bench.worker.run_once()
    bench.drain()

    assert [row[1] for row in bench.samples()] == [0, 1, 2]
    assert bench.reasons() == []


def test_a_message_that_breaks_its_chunk_leaves_the_other_chunks_alone(bench, monkeypatch):
    bench.now = START + dt.timedelta(minutes=1)
    entries_of(bench, [0, 1, 2])
    add = worker.Collector.add

    def break_one(self, index, envelope, source):
        if b'"power": 10}' in envelope.payload:
            raise RuntimeError("a fault of ours")
        return add(self, index, envelope, source)

    monkeypatch.setattr(worker.Collector, "add", break_one)
    bench.drain()

    assert [row[1] for row in bench.samples()] == [0, 2]
    assert bench.reasons() == ["internal_error"]
