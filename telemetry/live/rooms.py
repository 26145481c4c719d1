"""Who watches what: hubs write it, the live reactor reads it (ephemeral Redis).

`live:rooms`       sorted set, tenant hex → second of the last refresh
`live:watch:<hex>` sorted set, device uuid, `*` or `!` (events) → second of the last refresh
`live:version`     random, new whenever something new is watched
Hubs refresh every five seconds; what is older than fifteen is ignored, so a hub that
was killed leaves nothing behind.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from energy.lib.redis import key

EVERYTHING = "*"
EVENTS = "!"
REFRESH_SECONDS = 5.0
STALE_SECONDS = 15.0
_KEY_LIFE_SECONDS = 60

Interest = dict[str, frozenset[str]]


def group_name(tenant_hex: str) -> str:
    """Return the channel-layer group of a tenant's room."""
    return f"live.{tenant_hex}"


async def declare_interest(
    client: AsyncRedis, wanted: Mapping[str, Iterable[str]], *, now: float
) -> None:
    """Say that this hub has viewers of these devices (`*`: all; `!`: events), by tenant hex.

    Raises:
        redis.exceptions.RedisError: the ephemeral Redis does not answer.
    """
    pipeline = client.pipeline(transaction=False)
    for tenant, devices in wanted.items():
        watched = dict.fromkeys(devices, now)
        if watched:
            pipeline.zadd(key(f"live:watch:{tenant}"), watched)
            pipeline.expire(key(f"live:watch:{tenant}"), _KEY_LIFE_SECONDS)
            pipeline.zadd(key("live:rooms"), {tenant: now})
    answers = await pipeline.execute()
    if any(answers[0::3]):  # the number of new members of each watch set
        # not a counter: after a restart of Redis it could come to the old number again
        await client.set(key("live:version"), uuid.uuid4().hex)


class InterestReader:
    """The reactor's view of all hubs' interest; reads the sets only when they changed."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._version: bytes | None = None
        self._read_at = float("-inf")
        self.interest: Interest = {}

    def read(self, *, now: float) -> Interest:
        """Return the watched devices of each tenant that has viewers.

        Raises:
            redis.exceptions.RedisError: the ephemeral Redis does not answer.
        """
        version: Any = self._client.get(key("live:version"))
        if version != self._version or now - self._read_at >= REFRESH_SECONDS:
            self.interest = self._read_sets(now)
            self._version, self._read_at = version, now
        return self.interest

    def _read_sets(self, now: float) -> Interest:
        fresh = now - STALE_SECONDS
        self._client.zremrangebyscore(key("live:rooms"), "-inf", f"({fresh}")
        rooms: Any = self._client.zrange(key("live:rooms"), 0, -1)
        tenants = [room.decode() for room in rooms]
        pipeline = self._client.pipeline(transaction=False)
        for tenant in tenants:
            pipeline.zremrangebyscore(key(f"live:watch:{tenant}"), "-inf", f"({fresh}")
            pipeline.zrange(key(f"live:watch:{tenant}"), 0, -1)
        watched = pipeline.execute()[1::2]
        found = (frozenset(member.decode() for member in members) for members in watched)
        return {tenant: devices for tenant, devices in zip(tenants, found, strict=True) if devices}
