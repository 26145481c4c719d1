"""How many samples were committed in each of the last minutes, for staff to see."""

from __future__ import annotations

from typing import Any

from redis import Redis

from energy.lib.redis import key

MINUTES = 60
_KEPT_SECONDS = (MINUTES + 5) * 60


def count_samples(pipeline: Any, number: int, *, now: float) -> None:
    """Add to the count of this minute, in a pipeline that is executed anyway.

    A repeated batch counts twice: this is an indication, no ledger.
    Args: now: seconds since 1970.
    """
    name = _key(int(now // 60))
    pipeline.incrby(name, number)
    pipeline.expire(name, _KEPT_SECONDS)


def samples_by_minute(client: Redis, *, now: float) -> list[int]:
    """Return the counts of the last sixty complete minutes, oldest first.

    Raises:
        redis.exceptions.RedisError: the durable Redis does not answer.
    """
    this_minute = int(now // 60)
    names = [_key(minute) for minute in range(this_minute - MINUTES, this_minute)]
    counts: Any = client.mget(names)
    return [int(count or 0) for count in counts]


def _key(minute: int) -> str:
    return key(f"rate.samples.{minute}")
