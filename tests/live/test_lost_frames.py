"""Frames that the channel layer lost."""

from __future__ import annotations

import pytest

from tests.live.sockets import NOW_MS, connect, send_frame

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
