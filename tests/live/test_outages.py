"""Servers and processes that die under open sockets; nobody restarts the others."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Iterator

import pytest
import websockets

from tests.live.site import LiveClient, Site
from tests.pace import assert_within

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

RECOVERY_SECONDS = 5.0


@pytest.fixture(autouse=True)
def restored(site: Site) -> Iterator[None]:
    """Have everything run again after the test, whatever it did."""
    yield
    for name in ("redis_durable", "redis_ephemeral"):
        if site.stack.pid(name) is None:
            site.stack.restart(name)
    site.start_processes()


def channel_of(site: Site, number: int = 0) -> int:
    return site.red["devices"][0]["channels"][f"metric_{number}"]


async def publish_until_seen(site: Site, client: LiveClient, *, start: float) -> None:
    """Publish a new value each 100 ms until one of them arrives as data."""
    values = [start + n for n in range(1000)]

    async def publish() -> None:
        for value in values:
            with contextlib.suppress(ConnectionError, OSError):
                site.publish({channel_of(site): value})
            await asyncio.sleep(0.1)

    publishing = asyncio.create_task(publish())
    try:
        while True:
            frame = await client.hear("data")
            if any(point[3] >= start for point in frame["points"]):
                return
    finally:
        publishing.cancel()


async def test_the_ephemeral_redis_is_killed_and_comes_back(site, note):
    async with site.subscribed(site.red) as client:
        site.stack.kill("redis_ephemeral")
        site.publish({channel_of(site): 501.5}, latest=True)
        await client.say("ping")
        await client.hear("pong")  # the socket lives
        await asyncio.sleep(2.0)

        site.stack.restart("redis_ephemeral")
        back_at = time.monotonic()
        snapshot = await client.hear("snapshot")
        note(seconds_to_snapshot=time.monotonic() - back_at)
        assert any(point[3] == 501.5 for point in snapshot["points"])
        await publish_until_seen(site, client, start=510.0)
        seconds = time.monotonic() - back_at

    note(seconds_to_data=seconds)
    assert_within(seconds, RECOVERY_SECONDS)


async def test_the_ephemeral_redis_freezes(site, note):
    async with site.subscribed(site.red) as client:
        site.stack.freeze("redis_ephemeral")
        site.publish({channel_of(site): 601.5}, latest=True)
        async with site.connect(site.red) as late:  # signing in does not wait for it
            newcomer = LiveClient(late)
            started = time.monotonic()
            await newcomer.say("sub", id="a", tenant=True)
            await newcomer.hear("snapshot")
            took = time.monotonic() - started
            note(seconds_to_subscribe=took)
            assert_within(took, 4.0)
        await asyncio.sleep(3.0)

        site.stack.cont("redis_ephemeral")
        back_at = time.monotonic()
        await publish_until_seen(site, client, start=610.0)
        seconds = time.monotonic() - back_at

    note(seconds_to_data=seconds)
    assert_within(seconds, RECOVERY_SECONDS)


async def test_the_durable_redis_is_killed_and_comes_back(site, note):
    async with site.subscribed(site.red) as client:
        site.stack.kill("redis_durable")
        await asyncio.sleep(1.0)

        site.stack.restart("redis_durable")
        back_at = time.monotonic()
        await publish_until_seen(site, client, start=700.0)
        seconds = time.monotonic() - back_at

    note(seconds_to_data=seconds)
    assert_within(seconds, RECOVERY_SECONDS)


async def test_the_reactor_is_killed_and_started_again(site, note):
    async with site.subscribed(site.red) as client:
        site.reactor.end(signal.SIGKILL)
        site.publish({channel_of(site): 801.5}, latest=True)
        site.reactor.start()
        started_at = time.monotonic()

        # the new run is a new epoch: what passed meanwhile comes as a snapshot
        snapshot = await client.hear("snapshot", seconds=60)
        note(seconds_to_snapshot=time.monotonic() - started_at)

        assert any(point[3] == 801.5 for point in snapshot["points"])
        await publish_until_seen(site, client, start=810.0)


async def test_a_second_reactor_stands_by_and_takes_over(site, note):
    second = site.new_reactor("2")
    second.start()
    try:
        beats = site.redis("EPHEMERAL")
        while not beats.hget("heartbeats", "reactor_live:2"):
            await asyncio.sleep(0.1)
        async with site.subscribed(site.red) as client:
            await publish_until_seen(site, client, start=900.0)
            site.reactor.end(signal.SIGKILL)
            killed_at = time.monotonic()
            await publish_until_seen(site, client, start=950.0)
            seconds = time.monotonic() - killed_at
    finally:
        second.end()

    note(seconds_to_data=seconds)
    assert_within(seconds, RECOVERY_SECONDS)


async def test_daphne_stops_cleanly(site, note):
    async with site.connect(site.red) as socket:
        client = LiveClient(socket)
        await client.hear("welcome")
        started = time.monotonic()

        code = await asyncio.to_thread(site.web.end)

        note(seconds=time.monotonic() - started, exit_code=code)
        with pytest.raises(websockets.ConnectionClosed):
            await client.hear("pong")
        assert socket.close_code == 1000


async def test_daphne_is_killed_and_all_come_back(site, note):
    sockets = [await site.connect(site.red, number) for number in range(200)]
    site.web.end(signal.SIGKILL)
    site.web.start()
    await asyncio.to_thread(site.wait_for_web)
    listening_at = time.monotonic()

    async def come_back(number: int) -> None:
        async with site.subscribed(site.red, number) as client:
            await publish_until_seen(site, client, start=1000.0)

    await asyncio.gather(*(come_back(number) for number in range(0, 200, 20)))
    others = await asyncio.gather(*(site.connect(site.red, number) for number in range(190)))
    seconds = time.monotonic() - listening_at

    note(seconds_until_200_are_back=seconds)
    assert_within(seconds, 10)
    await asyncio.gather(*(socket.close() for socket in [*sockets, *others]))
