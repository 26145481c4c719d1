"""Signs of life of the long-running processes, for /readyz and the fleet overview."""

from __future__ import annotations

from functools import cache

from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

from energy.lib.redis import connect, ephemeral, key

INTERVAL_SECONDS = 2.0
# A server that hangs must not hold up the loop: little patience, then a pause.
TIMEOUT_SECONDS = 0.5
PAUSE_SECONDS = 5.0
_next_beat: dict[tuple[str, str], float] = {}


@cache
def _client() -> Redis:
    return connect(settings.REDIS_EPHEMERAL_URL, timeout_seconds=TIMEOUT_SECONDS)


def beat(process: str, instance: str, *, now: float) -> None:
    """Note that a process finished a round; at most every two seconds, never raises.

    Costs half a second in five while the ephemeral Redis hangs.

    Args: now: seconds since 1970.
    """
    if now < _next_beat.get((process, instance), 0.0):
        return
    _next_beat[process, instance] = now + INTERVAL_SECONDS
    try:
        _client().hset(key("heartbeats"), f"{process}:{instance}", now)
    except RedisError:  # the process itself is still well
        _next_beat[process, instance] = now + PAUSE_SECONDS


def read_heartbeats() -> dict[str, float]:
    """Return `process:instance` → seconds since 1970 of the last round.

    Raises:
        redis.exceptions.RedisError: the ephemeral Redis does not answer.
    """
    found: dict[bytes, bytes] = ephemeral().hgetall(key("heartbeats"))  # type: ignore[assignment]
    return {name.decode(): float(moment) for name, moment in found.items()}
