"""The cache, which nothing may depend on: while Redis is away, this process remembers alone.

allauth counts sign-in tries in the cache; without this nobody could sign in meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

PAUSE_SECONDS = 5.0
_FORWARDED = ("add", "get", "set", "touch", "delete", "get_many", "has_key", "incr", "set_many",
              "delete_many", "clear")  # fmt: skip
_log = structlog.get_logger(__name__)


class RedisOrMemoryCache(RedisCache):
    """Redis, and after a failure for some seconds a bounded memory of this process.

    Not for what must be seen by all processes, such as tickets that work once.
    """

    _away_until = 0.0  # of all instances: Django makes one for each thread

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._memory = LocMemCache("while-redis-is-away", {"OPTIONS": {"MAX_ENTRIES": 10_000}})

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of Redis' cache, or of the memory."""
        if time.monotonic() >= RedisOrMemoryCache._away_until:
            try:
                return getattr(RedisCache, name)(self, *args, **kwargs)
            except RedisError as error:
                RedisOrMemoryCache._away_until = time.monotonic() + PAUSE_SECONDS
                _log.warning("cache.redis_away", error=type(error).__name__)
        return getattr(self._memory, name)(*args, **kwargs)


def _forward(name: str) -> Callable[..., Any]:
    def method(self: RedisOrMemoryCache, *args: Any, **kwargs: Any) -> Any:
        return self.call(name, *args, **kwargs)

    return method


for _name in _FORWARDED:
    setattr(RedisOrMemoryCache, _name, _forward(_name))
