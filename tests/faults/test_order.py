"""F30, F31: duplicates, disorder, late and impossible times, and two values for one time."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator

import pytest

from tests.faults.harness import Daemon, Plant, wait_until
from tests.faults.ledger import STEP_US, Fleet, Message, an_hour_ago, points_of
from tests.faults.oracle import (
    FLAWLESS,
    latest_points,
    rejected_rows,
    settle,
    stored_points,
    wait_until_stored,
)

pytestmark = pytest.mark.faults

MESSAGES = 2_000
HOUR_US = 3_600_000_000
METRIC = "active_power_import"


def test_every_message_three_times_and_shuffled_gives_the_same_tables(plant, second_worker, note):
    start_us = an_hour_ago()
    in_order, shuffled = plant.take_fleet(), plant.take_fleet()
    many = shuffled.messages(MESSAGES, start_us=start_us) * 3
    random.Random(30).shuffle(many)

    with plant.publisher() as publisher:
        publisher.publish(in_order.messages(MESSAGES, start_us=start_us))
        first = settle(plant, in_order, publisher)
    with plant.publisher() as publisher:
        publisher.publish(many)
        second = settle(plant, shuffled, publisher)
        wait_until(lambda: plant.backlog() == 0, 60, "duplicates wait")
    note(messages=len(many), in_order=first, shuffled=second)

    assert first == second == FLAWLESS
    assert anonymous(plant, shuffled) == anonymous(plant, in_order)


@pytest.fixture
def second_worker(plant: Plant) -> Iterator[Daemon]:
    """Another worker at work: each has only part of the messages and its own memory of them."""
    worker = plant.daemon("run_ingest_worker", "--instance", "2")
    worker.start()
    plant.wait_until_at_work("ingest:2", worker)
    yield worker
    worker.stop()


def anonymous(plant: Plant, fleet: Fleet) -> tuple[list[tuple[object, ...]], ...]:
    """Return samples and latest values of a fleet with numbers instead of device names."""
    numbers = {uid: number for number, uid in enumerate(fleet.devices)}
    return tuple(
        sorted((numbers[uid], metric, moment, value) for (uid, metric, moment), value in points)
        for points in (stored_points(plant, fleet), latest_points(plant, fleet).items())
    )


def test_a_late_value_fills_history_and_leaves_the_latest_alone(plant, fleet):
    now_us = int(time.time()) * 1_000_000
    recent = one_value(fleet, now_us, 5.0)
    late = one_value(fleet, now_us - 72 * HOUR_US, 7.0)

    with plant.publisher() as publisher:
        publisher.publish([recent])
        wait_until_stored(plant, fleet, 1)
        publisher.publish([late])
        verdict = settle(plant, fleet, publisher)

    assert verdict == FLAWLESS
    assert latest_points(plant, fleet) == dict(recent.points)


def test_two_workers_never_move_the_latest_value_back(plant, fleet, second_worker):
    """Each knows only the latest values that it has committed itself, or read a while ago."""
    numbers = [*range(200), *range(5000, 5010), *range(200, 500)]
    start_us = an_hour_ago()

    with plant.publisher() as publisher:
        publisher.publish([fleet.message(n, start_us=start_us) for n in numbers], rate=100)
        verdict = settle(plant, fleet, publisher)

    assert verdict == FLAWLESS
    newest = {moment for _, _, moment in latest_points(plant, fleet)}
    assert newest == {start_us + number * STEP_US for number in range(5000, 5010)}


@pytest.mark.parametrize(
    ("offset_us", "reason"),
    [(24 * HOUR_US, "time_in_future"), (-int(time.time()) * 1_000_000 + 1, "time_too_old")],
    ids=["in one day", "1970"],
)
def test_an_impossible_time_is_kept_with_the_reason(plant, fleet, offset_us, reason):
    now_us = int(time.time()) * 1_000_000
    recent, wrong = one_value(fleet, now_us, 5.0), one_value(fleet, now_us + offset_us, 7.0)

    with plant.publisher() as publisher:
        publisher.publish([recent, wrong])
        wait_until_stored(plant, fleet, 1)
        wait_until(lambda: rejected_rows(plant, fleet), 60, "not rejected")

    assert dict(stored_points(plant, fleet)) == dict(recent.points)
    assert latest_points(plant, fleet) == dict(recent.points)
    [row] = rejected_rows(plant, fleet)
    assert (row.reason, row.payload, row.count) == (reason, wrong.payload, 1)


@pytest.mark.parametrize("is_same_batch", [True, False])
def test_of_two_values_for_one_time_the_first_stays(plant, fleet, is_same_batch):
    now_us = int(time.time()) * 1_000_000
    first, second = one_value(fleet, now_us, 5.0), one_value(fleet, now_us, 6.0)

    with plant.publisher() as publisher:
        publisher.publish([first])
        if not is_same_batch:
            wait_until_stored(plant, fleet, 1)
        publisher.publish([second])
        wait_until(lambda: rejected_rows(plant, fleet), 60, "not rejected")

    assert dict(stored_points(plant, fleet)) == points_of([first])
    assert latest_points(plant, fleet) == points_of([first])
    [row] = rejected_rows(plant, fleet)
    assert (row.reason, row.payload) == ("conflicting_value", second.payload)


def one_value(fleet: Fleet, moment: int, value: float) -> Message:
    """Return a message of the first device with one value."""
    device = fleet.devices[0]
    payload = json.dumps({"ts": moment, "values": {METRIC: value}}).encode()
    return Message(fleet.topic(device), payload, {(device, METRIC, moment): value})
