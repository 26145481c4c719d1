"""Bounds of one socket."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
from typing import Any

import pytest

from accounts.tenancy import tenant_scope
from devices.models import Device
from telemetry.live import hub as hub_module
from telemetry.live.credit import CreditWindow
from tests.factories import (
    DeviceFactory,
)
from tests.live.sockets import NOW_MS, Socket, connect, send_frame

pytestmark = pytest.mark.usefixtures("redis", "in_one_thread", "own_layer")


def fill_site(tenant: Any, count: int) -> Any:
    """Return a site with so many devices."""
    first = DeviceFactory(tenant=tenant)
    shared = {name: getattr(first, name) for name in ("tenant", "site", "profile", "gateway")}
    with tenant_scope(tenant.id):
        Device.objects.bulk_create(
            Device(**shared, uid=f"meter-{n}", name=f"Meter {n}") for n in range(count - 1)
        )
    return first.site


class TestLimits:
    async def test_500_devices_for_a_socket(self, red):
        site = fill_site(red.tenant, 501)
        async with connect(red.viewer) as socket:
            await socket.say("sub", id="a", sites=[str(site.id)])
            assert (await socket.hear("err"))["code"] == "too_many_devices"
            await socket.say("sub", id="a", tenant=True)
            assert (await socket.hear("err"))["code"] == "too_many_devices"

    async def test_devices_of_all_subscriptions_count(self, red, monkeypatch):
        monkeypatch.setattr(hub_module, "MAX_DEVICES", 2)
        devices = [DeviceFactory(tenant=red.tenant) for _ in range(3)]
        ids = [str(device.id) for device in devices]
        async with connect(red.viewer) as socket:
            await socket.subscribe(devices=ids[:2])
            await socket.say("sub", id="b", devices=ids[2:])
            assert (await socket.hear("err"))["code"] == "too_many_devices"
            await socket.say("sub", id="b", devices=ids[:1])
            assert (await socket.hear("ok", "err"))["type"] == "ok"

    async def test_20_subscriptions_for_a_socket(self, red, monkeypatch):
        monkeypatch.setattr(hub_module, "MAX_SUBSCRIPTIONS", 2)
        async with connect(red.viewer) as socket:
            for name in "abc":
                await socket.say("sub", id=name, tenant=True)
            assert (await socket.hear("err")) == {
                "type": "err",
                "id": "c",
                "code": "too_many_subscriptions",
            }

    async def test_ten_messages_a_second(self, red):
        async with connect(red.viewer) as socket:
            for _ in range(30):
                await socket.say("ping")
            assert await socket.closed() == 4429

    async def test_acknowledging_every_frame_is_not_too_much(self, red):
        async with connect(red.viewer) as socket:
            await socket.subscribe(tenant=True)
            for _ in range(100):
                await socket.say("ack", n=1)
            await socket.say("ping", id=1)
            assert await socket.hear("pong") == {"type": "pong", "id": 1}

    @pytest.mark.parametrize(
        ("text", "code"),
        [("{", "not_json"), ("[]", "not_json"), ('{"type":"' + "x" * 20_000 + '"}', "too_long")],
    )
    async def test_no_json_and_long_messages_close_with_4400(self, red, text, code):
        async with connect(red.viewer) as socket:
            await socket.send_to(text_data=text)
            assert (await socket.hear("err"))["code"] == code
            assert await socket.closed() == 4400

    async def test_bytes_close_with_4400(self, red):
        async with connect(red.viewer) as socket:
            await socket.send_to(bytes_data=b"\0\1")
            assert await socket.closed() == 4400

    async def test_other_mistakes_are_answered(self, red):
        async with connect(red.viewer) as socket:
            await socket.say("nonsense", id=5)
            assert await socket.hear("err") == {"type": "err", "id": 5, "code": "bad_message"}
            await socket.say("ack", n=99)
            assert (await socket.hear("err"))["code"] == "unsent_frame"
            await socket.say("ping")
            assert await socket.hear("pong") == {"type": "pong"}


class TestStalledSockets:
    async def test_without_credit_nothing_comes_until_an_ack(self, red, meter, monkeypatch):
        small = functools.partial(CreditWindow, max_frames=8)
        monkeypatch.setattr("telemetry.live.consumer.CreditWindow", small)
        async with connect(red.viewer) as socket:
            await socket.say("sub", id="a", tenant=True, rate_ms=100)
            frames = await self._collect(socket, red.tenant, str(meter.id), count=30)
            assert [frame["seq"] for frame in frames] == list(range(1, 9))

            await socket.say("ack", n=8)
            data, lag = await socket.hear("data"), await socket.hear("lag")

        assert data["points"][0][3] == 30.0
        assert lag["dropped"] > 10

    @staticmethod
    async def _collect(socket: Socket, tenant: Any, device: str, *, count: int) -> list[dict]:
        """Send values for so long that the credit ends; acknowledge nothing."""
        frames: list[dict] = []
        for n in range(1, count + 1):
            await send_frame(tenant, [device, "power", NOW_MS + n, float(n), "good"], number=n)
            await asyncio.sleep(0.1)
            with contextlib.suppress(asyncio.QueueEmpty):
                while True:
                    output = socket.output_queue.get_nowait()
                    frames.append(json.loads(output["text"]))
        return [frame for frame in frames if "seq" in frame]

    async def test_30_seconds_without_ack_close_with_4408(self, red, meter, monkeypatch):
        monkeypatch.setattr("telemetry.live.consumer.LiveConsumer.ack_seconds", 1.0)
        async with connect(red.viewer) as socket:
            await socket.say("sub", id="a", tenant=True)

            assert await socket.closed() == 4408
