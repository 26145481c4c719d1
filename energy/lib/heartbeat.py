"""Signs of life of the long-running processes, for /readyz and the fleet overview."""

from __future__ import annotations

import contextlib
from functools import cache

from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

from energy.lib.redis import connect, key
from energy.lib.waiting import must_wait

INTERVAL_SECONDS = 2.0
# A server that hangs must not hold up the loop: little patience, then a pause.
TIMEOUT_SECONDS = 0.5
PAUSE_SECONDS = 5.0
_next_beat: dict[tuple[str, str], float] = {}


@cache
def _client(url: str) -> Redis:
    return connect(url, timeout_seconds=TIMEOUT_SECONDS)


def beat(process: str, instance: str, *, now: float) -> None:
    """Note that a process finished a round; at most every two seconds, never raises.

    Costs half a second in five while the ephemeral Redis hangs.

    Args: now: seconds since 1970.
    """
    if must_wait(_next_beat.get((process, instance), 0.0), now=now, at_most=PAUSE_SECONDS):
        return
    _next_beat[process, instance] = now + INTERVAL_SECONDS
    try:
        _client(settings.REDIS_EPHEMERAL_URL).hset(key("heartbeats"), f"{process}:{instance}", now)
    except RedisError:  # the process itself is still well
        _next_beat[process, instance] = now + PAUSE_SECONDS


def forget(process: str, instance: str) -> None:
    """Take back the signs of life of a process that is something else now; never raises."""
    _next_beat.pop((process, instance), None)
    with contextlib.suppress(RedisError):
        _client(settings.REDIS_EPHEMERAL_URL).hdel(key("heartbeats"), f"{process}:{instance}")


def read_heartbeats() -> dict[str, float]:
    """Return `process:instance` → seconds since 1970 of the last round.

    Raises:
        redis.exceptions.RedisError: the ephemeral Redis does not answer within half a second;
            the ingest worker asks between two batches.
    """
    found: dict[bytes, bytes] = _client(settings.REDIS_EPHEMERAL_URL).hgetall(key("heartbeats"))  # type: ignore[assignment]
    return {name.decode(): float(moment) for name, moment in found.items()}
