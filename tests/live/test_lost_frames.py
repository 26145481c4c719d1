"""Frames that the channel layer lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from energy.asgi import application
from telemetry.live import consumer as consumer_module
from telemetry.live import hub as hub_module
from telemetry.live.link import Link
from telemetry.models import LatestValue
from tests.live.sockets import NOW_MS, Socket, connect, send_frame

pytestmark = pytest.mark.usefixtures("redis", "in_one_thread", "own_layer")


class TestLostFrames:
    @pytest.mark.parametrize(
        ("epoch", "number", "beat"), [("e", 3, False), ("e", 3, True), ("f", 1, False)]
    )
    async def test_lost_frames_bring_a_new_snapshot(self, red, meter, epoch, number, beat):
        async with connect(red.viewer) as socket:
            await socket.subscribe(tenant=True)
            await send_frame(red.tenant, [str(meter.id), "power", NOW_MS + 1, 2.0, "good"])
            await socket.hear("data")

            points = [] if beat else [[str(meter.id), "power", NOW_MS + 2, 3.0, "good"]]
            await send_frame(red.tenant, *points, number=number, epoch=epoch)
            snapshot = await socket.hear("snapshot")

        assert snapshot["id"] == "a"
        assert snapshot["points"][0][:2] == [str(meter.id), "power"]

    async def test_frames_in_order_bring_none(self, red, meter):
        async with connect(red.viewer) as socket:
            await socket.subscribe(tenant=True, rate_ms=100)
            for n in range(1, 4):
                await send_frame(
                    red.tenant, [str(meter.id), "power", NOW_MS + n, 2.0, "good"], number=n
                )
                assert (await socket.hear("data", "snapshot"))["type"] == "data"
            await send_frame(red.tenant, number=3)
            assert await socket.receive_nothing(1.0)

    async def test_a_full_channel_layer_is_never_silent(self, red, meter, monkeypatch):
        """While the hub does not drain, the layer keeps 1,000 messages and drops the rest."""
        original, may_receive = Link.receive, asyncio.Event()

        async def receive_later(link: Link) -> Any:
            await may_receive.wait()
            return await original(link)

        async with connect(red.viewer) as socket:
            await socket.subscribe(tenant=True)
            await send_frame(red.tenant, number=0)
            await asyncio.sleep(0.2)
            monkeypatch.setattr(Link, "receive", receive_later)
            for n in range(1, 1101):
                value = [str(meter.id), "power", NOW_MS + n, float(n), "good"]
                await send_frame(red.tenant, value, number=n)
            with red.scope():
                LatestValue.objects.update(value=1100.0, time=timezone.now())
            may_receive.set()
            assert (await socket.hear("data"))["points"][0][3] <= 1000.0
            await asyncio.sleep(1.0)  # the reactor's next beat, once there is room again
            await send_frame(red.tenant, number=1100)

            snapshot = await socket.hear("snapshot")

        assert snapshot["points"][0][3] == 1100.0


class TestDatabaseOutage:
    """The database does not answer; sockets and clients may try again."""

    @staticmethod
    async def refuse(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("server closed the connection")

    async def test_a_handshake_is_refused(self, red, monkeypatch):
        monkeypatch.setattr(consumer_module, "sign_in", self.refuse)
        socket = Socket(application, "/ws/v1/live")

        assert (await socket.connect(timeout=60))[0] is False
        await socket.disconnect()

    async def test_a_subscription_is_unavailable_and_can_be_repeated(self, red, monkeypatch):
        async with connect(red.viewer) as socket:
            with monkeypatch.context() as patch:
                patch.setattr(hub_module, "find_devices", self.refuse)
                await socket.say("sub", id="a", tenant=True)
                error = await socket.hear("err")

            assert error == {"type": "err", "id": "a", "code": "unavailable"}
            await socket.subscribe(tenant=True)

    async def test_open_sockets_stay(self, red, monkeypatch):
        monkeypatch.setattr(hub_module, "CHECK_SECONDS", 0.1)
        monkeypatch.setattr(hub_module, "find_standing", self.refuse)
        async with connect(red.viewer) as socket:
            await socket.subscribe(tenant=True)
            await asyncio.sleep(1.5)
            await socket.say("ping")
            assert await socket.hear("pong")
