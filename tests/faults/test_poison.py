"""F34: what cannot be stored is kept with its reason, and its neighbours are stored."""

from __future__ import annotations

import random

import msgpack
import pytest

from tests.faults.harness import STREAM, Plant, wait_until
from tests.faults.ledger import Message, an_hour_ago, points_of
from tests.faults.oracle import (
    judge,
    rejected_messages,
    rejected_rows,
    wait_until_stored,
)
from tests.faults.poison import poison_for

pytestmark = pytest.mark.faults

GOOD = 10_000


def test_poison_among_good_messages_is_kept_and_harms_nobody(plant, fleet, note):
    start_us = an_hour_ago()
    good = fleet.messages(GOOD, start_us=start_us)
    poison = poison_for(fleet, at=start_us - 1_000_000)
    mixed = [*good, *(item.message for item in poison)]
    random.Random(34).shuffle(mixed)
    processes = plant.listener.pid, plant.worker.pid
    before = rejected_messages(plant)

    with plant.publisher() as publisher:
        publisher.publish(mixed)
        publisher.wait_for_acknowledgements()
        wait_until_stored(plant, fleet, len(points_of(mixed)))
        wait_until(lambda: plant.backlog() == 0, 60, "the stream was not emptied")
    verdict = judge(plant, fleet, published=mixed, acknowledged=mixed)
    kept = rejected_messages(plant)
    kept.subtract(before)
    note(good=len(good), shapes=len(poison), verdict=verdict)

    wanted = {(p.message.topic, p.message.payload): (p.name, p.reason) for p in poison}
    reasons = {(topic, payload): reason for topic, payload, reason in +kept}
    wrong = {
        f"{name}: {reasons.get(message, 'not kept')} instead of {reason}"
        for message, (name, reason) in wanted.items()
        if reasons.get(message) != reason
    }
    assert not wrong
    assert len(poison) >= 40
    # published = stored + rejected: each of the poison once, nothing else
    assert kept.total() == len(+kept) == len(poison)
    assert (verdict.lost, verdict.invented, verdict.mutated, verdict.wrong_latest) == (0, 0, 0, 0)
    assert (plant.listener.pid, plant.worker.pid) == processes
    assert "one by one" not in plant.worker.output()


def test_poison_sent_again_is_rejected_again_and_stores_nothing(plant, fleet):
    topic = fleet.topic(fleet.devices[0])
    poison = [p.message for p in poison_for(fleet, at=an_hour_ago()) if p.message.topic == topic]
    with plant.publisher() as publisher:
        publisher.publish(poison)
        wait_until(lambda: len(rejected_rows(plant, fleet)) == len(poison), 60, "not all rejected")

    replayed = plant.step("replay", topic)
    wait_until(
        lambda: {(row.state, row.count) for row in rejected_rows(plant, fleet)} == {("open", 2)},
        60,
        "not all rejected again",
    )
    verdict = judge(plant, fleet, published=poison, acknowledged=poison)

    assert replayed == len(poison) == len(rejected_rows(plant, fleet))
    assert (verdict.lost, verdict.invented, verdict.mutated) == (0, 0, 0)


def test_equal_messages_of_one_burst_are_all_counted(plant, fleet):
    message = Message(fleet.topic(fleet.devices[0]), b"no measurement")

    with plant.publisher() as publisher:
        publisher.publish([message] * 5, rate=100_000)
        wait_until(lambda: sum(row.count for row in rejected_rows(plant, fleet)) == 5, 60, "lost")

    [row] = rejected_rows(plant, fleet)
    assert (row.payload, row.count) == (message.payload, 5)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"[" * 100_000, "too_large"),
        (b'{"values": {%s}}' % b",".join(b'"k%d": 1' % n for n in range(10_000)), "too_large"),
    ],
    ids=["100,000 levels", "10,000 names"],
)
def test_what_the_broker_would_refuse_is_kept_when_another_wire_lets_it_in(
    plant, fleet, payload, reason
):
    topic = fleet.topic(fleet.devices[0])
    entry = msgpack.packb([["http", topic, payload, an_hour_ago(), ""]])

    plant.redis().xadd(STREAM, {b"m": entry})
    wait_until(lambda: rejected_rows(plant, fleet), 60, "not rejected")

    [row] = rejected_rows(plant, fleet)
    assert (row.reason, row.payload) == (reason, payload[:65_536])


@pytest.mark.parametrize("fields", [{b"m": b"\xc1 no entry"}, {b"other": b"field"}])
def test_an_entry_of_somebody_else_is_kept_and_stops_nobody(plant, fleet, fields):
    good = fleet.messages(10)
    before = unknown_entries(plant)

    plant.redis().xadd(STREAM, fields)
    with plant.publisher() as publisher:
        publisher.publish(good)
        wait_until_stored(plant, fleet, len(points_of(good)))
    wait_until(lambda: plant.backlog() == 0, 60, "the stream was not emptied")

    assert judge(plant, fleet, published=good, acknowledged=good).lost == 0
    assert unknown_entries(plant) == before + 1


def unknown_entries(plant: Plant) -> int:
    """Return how many entries were kept that no wire of ours has written."""
    kept = rejected_messages(plant)
    return sum(count for (topic, _, _), count in kept.items() if topic == "")
