"""F05 to F08, F37: the broker dies, restarts, overflows, or the network stalls."""

from __future__ import annotations

import threading
import time
from urllib.parse import urlsplit

import pytest

from tests.faults.harness import Plant, Stopwatch, wait_until
from tests.faults.ledger import Fleet, Message, in_portions, points_of
from tests.faults.oracle import FLAWLESS, judge, settle, stored_points, wait_until_stored
from tests.faults.proxy import Proxy
from tests.pace import assert_within

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

RATE = 1500
QUEUED = 5_000
AUTOSAVE_SECONDS = 1.0
RECOVERY_SECONDS = 5.0
STALL_SECONDS = 6.0

# messages that were sent again overtake each other: a gap may be filled in part
_GAPS = """
SELECT d.uid, lower(part), upper(part) - 1
FROM telemetry_sequencegap gap
JOIN telemetry_devicesequence sequence ON sequence.id = gap.sequence_id
JOIN devices_device d ON d.id = sequence.device_id,
    unnest(int8multirange(int8range(gap.start, gap."end", '[]')) - sequence.received) AS part
WHERE d.uid = ANY(%s) AND gap.filled_at IS NULL
"""


def test_a_broker_killed_with_a_full_queue_keeps_it(plant, fleet, note):
    """F06, F08: nobody reads, 5,000 messages wait, and all are there after a crash."""
    plant.listener.kill()
    with plant.publisher() as publisher:
        publisher.publish(fleet.messages(QUEUED), rate=1e9)
        publisher.wait_for_acknowledgements()
        wait_until_saved(plant)
        plant.stack.kill("mosquitto")
        plant.stack.restart("mosquitto")
        plant.listener.start()
        wait_until(lambda: "Connected" in plant.listener.output(), 60, "no session")
        began = time.monotonic()
        verdict = settle(plant, fleet, publisher)
        rate = QUEUED / (time.monotonic() - began)
    note(messages=QUEUED, verdict=verdict, caught_up_at=rate)

    assert verdict == FLAWLESS


def wait_until_saved(plant: Plant) -> None:
    """Wait until an autosave has begun and ended."""
    file = plant.stack.folder("mosquitto") / "mosquitto.db"

    def changed() -> float:
        return file.stat().st_mtime_ns if file.exists() else 0

    for _ in range(2):  # the first to end may have begun before
        last = changed()
        wait_until(lambda last=last: changed() != last, 60, "the broker does not save")


def test_a_restarted_broker_loses_nothing(plant, fleet, note):
    """F07."""
    processes = plant.listener.pid, plant.worker.pid
    portions = threading.Semaphore(1)
    messages = in_portions(fleet.messages(12_000), portions, size=4_000)
    with plant.publisher() as publisher:
        publisher.publish_in_background(messages, rate=RATE)
        plant.wait_for_commit(fleet, since=0)
        portions.release()
        plant.stack.restart("mosquitto")
        watch = Stopwatch(plant.listener, plant.worker)
        portions.release()  # all others may be stored by now
        took = watch.stop(plant.wait_for_commit(fleet, since=watch.started_at))
        verdict = settle(plant, fleet, publisher)
    note(messages=12_000, verdict=verdict, recovery=took)

    assert verdict == FLAWLESS
    assert_within(took.own, RECOVERY_SECONDS)
    assert (plant.listener.pid, plant.worker.pid) == processes


def test_what_a_crashed_broker_forgot_is_listed_as_gaps(plant, fleet, note):
    """F05: only the last moments before each crash may be missing, and each number is named."""
    messages = fleet.messages(9_000, is_numbered=True)
    crashes: list[tuple[float, float]] = []
    with plant.publisher() as publisher:
        publisher.publish(messages[:50])
        publisher.wait_for_acknowledgements()
        wait_until_stored(plant, fleet, 4 * 50)
        publisher.publish_in_background(messages[50:8_900], rate=RATE)
        for _ in range(3):
            time.sleep(1.2)
            plant.stack.kill("mosquitto")
            crashes.append((time.time(), len(publisher.published)))
            plant.stack.restart("mosquitto")
        publisher.join()
        publisher.wait_for_acknowledgements()
        publisher.publish(messages[8_900:])  # the last of each device arrives for certain
        publisher.wait_for_acknowledgements()
        wait_until(lambda: messages_stored(plant, fleet, messages[8_900:]), 60, "not stored")
    verdict = judge(plant, fleet, published=messages, acknowledged=publisher.acknowledged())
    missing = numbers_missing(plant, fleet, messages)
    listed = wait_for_gaps(plant, fleet, missing)
    note(crashes=len(crashes), lost=len(missing), listed=len(listed), verdict=verdict)

    assert (verdict.invented, verdict.mutated, verdict.duplicated) == (0, 0, 0)
    assert listed == missing
    # what was published within an autosave, and what the machine was late with
    assert len(missing) <= 3 * 3 * AUTOSAVE_SECONDS * RATE


def messages_stored(plant: Plant, fleet: Fleet, messages: list[Message]) -> bool:
    """Tell whether all points of these messages are stored."""
    return points_of(messages).keys() <= dict(stored_points(plant, fleet)).keys()


def numbers_missing(plant: Plant, fleet: Fleet, messages: list[Message]) -> set[tuple[str, int]]:
    """Return (device, number) of the messages of which nothing is stored."""
    stored = dict(stored_points(plant, fleet)).keys()
    return {
        (fleet.devices[n % len(fleet.devices)], 1 + n // len(fleet.devices))
        for n, message in enumerate(messages)
        if not message.points.keys() & stored
    }


def wait_for_gaps(
    plant: Plant, fleet: Fleet, missing: set[tuple[str, int]]
) -> set[tuple[str, int]]:
    """Return the numbers that the platform knows to be missing, once it knows them all."""
    found: set[tuple[str, int]] = set()

    def look() -> bool:
        with plant.database() as connection:
            rows = connection.execute(_GAPS, [list(fleet.devices)]).fetchall()
        found.clear()
        found.update((uid, n) for uid, first, last in rows for n in range(first, last + 1))
        return found == missing

    deadline = time.monotonic() + 60
    while not look() and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


@pytest.mark.parametrize(
    "server",
    [
        "mosquitto",
        pytest.param("redis_durable", marks=pytest.mark.long),
        pytest.param("postgres", marks=pytest.mark.long),
    ],
)
def test_a_network_that_stalls_and_breaks_loses_nothing(plant, fleet, note, server):
    """F37: bytes stop on a connection that stays open, then it is reset."""
    variable = {"redis_durable": "REDIS_DURABLE_URL", "postgres": "DATABASE_URL"}.get(server)
    port = urlsplit(plant.env[variable]).port if variable else int(plant.env["MQTT_PORT"])
    proxy = Proxy(port)
    given = (
        {variable: plant.env[variable].replace(f":{port}", f":{proxy.port}")}
        if variable
        else {"MQTT_PORT": str(proxy.port)}
    )
    command = "run_ingest_worker" if server == "postgres" else "run_mqtt_listener"
    victim = plant.worker if server == "postgres" else plant.listener
    victim.stop()
    replacement = plant.daemon(command, **given)
    replacement.start()
    portions = threading.Semaphore(1)
    messages = in_portions(fleet.messages(18_000), portions, size=6_000)
    try:
        with plant.publisher() as publisher:
            publisher.publish_in_background(messages, rate=RATE)
            plant.wait_for_commit(fleet, since=0)
            proxy.stall()
            portions.release()
            time.sleep(STALL_SECONDS)
            proxy.cut()
            proxy.go_on()
            watch = Stopwatch(replacement)
            portions.release()
            took = watch.stop(plant.wait_for_commit(fleet, since=watch.started_at))
            verdict = settle(plant, fleet, publisher)
    finally:
        replacement.stop()
        proxy.close()
    note(server=server, messages=18_000, verdict=verdict, recovery=took)

    assert verdict == FLAWLESS
    assert_within(took.own, 2 * RECOVERY_SECONDS)
