"""Interest of hubs in the ephemeral Redis."""

from __future__ import annotations

import pytest
from django.conf import settings
from redis.asyncio import Redis as AsyncRedis

from energy.lib.redis import ephemeral, key
from telemetry.live.rooms import InterestReader, declare_interest

RED, BLUE = "a" * 32, "b" * 32

pytestmark = pytest.mark.usefixtures("redis")


async def declare(wanted, *, now: float) -> None:
    client = AsyncRedis.from_url(settings.REDIS_EPHEMERAL_URL)
    try:
        await declare_interest(client, wanted, now=now)
    finally:
        await client.aclose()


async def test_the_reactor_sees_the_interest_of_all_hubs():
    await declare({RED: ["d1"], BLUE: ["*"]}, now=100.0)
    await declare({RED: ["d2"]}, now=101.0)

    interest = InterestReader(ephemeral()).read(now=101.0)

    assert interest == {RED: {"d1", "d2"}, BLUE: {"*"}}


async def test_news_are_seen_at_once():
    reader = InterestReader(ephemeral())
    await declare({RED: ["d1"]}, now=100.0)
    reader.read(now=100.0)

    await declare({RED: ["d2"]}, now=100.1)

    assert reader.read(now=100.2) == {RED: {"d1", "d2"}}


async def test_interest_that_nobody_refreshes_ends_after_15_seconds():
    reader = InterestReader(ephemeral())
    await declare({RED: ["d1", "d2"], BLUE: ["d3"]}, now=100.0)
    await declare({RED: ["d1"]}, now=110.0)

    assert reader.read(now=114.0) == {RED: {"d1", "d2"}, BLUE: {"d3"}}
    assert reader.read(now=119.5) == {RED: {"d1"}}


async def test_unchanged_interest_costs_one_question():
    reader = InterestReader(ephemeral())
    await declare({RED: ["d1"]}, now=100.0)
    reader.read(now=100.0)
    ephemeral().delete(key(f"live:watch:{RED}"))

    assert reader.read(now=102.0) == {RED: {"d1"}}


async def test_an_emptied_redis_is_noticed():
    reader = InterestReader(ephemeral())
    await declare({RED: ["d1"]}, now=100.0)
    reader.read(now=100.0)
    for name in ("live:version", "live:rooms", f"live:watch:{RED}"):
        ephemeral().delete(key(name))

    assert reader.read(now=100.2) == {}
    await declare({RED: ["d1"]}, now=100.3)
    assert reader.read(now=100.4) == {RED: {"d1"}}
