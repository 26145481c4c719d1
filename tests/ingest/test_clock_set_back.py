"""F32: the system clock is set back by an hour; nothing waits until it has caught up."""

from __future__ import annotations

import datetime as dt
import time

import pytest

from energy.lib import heartbeat
from energy.lib.waiting import must_wait
from telemetry.ingest.silence import SilenceWatch
from tests.factories import DeviceFactory
from tests.ingest.conftest import START, Bench

HOUR = dt.timedelta(hours=1)
T0 = int(START.timestamp())


@pytest.mark.parametrize(
    ("until", "now", "expected"), [(10, 5, True), (10, 10, False), (10, 11, False), (99, 5, False)]
)
def test_nobody_waits_for_longer_than_ever_meant(until, now, expected):
    assert must_wait(until, now=now, at_most=20) is expected


@pytest.mark.django_db(transaction=True)
def test_a_device_that_was_unknown_is_found_after_the_jump(bench: Bench):
    topic = f"{bench.prefix}/data/device/new"
    bench.send({"ts": T0, "values": {"power": 1}}, topic=topic)
    bench.drain()
    assert bench.reasons() == ["unknown_device"]

    bench.now -= HOUR
    DeviceFactory(gateway=bench.device.gateway, profile=bench.device.profile, uid="new")
    bench.send({"ts": T0 - 3600, "values": {"power": 2}}, topic=topic)
    bench.drain()

    assert [value for _name, _at, value, _quality in bench.samples()] != []
    assert bench.reasons() == ["unknown_device"]


@pytest.mark.django_db(transaction=True)
def test_what_a_dead_worker_had_is_taken_over_after_the_jump(bench: Bench):
    other = bench.make_worker("worker-2")
    other.run_once()  # it has just looked for what others left
    bench.send({"ts": T0, "values": {"power": 1}})
    dead = bench.worker._stream.take()
    assert dead
    taken = [entry_id for entry_id, _ in dead]
    bench.redis.xclaim(bench.buffer.stream, "ingest", "worker-1", 0, taken, idle=31_000)

    bench.now -= HOUR
    other.run_once()

    assert len(bench.samples()) == 1


def test_signs_of_life_go_on(redis):
    now = time.time()
    heartbeat.beat("jumper", "1", now=now)

    heartbeat.beat("jumper", "1", now=now - 3600)

    assert heartbeat.read_heartbeats()["jumper:1"] == pytest.approx(now - 3600)


def test_silence_is_looked_for_again(redis, monkeypatch):
    from telemetry.ingest import silence

    swept = []
    monkeypatch.setattr(silence, "sweep_silent", lambda **times: swept.append(times) or 0)
    monkeypatch.setattr(silence, "read_heartbeats", lambda: {"broker:1": now})
    now = 1_763_600_000.0
    watch = SilenceWatch(since=now)
    watch.look(now=now, is_caught_up=True)

    now -= 3600
    watch.look(now=now, is_caught_up=True)

    assert len(swept) == 2
    assert swept[1]["heard_since"].timestamp() == now
