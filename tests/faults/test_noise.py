"""F36: a tenant that sends fifty times what its plan allows hurts nobody else."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from tests.faults.harness import Plant, wait_until
from tests.faults.ledger import Fleet, LedgerPublisher, Message
from tests.faults.oracle import FLAWLESS, judge, rejected_rows, settle, stored_points
from tests.pace import assert_within

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

PLAN = 2  # messages a second; ten times as many of a minute are tolerated
TOLERATED = PLAN * 60 * 10
NOISE = 50 * PLAN * 60
ASKED = 25
METRIC = "active_power_import"
GRACE_SECONDS = 0.25  # a machine of two cores does the sender's work, too


def test_a_noisy_tenant_is_counted_and_the_others_do_not_notice(plant, fleet, note):
    noisy = plant.take_fleet()
    plant.step("plan", noisy.gateway, str(PLAN))
    with plant.publisher() as publisher, plant.publisher() as noise:
        publisher.publish(fleet.messages(10))
        assert settle(plant, fleet, publisher) == FLAWLESS
        quiet = delays(plant, fleet, publisher, begin=0)
        began = time.time()
        noise.publish_in_background(noisy.messages(NOISE), rate=NOISE / 6)
        loud = delays(plant, fleet, publisher, begin=ASKED)
        noise.join()
        noise.wait_for_acknowledgements()
        wait_until(lambda: plant.backlog() == 0, 60, "the stream was not emptied")
        ended = time.time()
        verdict = judge(
            plant, fleet, published=publisher.published, acknowledged=publisher.acknowledged()
        )
    rejected = sum(row.count for row in rejected_rows(plant, noisy) if row.reason == "quota")
    stored = len(stored_points(plant, noisy)) // 4
    p95 = [float(np.percentile(found, 95)) for found in (quiet, loud)]
    note(quiet_p95=p95[0], loud_p95=p95[1], stored=stored, rejected=rejected)

    assert verdict == FLAWLESS
    assert_within(p95[1], 2 * p95[0] + GRACE_SECONDS)
    assert stored + rejected == NOISE
    # what came before the end of a minute counts for that one, however little it was
    minutes = int(ended // 60 - began // 60) + 1
    assert TOLERATED <= stored <= minutes * TOLERATED


def delays(plant: Plant, fleet: Fleet, publisher: LedgerPublisher, *, begin: int) -> list[float]:
    """Send one reading after the other; return the seconds until each was stored."""
    found = []
    device = fleet.devices[0]
    start_us = int(time.time()) * 1_000_000 - 600_000_000
    with plant.database() as connection:
        for number in range(begin, begin + ASKED):
            moment = start_us + number * 1_000_000
            payload = json.dumps({"ts": moment, "values": {METRIC: number}}).encode()
            message = Message(fleet.topic(device), payload, {(device, METRIC, moment): number})
            began = time.monotonic()
            publisher.publish([message])
            wait_until(lambda m=moment: is_stored(connection, device, m), 60, "not stored")
            found.append(time.monotonic() - began)
    return found


def is_stored(connection, device: str, moment: int) -> bool:
    """Tell whether a device's latest value is as new."""
    row = connection.execute(
        "SELECT 1 FROM telemetry_latestvalue l JOIN devices_channel c ON c.id = l.channel_id"
        " JOIN devices_device d ON d.id = c.device_id"
        " WHERE d.uid = %s AND l.time >= to_timestamp(%s) LIMIT 1",
        [device, moment / 1e6 - 1e-4],
    ).fetchone()
    return row is not None
