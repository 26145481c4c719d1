"""Connections to the two Redis servers and the check that the durable one is durable."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

SOCKET_TIMEOUT_SECONDS = 5.0


class RedisNotDurable(RuntimeError):
    """The Redis that holds acknowledged data may lose it; nothing is started on it."""


def key(name: str) -> str:
    """Return the Redis key of a stream or set of this installation."""
    return f"{settings.REDIS_KEY_PREFIX}{name}"


def connect(url: str, *, timeout_seconds: float = SOCKET_TIMEOUT_SECONDS) -> Redis:
    """Return a client that answers bytes, fails after the timeout and never retries by itself.

    Loops above decide about retries: a hidden retry of XADD would store an entry twice.
    """
    return Redis.from_url(
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=min(2.0, timeout_seconds),
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
    )


@cache
def durable() -> Redis:
    """Return the process-wide client of the durable Redis (streams)."""
    return connect(settings.REDIS_DURABLE_URL)


@cache
def ephemeral() -> Redis:
    """Return the process-wide client of the ephemeral Redis (viewers, heartbeats)."""
    return connect(settings.REDIS_EPHEMERAL_URL)


def check_durability(client: Redis) -> None:
    """Refuse a Redis that can lose or evict what it acknowledged.

    Raises:
        RedisNotDurable: no append-only file, fsync not on every write, or an eviction policy.
        redis.exceptions.RedisError: the server cannot be asked.
    """
    wanted = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
    found = {name: _read_setting(client, name) for name in wanted}
    wrong = [f"{name} is {found[name]!r}, must be {wanted[name]!r}" for name in wanted
             if found[name] != wanted[name]]  # fmt: skip
    if wrong:
        raise RedisNotDurable(
            "REDIS_DURABLE_URL would lose acknowledged data: " + "; ".join(wrong) + ". "
            "Set these in redis.conf and restart Redis."
        )


def _read_setting(client: Redis, name: str) -> str:
    try:
        answer: Any = client.config_get(name)
    except ResponseError as error:
        raise RedisNotDurable(
            f"CONFIG GET {name} is refused, so durability cannot be checked ({error}). Allow this "
            "user CONFIG GET in redis.conf, or use a Redis that allows it."
        ) from error
    value = answer.get(name, answer.get(name.encode(), ""))
    return value.decode() if isinstance(value, bytes) else str(value)


__all__ = ["RedisError", "RedisNotDurable", "check_durability", "connect", "durable", "ephemeral",
           "key"]  # fmt: skip
