"""Alarms of rules are those that the samples tell of, wherever the reactor dies."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.harness import Daemon, Plant
from tests.faults.ledger import Fleet
from tests.faults.oracle import FLAWLESS, settle

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

KILLS = 20
RATE = 1_000
SECONDS = 40
FIRST = 20  # messages, two of each device: from then on the channels are known
PATIENCE = 120.0


@pytest.fixture
def reactor(plant: Plant) -> Iterator[Daemon]:
    daemon = plant.daemon("run_reactor", "alarms")
    yield daemon
    daemon.stop()


def begin(plant: Plant, fleet: Fleet, reactor: Daemon) -> int:
    """Store the first readings, watch their channels; return since when, in µs."""
    start_us = int(time.time()) * 1_000_000
    with plant.publisher() as publisher:
        publisher.publish(fleet.messages(FIRST, start_us=start_us))
        assert settle(plant, fleet, publisher) == FLAWLESS
    plant.step("watch", fleet.gateway)
    reactor.start()
    plant.wait_until_at_work("reactor_alarms:1", reactor)
    return start_us


def judged(plant: Plant, fleet: Fleet, start_us: int) -> dict[str, Any]:
    """Wait until the alarms are right, and return what is said of them."""
    until = time.monotonic() + PATIENCE
    while True:
        verdict: dict[str, Any] = plant.step("compare", fleet.gateway, str(start_us))
        if not (verdict["missing"] or verdict["invented"]):
            return verdict
        assert time.monotonic() < until, f"alarms are wrong: {verdict}"
        time.sleep(1.0)


def test_twenty_kills_lose_and_double_no_alarm(plant, fleet, reactor, note):
    start_us = begin(plant, fleet, reactor)
    chance = random.Random(7)
    messages = fleet.messages(FIRST + SECONDS * RATE, start_us=int(time.time()) * 1_000_000)
    with plant.publisher() as publisher:
        publisher.publish_in_background(messages, rate=RATE)
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.2, 2.5))
            reactor.kill()
            reactor.start()
        publisher.join()
        publisher.wait_for_acknowledgements()
    plant.wait_until_at_work("reactor_alarms:1", reactor)
    verdict = judged(plant, fleet, start_us)
    note(kills=KILLS, messages=len(messages), **verdict)

    assert verdict["expected"] > 100
    assert verdict["twice"] == 0


def test_shuffled_and_repeated_messages_give_the_same_alarms(plant, fleet, reactor, note):
    start_us = begin(plant, fleet, reactor)
    chance = random.Random(11)
    messages = fleet.messages(6_000, start_us=int(time.time()) * 1_000_000)
    sent = [*messages, *messages, *messages]
    chance.shuffle(sent)
    with plant.publisher() as publisher:
        publisher.publish_in_background(sent, rate=2_000)
        time.sleep(2.0)
        reactor.signal(signal.SIGSTOP)
        time.sleep(2.0)
        reactor.signal(signal.SIGCONT)
        publisher.join()
        publisher.wait_for_acknowledgements()
    verdict = judged(plant, fleet, start_us)
    note(messages=len(sent), **verdict)

    assert verdict["expected"] > 20
