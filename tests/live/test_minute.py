"""One minute of the configuration that ships: idle, crowded, and with stalled readers.

The choice of channel layer and Redis client stands on these tests: an idle socket must
outlive the client's timeouts, and one message must reach a thousand sockets.
"""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from telemetry.live.limits import ACK_TIMEOUT_SECONDS
from tests.live.site import SESSIONS, LiveClient, Site
from tests.pace import assert_within

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

IDLE_SOCKETS = 20
IDLE_SECONDS = 60.0
CROWD = 1000
STALLED = 50
FLOOD_SECONDS = 10.0
MEBIBYTE = 1024  # in the KiB of /proc


class IdleSockets:
    """Sockets that say nothing, in a thread with an event loop of its own."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.sockets: list[Any] = self._do(self._open())
        self.opened_at = time.monotonic()

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(240)

    async def _open(self) -> list[Any]:
        return [await self._site.connect(self._site.blue, n) for n in range(IDLE_SOCKETS)]

    def close_codes(self) -> list[int | None]:
        """Return the codes of closed sockets, None for those that are open."""
        return [connection.close_code for connection in self.sockets]

    def answers(self) -> list[str]:
        """Ping each socket and return the type of its answer."""
        return [self._do(self._ping(connection)) for connection in self.sockets]

    async def _ping(self, connection: Any) -> str:
        client = LiveClient(connection)
        await client.say("ping")
        return (await client.hear("pong"))["type"]

    def close(self) -> None:
        """Close all and end the thread."""
        self._do(asyncio.wait_for(self._close(), 120))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        for connection in self.sockets:
            await connection.close()


@pytest.fixture(scope="module")
def idle(site: Site) -> Iterator[IdleSockets]:
    """Open sockets before the first test; the last one looks at them."""
    sockets = IdleSockets(site)
    yield sockets
    sockets.close()


def open_stalled(site: Site, number: int) -> socket.socket:
    """Open a socket by hand, subscribe to everything and never read."""
    stalled = socket.socket()
    stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stalled.settimeout(60)
    stalled.connect(("127.0.0.1", site.port))
    cookie = site.red["cookies"][number % SESSIONS]
    stalled.sendall(
        f"GET /ws/v1/live HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nOrigin: {site.origin}\r\n"
        f"Cookie: sessionid={cookie}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    assert stalled.recv(12) == b"HTTP/1.1 101"
    text = json.dumps({"type": "sub", "id": "a", "tenant": True, "rate_ms": 100}).encode()
    # a masked text frame; the mask of zeros leaves the text as it is
    stalled.sendall(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)
    return stalled


async def flood(site: Site, seconds: float) -> None:
    """Change all values of the tenant five times a second: frames of 8 KiB for each socket."""
    every = [key for device in site.red["devices"] for key in device["channels"].values()]
    until = time.monotonic() + seconds
    value = 1000.0
    while time.monotonic() < until:
        value += 1.0
        site.publish(dict.fromkeys(every, value))
        await asyncio.sleep(0.2)


async def measure_latency(site: Site, client: LiveClient, seconds: float) -> list[float]:
    """Return the seconds from publishing a value of its own to its frame, again and again."""
    channel = site.blue["devices"][0]["channels"]["metric_0"]
    until, value, found = time.monotonic() + seconds, 0.5, []
    while time.monotonic() < until:
        value += 1.0
        started = time.perf_counter()
        site.publish({channel: value})
        await client.see(value)
        found.append(time.perf_counter() - started)
        await asyncio.sleep(0.25)
    return found


@pytest.mark.usefixtures("idle")
async def test_stalled_readers_cost_little_and_harm_nobody(site, note):
    before = site.web.status("VmRSS")
    async with site.subscribed(site.blue) as healthy:
        loop = asyncio.get_running_loop()
        opened_at = time.monotonic()
        stalled = [
            await loop.run_in_executor(None, open_stalled, site, number)
            for number in range(STALLED)
        ]
        latencies, _ = await asyncio.gather(
            measure_latency(site, healthy, FLOOD_SECONDS), flood(site, FLOOD_SECONDS)
        )
        grown = (site.web.status("VmRSS") - before) / MEBIBYTE
        open_then = site.sockets_open()
        while site.sockets_open() > open_then - STALLED:
            assert time.monotonic() - opened_at < 240, "stalled sockets stay open"
            await healthy.say("ping")
            await healthy.hear("pong")
            await asyncio.sleep(0.5)
        closed_after = time.monotonic() - opened_at

    latencies.sort()
    note(mib_for_50_stalled=grown, seconds_until_closed=closed_after)
    note(p50_ms=statistics.median(latencies) * 1000, p95_ms=latencies[-len(latencies) // 20] * 1000)
    assert grown <= 64
    assert closed_after >= ACK_TIMEOUT_SECONDS
    assert_within(closed_after, 35)
    assert_within(latencies[int(len(latencies) * 0.95)], 1.0)
    for connection in stalled:
        connection.close()


async def open_crowd(site: Site) -> list[LiveClient]:
    """Open a thousand sockets that watch a device, a few at a time."""
    gate = asyncio.Semaphore(40)
    device = site.red["devices"][0]["id"]

    async def enter(number: int) -> LiveClient:
        async with gate:
            client = LiveClient(await site.connect(site.red, number))
            await client.say("sub", id="a", devices=[device], rate_ms=100)
            await client.hear("snapshot", seconds=180)
            return client

    return list(await asyncio.gather(*(enter(number) for number in range(CROWD))))


@pytest.mark.usefixtures("idle")
async def test_a_message_reaches_a_thousand_sockets(site, note):
    before = site.web.status("VmRSS")
    started, cpu = time.perf_counter(), site.web.cpu_seconds()
    crowd = await open_crowd(site)
    note(seconds_to_open=time.perf_counter() - started)
    note(cpu_ms_per_socket=(site.web.cpu_seconds() - cpu) / CROWD * 1000)
    note(mib_for_the_crowd=(site.web.status("VmRSS") - before) / MEBIBYTE)
    channels = site.red["devices"][0]["channels"].values()

    cpu, frames = site.web.cpu_seconds(), 0
    for value in (41.5, 42.5, 43.5):
        sent = time.perf_counter()
        site.publish(dict.fromkeys(channels, value))
        await asyncio.gather(*(client.see(value, seconds=120) for client in crowd))
        note(ms_until_all_have_it=(time.perf_counter() - sent) * 1000)
        frames += len(crowd)
        await asyncio.sleep(0.3)
    note(cpu_us_per_frame_and_ack=(site.web.cpu_seconds() - cpu) / frames * 1e6)

    assert site.sockets_open() >= CROWD
    await asyncio.gather(*(client.socket.close() for client in crowd))


def test_idle_sockets_stay_open_for_a_minute(idle, note):
    time.sleep(max(0.0, idle.opened_at + IDLE_SECONDS - time.monotonic()))

    assert idle.close_codes() == [None] * IDLE_SOCKETS
    assert idle.answers() == ["pong"] * IDLE_SOCKETS
    note(idle_seconds=time.monotonic() - idle.opened_at)
