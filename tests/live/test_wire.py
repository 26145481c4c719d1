"""The protocol over a real connection: refusals, sizes, isolation."""

from __future__ import annotations

import asyncio
import json

import pytest
import websockets

from tests.live.site import LiveClient
from tests.pace import assert_within

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

MEBIBYTE = 1024  # in the KiB of /proc


async def test_a_foreign_origin_gets_403(site):
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with websockets.connect(site.url, origin="http://evil.example"):
            pass

    assert caught.value.response.status_code == 403


async def test_an_unknown_address_gets_403(site):
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with websockets.connect(site.url.replace("/live", "/other"), origin=site.origin):
            pass

    assert caught.value.response.status_code == 403


async def test_without_a_session_the_socket_closes_with_4401(site):
    async with websockets.connect(site.url, origin=site.origin) as socket:
        with pytest.raises(websockets.ConnectionClosed):
            await socket.recv()

    assert socket.close_code == 4401


async def test_too_many_messages_close_with_4429(site):
    async with site.connect(site.red) as socket:
        with pytest.raises(websockets.ConnectionClosed):
            for _ in range(100):
                await socket.send('{"type":"ping"}')
            while True:
                await socket.recv()

    assert socket.close_code == 4429


@pytest.mark.parametrize("mebibytes", [2, 64])
async def test_huge_frames_close_the_socket_and_cost_no_memory(site, note, mebibytes):
    async with site.subscribed(site.red):
        before = site.web.status("VmRSS")
        async with site.connect(site.red, max_size=None) as socket:
            with pytest.raises(websockets.ConnectionClosed):
                await socket.send("x" * (mebibytes * 1024 * 1024))
                while True:
                    await socket.recv()
        grown = (site.web.status("VmRSS") - before) / MEBIBYTE

    note(mib=grown)
    assert grown <= 8


async def test_a_stranger_sees_no_frame_and_no_trace(site):
    """Red's numbers and uuids are nowhere in what blue receives, whatever blue asks for."""
    [device, *_] = site.red["devices"]
    heard: list[str] = []

    async def listen(client: LiveClient) -> None:
        async for text in client.socket:
            heard.append(text)
            if "seq" in (message := json.loads(text)):
                await client.say("ack", n=message["seq"])

    async with site.subscribed(site.red) as mine, site.subscribed(site.blue) as theirs:
        listening = asyncio.create_task(listen(theirs))
        await theirs.say("sub", id="b", devices=[device["id"]])
        await theirs.say("sub", id="c", tenant=site.red["tenant"])
        for number in range(5):
            value = 123_456.5 + number
            site.publish({device["channels"]["metric_0"]: value}, latest=True)
            site.publish({site.blue["devices"][0]["channels"]["metric_0"]: 7.0 + number})
            await mine.see(value)
        await asyncio.sleep(1.0)
        listening.cancel()

    text = "".join(heard)
    assert '"code":"unknown_device"' in text
    assert '"code":"unknown_tenant"' in text
    assert "11.0" in text  # blue's own values arrive
    assert "123456.5" not in text
    assert device["id"] not in text
    assert site.red["tenant"] not in text


async def test_latency_from_the_stream_to_the_client(site, note):
    channel = site.red["devices"][0]["channels"]["metric_0"]
    found = []
    async with site.subscribed(site.red, devices=[site.red["devices"][0]["id"]]) as client:
        loop = asyncio.get_running_loop()
        for number in range(30):
            await asyncio.sleep(0.3)
            started = loop.time()
            site.publish({channel: 2000.5 + number})
            await client.see(2000.5 + number)
            found.append((loop.time() - started) * 1000)

    found.sort()
    note(p50_ms=found[15], p95_ms=found[28], max_ms=found[-1])
    assert_within(found[15] / 1000, 0.5)
