"""What is derived from samples stays right when the reactors die, stall or are overrun."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.derived import wait_until_derived
from tests.faults.harness import Daemon, Plant, wait_until
from tests.faults.ledger import Fleet, Key, an_hour_ago, points_of
from tests.faults.oracle import FLAWLESS, settle, stored_points, wait_until_stored

# the servers, and four reactors, start within this time
pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

NAMES = ("live", "quality", "rollups", "virtual")
RATE = 800
MESSAGES = 6_000
STEP_US = 500_000  # fifty minutes of readings: several quarter hours
BURST = 60_000
STALL_SECONDS = 5.0
DAY_US = 86_400_000_000

Reactors = dict[str, Daemon]


@pytest.fixture(scope="module")
def all_reactors(shared_plant: Plant) -> Iterator[Reactors]:
    """The four reactors, at work."""
    reactors = {name: shared_plant.daemon("run_reactor", name) for name in NAMES}
    start(shared_plant, reactors)
    yield reactors
    for daemon in reactors.values():
        daemon.stop()


@pytest.fixture
def reactors(plant: Plant, all_reactors: Reactors) -> Reactors:
    """The four reactors, at work again."""
    start(plant, all_reactors)
    return all_reactors


def start(plant: Plant, reactors: Reactors) -> None:
    """Start those that do not run; wait until all are at work."""
    for daemon in reactors.values():
        daemon.start()
    for name, daemon in reactors.items():
        plant.wait_until_at_work(f"reactor_{name}:1", daemon)


def begin(plant: Plant, fleet: Fleet) -> None:
    """Store the first readings, from before the others, and make virtual channels of them."""
    with plant.publisher() as publisher:
        publisher.publish(fleet.messages(10, start_us=an_hour_ago() - 60_000_000))
        assert settle(plant, fleet, publisher) == FLAWLESS
    assert plant.step("compute", fleet.gateway) == 2 * len(fleet.devices)


def judged(plant: Plant, fleet: Fleet, stored: int) -> None:
    """Everything that was sent is stored; virtual rows count besides."""
    wait_until_stored(plant, fleet, stored)
    wait_until(lambda: len(sent_points(plant, fleet)) >= stored, 60, "rows are missing")
    sent = sent_points(plant, fleet)
    assert len(sent) == len(set(sent)) == stored


def sent_points(plant: Plant, fleet: Fleet) -> list[Key]:
    """Return the keys of the rows that devices sent."""
    return [key for key, _ in stored_points(plant, fleet) if not key[1].startswith("virtual:")]


def test_killed_reactors_leave_the_same_figures(plant, fleet, reactors, note):
    begin(plant, fleet)
    with plant.publisher() as publisher:
        messages = fleet.messages(MESSAGES, step_us=STEP_US)
        publisher.publish_in_background(messages, rate=RATE)
        for name in NAMES:
            time.sleep(0.7)
            reactors[name].kill()
            reactors[name].start()
        start(plant, reactors)
        publisher.join()
        publisher.wait_for_acknowledgements()
    judged(plant, fleet, 4 * (MESSAGES + 10))
    for name in ("quality", "virtual", "rollups"):  # after the last row, before it is worked off
        reactors[name].kill()
    start(plant, reactors)
    note(messages=MESSAGES, seconds=wait_until_derived(plant, fleet, patience=180))


def test_a_burst_with_stalls_and_a_restart_of_postgresql_leaves_the_same_figures(
    plant, fleet, reactors, note
):
    begin(plant, fleet)
    started = time.monotonic()
    with plant.publisher() as publisher:
        publisher.publish_in_background(fleet.messages(BURST, step_us=50_000), rate=1e9)
        plant.wait_for_commit(fleet, since=time.time())
        stalled = [plant.worker, *reactors.values()]
        for daemon in stalled:
            daemon.signal(signal.SIGSTOP)
        time.sleep(STALL_SECONDS)
        for daemon in stalled:
            daemon.signal(signal.SIGCONT)
        time.sleep(1.0)
        plant.stack.restart("postgres")
        publisher.join()
        publisher.wait_for_acknowledgements()
    judged(plant, fleet, 4 * (BURST + 10))
    took = time.monotonic() - started
    note(messages=BURST, stored=took, seconds=wait_until_derived(plant, fleet, patience=180))


@pytest.mark.long
def test_days_that_are_packed_while_late_rows_come_lose_nothing(plant, fleet, reactors, note):
    """F54: packing, retention and rows for the days that are being packed, all at once."""
    start_us = an_hour_ago() - 10 * DAY_US
    messages = fleet.messages(6_000, start_us=start_us, step_us=5_000_000)
    late = messages[1::2]
    random.Random(54).shuffle(late)
    begin(plant, fleet)
    with plant.publisher() as publisher, ThreadPoolExecutor(1) as pool:
        publisher.publish(messages[::2], rate=RATE)
        assert settle(plant, fleet, publisher).lost == 0
        packed = 0
        for part in range(3):
            working = pool.submit(plant.step, "pack")
            publisher.publish(late[part::3], rate=RATE)
            packed += working.result()
        plant.step("retain")
        publisher.wait_for_acknowledgements()
        wait_until(lambda: plant.backlog() == 0, 60, "the stream was not emptied")
    expected = points_of(messages)
    found = {
        (uid, source, moment): value
        for uid, source, moment, value in plant.step("points", fleet.gateway, str(start_us))
    }
    note(points=len(expected), packed=packed)

    assert packed > len(expected) / 3
    assert found == expected
    wait_until(lambda: rolled_up(plant, fleet, start_us) == len(expected), 60, "wrong rollups")


def rolled_up(plant: Plant, fleet: Fleet, start_us: int) -> int:
    """Return how many values the days of the rollups count in the day before and after."""
    query = (
        "SELECT coalesce(sum(r.count), 0) FROM telemetry_rollup_day r"
        " JOIN devices_channel c ON c.id = r.channel_id"
        " JOIN devices_device d ON d.id = c.device_id"
        " WHERE d.uid = ANY(%s) AND c.name NOT IN ('twice', 'both')"
        " AND r.day BETWEEN to_timestamp(%s)::date - 1 AND to_timestamp(%s)::date + 2"
    )
    with plant.database() as connection:
        moment = start_us / 1e6
        row = connection.execute(query, [list(fleet.devices), moment, moment]).fetchone()
    return int(row[0])
