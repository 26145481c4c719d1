"""Signs of life of the long-running processes, for /readyz and the fleet overview."""

from __future__ import annotations

import contextlib

from redis.exceptions import RedisError

from energy.lib.redis import ephemeral, key

INTERVAL_SECONDS = 2.0
_last_beat: dict[tuple[str, str], float] = {}


def beat(process: str, instance: str, *, now: float) -> None:
    """Note that a process finished a round; at most every two seconds, never raises.

    Args: now: seconds since 1970.
    """
    if now - _last_beat.get((process, instance), 0.0) < INTERVAL_SECONDS:
        return
    _last_beat[process, instance] = now
    # without the ephemeral Redis the process itself is still well
    with contextlib.suppress(RedisError):
        ephemeral().hset(key("heartbeats"), f"{process}:{instance}", now)


def read_heartbeats() -> dict[str, float]:
    """Return `process:instance` → seconds since 1970 of the last round.

    Raises:
        redis.exceptions.RedisError: the ephemeral Redis does not answer.
    """
    found: dict[bytes, bytes] = ephemeral().hgetall(key("heartbeats"))  # type: ignore[assignment]
    return {name.decode(): float(moment) for name, moment in found.items()}
