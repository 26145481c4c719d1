"""The live reactor: what is watched goes to its room, encoded once and numbered."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import orjson
import pytest
from django.conf import settings
from django.db import OperationalError
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import ConnectionError as RedisUnavailable

from telemetry.ingest.batch import SAMPLE_DTYPE, StoredBatch
from telemetry.live import reactor as reactor_module
from telemetry.live.reactor import LiveReactor
from telemetry.live.rooms import declare_interest
from tests.factories import ChannelFactory, DeviceFactory

NOW = 1_795_000_000.0


class Layer:
    """Stands for the channel layer."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.failure: Exception | None = None

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if self.failure:
            raise self.failure
        self.sent.append((group, message))

    def frames(self) -> list[tuple[str, list]]:
        """Return (group, points) of what was sent since the last call, without beats."""
        sent, self.sent = self.sent, []
        return [(group, orjson.loads(m["points"])) for group, m in sent if m["points"]]


class Bench:
    """A reactor with a clock of its own and a recording channel layer."""

    def __init__(self, monkeypatch) -> None:
        self.layer = Layer()
        self.clock = 1000.0
        monkeypatch.setattr(reactor_module, "get_channel_layer", lambda: self.layer)
        monkeypatch.setattr(reactor_module.time, "monotonic", lambda: self.clock)
        self.reactor = LiveReactor()

    def watch(self, tenant, *devices) -> None:
        """Say that a hub watches devices; without any, all of the tenant."""
        asyncio.run(self._watch(tenant.id.hex, [str(device.id) for device in devices] or ["*"]))

    async def _watch(self, room: str, devices: list[str]) -> None:
        client = AsyncRedis.from_url(settings.REDIS_EPHEMERAL_URL)
        await declare_interest(client, {room: devices}, now=NOW)
        await client.aclose()

    def store(self, *rows: tuple, live: bool = True) -> None:
        """Hand in rows of (channel, ms, value) as stored."""
        array = np.array(
            [(channel.id, time_ms * 1000, value, 0) for channel, time_ms, value in rows],
            dtype=SAMPLE_DTYPE,
        )
        self.reactor.react(StoredBatch(array.tobytes(), bytes([live]) * len(rows), 0))

    def flush(self, *, seconds: float = 0.25) -> None:
        self.clock += seconds
        self.reactor.flush(NOW)


@pytest.fixture
def bench(redis, db, monkeypatch):
    bench = Bench(monkeypatch)
    yield bench
    bench.reactor.close()


@pytest.fixture
def meter(red):
    return DeviceFactory(tenant=red.tenant)


def test_the_newest_value_of_a_watched_device_goes_to_its_room(bench, red, meter):
    power, voltage = ChannelFactory(device=meter, name="power"), ChannelFactory(device=meter)
    bench.watch(red.tenant, meter)
    bench.store((power, 10, 1.0), (power, 20, 2.0), (voltage, 10, 230.0))
    bench.store((power, 15, 1.5))

    bench.flush()

    [(group, points)] = bench.layer.frames()
    assert group == f"live.{red.tenant.id.hex}"
    assert sorted(points) == sorted(
        [
            [str(meter.id), "power", 20, 2.0, "good"],
            [str(meter.id), voltage.name, 10, 230.0, "good"],
        ]
    )


def test_nothing_is_sent_for_devices_that_nobody_watches(bench, red, meter):
    other = ChannelFactory(device=DeviceFactory(tenant=red.tenant))
    bench.watch(red.tenant, meter)
    bench.store((other, 10, 1.0))

    bench.flush()

    assert bench.layer.frames() == []


def test_each_tenant_has_a_room_of_its_own(bench, red, blue, meter):
    mine = ChannelFactory(device=meter)
    theirs = ChannelFactory(device=DeviceFactory(tenant=blue.tenant))
    bench.watch(red.tenant)
    bench.watch(blue.tenant, meter)  # a stranger asks for my meter
    bench.store((mine, 10, 1.0), (theirs, 10, 2.0))

    bench.flush()

    assert bench.layer.frames() == [
        (f"live.{red.tenant.id.hex}", [[str(meter.id), mine.name, 10, 1.0, "good"]])
    ]


def test_history_is_not_shown(bench, red, meter):
    channel = ChannelFactory(device=meter)
    bench.watch(red.tenant)
    bench.store((channel, 10, 1.0), live=False)

    bench.flush()

    assert bench.layer.frames() == []


def test_a_value_goes_out_at_once_and_the_next_100_ms_later(bench, red, meter):
    channel = ChannelFactory(device=meter)
    bench.watch(red.tenant)
    bench.flush()

    bench.store((channel, 10, 1.0))
    bench.flush(seconds=0.01)
    assert len(bench.layer.frames()) == 1

    bench.store((channel, 20, 2.0))
    bench.flush(seconds=0.06)
    assert bench.layer.frames() == []
    assert bench.reactor.wait_seconds() == pytest.approx(0.04)
    bench.flush(seconds=0.041)
    assert len(bench.layer.frames()) == 1


def test_a_viewer_who_comes_gets_the_values_that_just_passed(bench, red, meter):
    channel = ChannelFactory(device=meter)
    bench.store((channel, 10, 1.0))
    bench.flush()
    assert bench.layer.frames() == []

    bench.watch(red.tenant, meter)
    bench.flush()

    assert [points for _, points in bench.layer.frames()] == [
        [[str(meter.id), channel.name, 10, 1.0, "good"]]
    ]
    bench.flush()
    assert bench.layer.frames() == []


def test_frames_of_a_room_are_numbered_without_holes(bench, red, meter):
    channel = ChannelFactory(device=meter)
    bench.watch(red.tenant)
    for value in range(4):
        bench.store((channel, value, float(value)))
        bench.flush()

    assert [message["n"] for _, message in bench.layer.sent] == [1, 2, 3, 4]
    assert len({message["epoch"] for _, message in bench.layer.sent}) == 1


def test_a_quiet_room_gets_a_beat_each_second(bench, red, meter):
    bench.watch(red.tenant)

    for _ in range(12):
        bench.flush()

    assert [(m["n"], m["points"]) for _, m in bench.layer.sent] == [(0, b"")] * 3


def test_large_rooms_are_split_into_frames_of_64_kib(bench, red, meter):
    channels = [ChannelFactory(device=meter, name=f"metric_{n}") for n in range(800)]
    bench.watch(red.tenant)
    bench.store(*((channel, 1_795_000_000_000, 230.125) for channel in channels))

    bench.flush()

    sizes = [len(message["points"]) for _, message in bench.layer.sent]
    assert len(sizes) > 1
    assert max(sizes) <= 64 * 1024
    assert sum(len(points) for _, points in bench.layer.frames()) == 800


@pytest.mark.parametrize("failure", [RedisUnavailable("refused"), TimeoutError(), OSError()])
def test_frames_that_could_not_be_sent_begin_a_new_epoch(bench, red, meter, failure):
    channel = ChannelFactory(device=meter)
    bench.watch(red.tenant)
    bench.store((channel, 1, 1.0))
    bench.flush()
    [(_, before)] = bench.layer.sent

    bench.layer.failure = failure
    bench.store((channel, 2, 2.0))
    bench.flush()
    bench.layer.failure, bench.layer.sent = None, []
    bench.flush(seconds=1.0)

    assert bench.layer.sent[-1][1]["epoch"] != before["epoch"]


def test_a_gap_in_the_stream_begins_a_new_epoch(bench, red, meter):
    bench.watch(red.tenant)
    bench.flush()
    bench.reactor.on_gap()
    bench.flush(seconds=1.0)

    epochs = {message["epoch"] for _, message in bench.layer.sent}
    assert len(epochs) == 2


def test_channels_are_asked_for_once(bench, red, meter, django_assert_num_queries):
    channels = [ChannelFactory(device=meter) for _ in range(30)]
    bench.watch(red.tenant)
    bench.reactor._events._at = float("inf")  # it asks as well, in its own time

    for time_ms, queries in ((1, 1), (2, 0)):
        bench.store(*((channel, time_ms, 1.0) for channel in channels))
        with django_assert_num_queries(queries):
            bench.flush()


def test_an_unavailable_database_begins_a_new_epoch(bench, red, meter, monkeypatch):
    channel = ChannelFactory(device=meter)
    bench.watch(red.tenant)
    bench.flush()

    def refuse(channels: list[int]) -> None:
        raise OperationalError("server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr(bench.reactor._routes, "_load", refuse)
        bench.store((channel, 1, 1.0))
        with pytest.raises(OperationalError):
            bench.flush()
    bench.flush(seconds=1.0)

    assert len({message["epoch"] for _, message in bench.layer.sent}) == 2
