"""F09, F17, F18, F19: PostgreSQL and Redis die, freeze and fill up under load."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from tests.faults.harness import Stopwatch, memory_of, wait_until
from tests.faults.ledger import in_portions
from tests.faults.oracle import FLAWLESS, settle, wait_until_stored
from tests.pace import assert_within

pytestmark = pytest.mark.faults

RATE = 2000
PORTION = 2500
RECOVERY_SECONDS = 5.0
MIB = 1024 * 1024


def test_three_crashes_of_postgresql_lose_nothing(plant, fleet, note):
    recoveries = []
    portions = threading.Semaphore(1)
    messages = in_portions(fleet.messages(7 * PORTION), portions, size=PORTION)
    with plant.publisher() as publisher:
        publisher.publish_in_background(messages, rate=RATE)
        plant.wait_for_commit(fleet, since=0)
        for down_seconds in (0, 0, 8):
            portions.release()
            time.sleep(0.4)
            plant.stack.kill("postgres")
            time.sleep(down_seconds)
            plant.stack.restart("postgres")
            watch = Stopwatch(plant.worker)
            portions.release()  # the worker may have stored all others by now
            recoveries.append(watch.stop(plant.wait_for_commit(fleet, since=watch.started_at)))
        verdict = settle(plant, fleet, publisher)
    note(messages=7 * PORTION, verdict=verdict, recoveries=", ".join(map(str, recoveries)))

    assert verdict == FLAWLESS
    assert_within(max(took.own for took in recoveries), RECOVERY_SECONDS)


@pytest.mark.parametrize("down_seconds", [0, 4])
def test_a_killed_durable_redis_loses_nothing_it_acknowledged(plant, fleet, note, down_seconds):
    processes = plant.listener.pid, plant.worker.pid
    portions = threading.Semaphore(4)
    messages = in_portions(fleet.messages(5 * PORTION), portions, size=PORTION)
    with plant.publisher() as publisher:
        publisher.publish_in_background(messages, rate=RATE)
        plant.wait_for_commit(fleet, since=0)
        plant.stack.kill("redis_durable")
        time.sleep(down_seconds)
        plant.stack.restart("redis_durable")
        watch = Stopwatch(plant.listener, plant.worker)
        portions.release()
        took = watch.stop(plant.wait_for_commit(fleet, since=watch.started_at))
        verdict = settle(plant, fleet, publisher)
    note(messages=5 * PORTION, down=down_seconds, verdict=verdict, recovery=took)

    assert verdict == FLAWLESS
    assert_within(took.own, RECOVERY_SECONDS)
    assert (plant.listener.pid, plant.worker.pid) == processes
    if down_seconds:
        assert "Reading stops until the buffer takes messages" in plant.listener.output()


def test_a_frozen_durable_redis_loses_nothing(plant, fleet, note):
    portions = threading.Semaphore(2)
    messages = in_portions(fleet.messages(3 * PORTION), portions, size=PORTION)
    with plant.publisher() as publisher:
        publisher.publish_in_background(messages, rate=RATE)
        plant.wait_for_commit(fleet, since=0)
        plant.stack.freeze("redis_durable")
        time.sleep(7)  # longer than any timeout of ours
        plant.stack.cont("redis_durable")
        watch = Stopwatch(plant.listener, plant.worker)
        portions.release()
        took = watch.stop(plant.wait_for_commit(fleet, since=watch.started_at))
        verdict = settle(plant, fleet, publisher)
    note(messages=3 * PORTION, verdict=verdict, recovery=took)

    assert verdict == FLAWLESS
    assert_within(took.own, RECOVERY_SECONDS)


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_ingest_does_not_need_the_ephemeral_redis(plant, fleet, note, fault):
    getattr(plant.stack, fault)("redis_ephemeral")
    try:
        time.sleep(2.5)  # the next sign of life is due
        watch = Stopwatch(plant.listener, plant.worker)
        with plant.publisher() as publisher:
            publisher.publish(fleet.messages(5_000), rate=RATE)
            verdict = settle(plant, fleet, publisher)
        took = watch.stop(time.time())
    finally:
        plant.stack.restart("redis_ephemeral")
    note(fault=fault, messages=5_000, verdict=verdict, took=took)

    assert verdict == FLAWLESS
    assert_within(took.own, 5_000 / RATE + RECOVERY_SECONDS)


def test_a_full_durable_redis_refuses_and_goes_on_when_it_has_room(plant, fleet, note):
    redis = plant.redis()
    plant.worker.kill()
    limit = redis.info("memory")["used_memory"] + 2 * MIB
    redis.config_set("maxmemory", limit)
    try:
        with plant.publisher() as publisher:
            publisher.publish(fleet.messages(12_000), rate=4 * RATE)
            wait_until(lambda: "out of memory" in plant.listener.output(), 60, "never refused")
            waiting = plant.backlog()
            plant.worker.start()
            watch = Stopwatch(plant.worker)
            wait_until(lambda: plant.backlog() < waiting / 2, 60, "does not drain")
            drained = watch.stop(time.time())
            redis.config_set("maxmemory", 1024 * MIB)
            verdict = settle(plant, fleet, publisher)
    finally:
        redis.config_set("maxmemory", 1024 * MIB)
    note(messages=12_000, verdict=verdict, entries_when_full=waiting, half_drained=drained)

    assert verdict == FLAWLESS
    assert_within(drained.own, RECOVERY_SECONDS + 12_000 / 2 / RATE)


@pytest.mark.parametrize(
    ("process", "server"),
    [
        ("listener", "redis_durable"),
        ("worker", "redis_durable"),
        ("worker", "postgres"),
        ("listener", "mosquitto"),
    ],
)
def test_a_process_ends_within_ten_seconds_though_a_server_hangs(
    plant, fleet, note, process, server
):
    daemon = getattr(plant, process)
    with plant.publisher() as publisher:
        publisher.publish_in_background(fleet.messages(4_000), rate=RATE)
        plant.wait_for_commit(fleet, since=0)
        plant.stack.freeze(server)
        time.sleep(0.5)
        asked_at = time.monotonic()
        daemon.signal(signal.SIGTERM)
        code = daemon.wait(60)
        took = time.monotonic() - asked_at
        plant.stack.cont(server)
        daemon.start()
        verdict = settle(plant, fleet, publisher)
    note(process=process, server=server, code=code, took=took, verdict=verdict)

    assert verdict == FLAWLESS
    assert_within(took, 10)


def test_a_full_stream_stops_the_reading_and_nothing_else(plant, fleet, note):
    bound = 20
    plant.worker.kill()
    plant.listener.stop()
    listener = plant.daemon("run_mqtt_listener", INGEST_STREAM_MAX_ENTRIES=str(bound))
    listener.start()
    try:
        with plant.publisher() as publisher:
            publisher.publish_in_background(fleet.messages(20_000), rate=3 * RATE)
            wait_until(lambda: plant.backlog() >= bound, 60, "the stream was not filled")
            memory = memory_of(listener.pid, "VmRSS")
            publisher.join()
            publisher.wait_for_acknowledgements()
            depth, grown = plant.backlog(), memory_of(listener.pid, "VmRSS") - memory
            plant.worker.start()
            watch = Stopwatch(plant.worker)
            wait_until_stored(plant, fleet, 4 * 20_000)
            took = watch.stop(time.time())
            verdict = settle(plant, fleet, publisher)
    finally:
        listener.stop()
    note(messages=20_000, verdict=verdict, depth=depth, grown_kib=grown // 1024, caught_up=took)

    assert "Reading stops until the buffer takes messages" in listener.output()
    assert depth == bound
    assert grown <= 16 * MIB
    assert verdict == FLAWLESS
