"""What a dead worker had taken is stored by another; what was rejected can be sent again."""

from __future__ import annotations

import json
import time

import pytest

from tests.faults.harness import GROUP, STREAM, wait_until
from tests.faults.ledger import Message, an_hour_ago
from tests.faults.oracle import (
    FLAWLESS,
    judge,
    rejected_rows,
    settle,
    stored_points,
    wait_until_stored,
)

pytestmark = pytest.mark.faults

OLD_MS = 31_000  # entries are left to their worker for 30 s


def test_another_worker_takes_over_what_a_dead_one_had(plant, fleet, note):
    redis = plant.redis()
    other = plant.daemon("run_ingest_worker", "--instance", "2")
    messages = fleet.messages(3_000)
    with plant.publisher() as publisher:
        publisher.publish(messages[:500])
        wait_until_stored(plant, fleet, 4 * 500)
        plant.stack.freeze("postgres")
        try:
            publisher.publish(messages[500:])
            wait_until(lambda: redis.xpending(STREAM, GROUP)["pending"], 60, "nothing taken")
            plant.worker.kill()
        finally:
            plant.stack.cont("postgres")
        taken = [entry["message_id"] for entry in redis.xpending_range(STREAM, GROUP, "-", "+", 99)]
        redis.xclaim(STREAM, GROUP, "worker-1", 0, taken, idle=OLD_MS, justid=True)
        other.start()
        verdict = settle(plant, fleet, publisher)
        other.stop()
    note(messages=len(messages), taken_over=len(taken), verdict=verdict)

    assert taken
    assert verdict == FLAWLESS
    assert plant.worker.pid is None
    assert redis.xpending(STREAM, GROUP)["pending"] == 0


def test_a_rejected_message_is_stored_once_its_device_is_registered(plant, fleet):
    moment = an_hour_ago()
    uid = f"{fleet.gateway}-new"
    payload = json.dumps({"ts": moment, "values": {"active_power_import": 5.5}}).encode()
    message = Message(fleet.topic(uid), payload, {(uid, "active_power_import", moment): 5.5})
    with plant.publisher() as publisher:
        publisher.publish([message])
        wait_until(lambda: rejected_rows(plant, fleet), 60, "not rejected")
    [before] = rejected_rows(plant, fleet)

    plant.step("register", fleet.gateway, uid)
    time.sleep(3)  # workers remember for three seconds that they do not know a device
    extended = fleet.with_device(uid)
    for _ in range(2):
        assert plant.step("replay", message.topic) == 1
        wait_until_stored(plant, extended, 1)
        wait_until(lambda: plant.backlog() == 0, 60, "not taken")

    [after] = rejected_rows(plant, fleet)
    assert (before.reason, before.state, before.payload) == ("unknown_device", "open", payload)
    assert (after.state, after.count) == ("replayed", 1)
    assert stored_points(plant, extended) == list(message.points.items())
    assert judge(plant, extended, published=[message], acknowledged=[message]).wrong_latest == 0
