"""F03, F04: a listener freezes or dies, and another copy reads on; nothing counts twice."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator

import pytest

from tests.faults.harness import Daemon, Plant, wait_until
from tests.faults.ledger import in_portions
from tests.faults.oracle import FLAWLESS, settle
from tests.pace import assert_within

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

RATE = 1000
TAKEOVER_SECONDS = 15.0
STALL_SECONDS = 5.0


@pytest.fixture
def standby(plant: Plant) -> Iterator[Daemon]:
    """A second listener of the same session."""
    daemon = plant.daemon("run_mqtt_listener", "--instance", "2")
    daemon.start()
    wait_until(lambda: "Standing by" in daemon.output(), 60, "it does not stand by")
    yield daemon
    daemon.stop()


def test_a_frozen_listener_is_replaced_and_gives_way_when_it_wakes(plant, fleet, standby, note):
    with plant.publisher() as publisher:
        publisher.publish_in_background(fleet.messages(25_000), rate=RATE)
        plant.wait_for_commit(fleet, since=0)
        plant.listener.signal(signal.SIGSTOP)
        time.sleep(1.0)  # what it had handed over is stored
        frozen_at = time.time() - 1.0
        took = plant.wait_for_commit(fleet, since=time.time()) - frozen_at
        plant.listener.signal(signal.SIGCONT)
        wait_until(lambda: "Standing by" in plant.listener.output(), 60, "it reads on")
        verdict = settle(plant, fleet, publisher)
    beats = plant.redis("EPHEMERAL").hkeys("heartbeats")
    note(messages=len(publisher.published), takeover=took, verdict=verdict)

    told = [daemon.output()[-2000:] for daemon in (plant.listener, standby, plant.worker)]
    assert verdict == FLAWLESS, (plant.backlog(), beats, *told)
    assert_within(took, TAKEOVER_SECONDS)
    assert {b"listener_standby:1", b"listener:2"} <= set(beats)
    assert b"listener:1" not in beats


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.long)]
)
def test_a_standby_takes_over_from_a_listener_that_ended(plant, fleet, standby, note, number):
    portions = threading.Semaphore(1)
    messages = in_portions(fleet.messages(9_000), portions, size=3_000)
    with plant.publisher() as publisher:
        publisher.publish_in_background(messages, rate=RATE)
        plant.wait_for_commit(fleet, since=0)
        portions.release()
        plant.listener.signal(number)
        plant.listener.wait(60)
        ended_at = time.time()
        wait_until(lambda: "Reading." in standby.output(), 60, "nobody took over")
        read_at = time.time()
        portions.release()  # all others may be stored by now
        took = plant.wait_for_commit(fleet, since=read_at) - ended_at
        plant.listener.start()
        wait_until(lambda: "Standing by" in plant.listener.output(), 60, "two read at once")
        verdict = settle(plant, fleet, publisher)
    note(signal=number.name, takeover=took, verdict=verdict)

    assert verdict == FLAWLESS
    assert_within(took, TAKEOVER_SECONDS)


@pytest.mark.long
@pytest.mark.parametrize("victim", ["listener", "worker"])
def test_a_stall_of_five_seconds_loses_nothing(plant, fleet, note, victim):
    daemon = getattr(plant, victim)
    pid = daemon.pid
    with plant.publisher() as publisher:
        publisher.publish_in_background(fleet.messages(10_000), rate=RATE)
        plant.wait_for_commit(fleet, since=0)
        daemon.signal(signal.SIGSTOP)
        time.sleep(STALL_SECONDS)
        daemon.signal(signal.SIGCONT)
        verdict = settle(plant, fleet, publisher)
    note(victim=victim, messages=len(publisher.published), verdict=verdict)

    assert verdict == FLAWLESS
    assert daemon.pid == pid


def test_two_listeners_that_share_the_session_read_each_message_once(plant, fleet, note):
    """Each has a session of its own; a second copy of one of them stands by."""
    plant.listener.stop()
    options = {"MQTT_SHARE_GROUP": "faults"}
    sharing = [
        plant.daemon("run_mqtt_listener", "--instance", name, **options) for name in ("a", "b")
    ]
    spare = plant.daemon("run_mqtt_listener", "--instance", "a", **options)
    for daemon in sharing:
        daemon.start()
    try:
        for daemon in sharing:
            wait_until(lambda d=daemon: "Connected to the broker" in d.output(), 60, "no session")
        spare.start()
        wait_until(lambda: "Standing by" in spare.output(), 60, "it does not stand by")
        time.sleep(1.0)  # the broker has taken both subscriptions
        with plant.publisher() as publisher:
            publisher.publish_in_background(fleet.messages(8_000), rate=RATE)
            plant.wait_for_commit(fleet, since=0)
            time.sleep(1.0)
            sharing[0].kill()
            wait_until(lambda: "Reading." in spare.output(), 60, "nobody took over")
            verdict = settle(plant, fleet, publisher)
    finally:
        for daemon in (*sharing, spare):
            daemon.stop()
        for name in ("a", "b"):
            plant.forget_session(f"energy-listener-{name}")
        plant.forget_session("energy-listener-1")  # it kept everything a second time
    note(messages=len(publisher.published), verdict=verdict)

    assert verdict == FLAWLESS
