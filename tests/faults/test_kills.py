"""F01, F02: our processes die under load, and nothing that was acknowledged is lost."""

from __future__ import annotations

import random
import signal
import threading
import time

import pytest

from tests.faults.harness import GROUP, STREAM, Daemon, Plant, Stopwatch, Took, wait_until
from tests.faults.ledger import Fleet, in_portions
from tests.faults.oracle import FLAWLESS, settle
from tests.pace import assert_within

pytestmark = pytest.mark.faults

KILLS = 8
RATE = 2500
PORTION = 1250
RECOVERY_SECONDS = 3.0
EXIT_SECONDS = 10.0


@pytest.mark.parametrize("victim", ["listener", "worker"])
def test_eight_kills_under_load_lose_and_invent_nothing(plant, fleet, note, victim):
    daemon = getattr(plant, victim)
    portions = threading.Semaphore(1)
    messages = in_portions(fleet.messages((2 * KILLS + 1) * PORTION), portions, size=PORTION)

    with plant.publisher() as publisher:
        publisher.publish_in_background(messages, rate=RATE)
        recoveries = kill_repeatedly(plant, fleet, daemon, portions)
        verdict = settle(plant, fleet, publisher)
        note(victim=victim, messages=len(publisher.acknowledged()), verdict=verdict)
        note(recoveries=", ".join(map(str, recoveries)))

    assert verdict == FLAWLESS
    assert_within(max(took.own for took in recoveries), RECOVERY_SECONDS)


def kill_repeatedly(
    plant: Plant, fleet: Fleet, daemon: Daemon, portions: threading.Semaphore
) -> list[Took]:
    """Kill and restart a process that is at work.

    A portion is on the way when it is killed, another comes while it is dead: its rows are
    new in any case, however much of the first was stored already.

    Returns: the time from each restart to the first new row.
    """
    rng = random.Random(17)
    plant.wait_for_commit(fleet, since=0)
    recoveries = []
    for _ in range(KILLS):
        portions.release()
        time.sleep(rng.uniform(0.15, 0.35))
        daemon.kill()
        last_entry = plant.newest_entry()
        portions.release()
        watch = Stopwatch(daemon)
        arrived_at = watch.started_at
        daemon.start()
        if daemon is plant.listener:  # what the worker still had to store does not count
            wait_until(lambda last=last_entry: plant.newest_entry() != last, 60, "nothing arrived")
            arrived_at = int(plant.newest_entry().partition("-")[0]) / 1000
        recoveries.append(watch.stop(plant.wait_for_commit(fleet, since=arrived_at)))
    return recoveries


@pytest.mark.parametrize("victim", ["listener", "worker"])
def test_a_process_asked_to_stop_under_load_ends_in_order(plant, fleet, note, victim):
    daemon = getattr(plant, victim)
    with plant.publisher() as publisher:
        publisher.publish_in_background(fleet.messages(10_000), rate=RATE)
        plant.wait_for_commit(fleet, since=0)
        asked_at = time.monotonic()
        daemon.signal(signal.SIGTERM)
        exit_code = daemon.wait(60)
        took = time.monotonic() - asked_at
        daemon.start()
        verdict = settle(plant, fleet, publisher)
        note(victim=victim, messages=len(publisher.published), exit_seconds=took, verdict=verdict)

    assert exit_code == 0
    assert verdict == FLAWLESS
    assert_within(took, EXIT_SECONDS)


def test_a_listener_killed_while_redis_has_not_answered_loses_nothing(plant, fleet, note):
    with plant.publisher() as publisher:
        publisher.publish_in_background(fleet.messages(6_000), rate=RATE)
        plant.wait_for_commit(fleet, since=0)
        plant.stack.freeze("redis_durable")
        try:
            time.sleep(0.5)  # the listener now waits for the answer to an XADD
            plant.listener.kill()
            plant.stack.kill("redis_durable")  # or it would still read what was sent to it
        finally:
            plant.stack.restart("redis_durable")
        plant.listener.start()
        verdict = settle(plant, fleet, publisher)
    note(messages=len(publisher.published), verdict=verdict)

    assert verdict == FLAWLESS


def test_a_worker_killed_while_postgresql_has_not_answered_begins_with_what_it_had(
    plant, fleet, note
):
    redis = plant.redis()
    with plant.publisher() as publisher:
        publisher.publish_in_background(fleet.messages(6_000), rate=RATE)
        plant.wait_for_commit(fleet, since=0)
        plant.stack.freeze("postgres")
        try:
            wait_until(lambda: redis.xpending(STREAM, GROUP)["pending"], 60, "nothing taken")
            time.sleep(0.5)
            plant.worker.kill()
        finally:
            plant.stack.cont("postgres")
        taken = redis.xpending(STREAM, GROUP)["pending"]
        watch = Stopwatch(plant.worker)
        plant.worker.start()
        oldest = redis.xpending_range(STREAM, GROUP, "-", "+", 1)[0]["message_id"]
        wait_until(lambda: not redis.xrange(STREAM, oldest, oldest), 60, "still pending")
        took = watch.stop(time.time())
        verdict = settle(plant, fleet, publisher)
    note(messages=len(publisher.published), taken=taken, recovery=took, verdict=verdict)

    assert verdict == FLAWLESS
    assert_within(took.own, RECOVERY_SECONDS)
