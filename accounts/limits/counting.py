"""Counters of calls: in the ephemeral Redis for all processes, else in this one.

A limit must never be what stops the product: one script, 250 ms at most, and after a
failure Redis is left alone for some seconds while each process counts for itself.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cache
from typing import Any

import structlog
from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

from accounts.limits.window import Decision, Limit, decide, used_calls
from energy.lib.redis import connect, key

TIMEOUT_SECONDS = 0.25
PAUSE_SECONDS = 5.0
MAX_LOCAL_SUBJECTS = 10_000

# KEYS: before and current of each limit. ARGV: share of the window before, seconds to
# keep, then the calls of each limit. Counts only when every limit has room.
SCRIPT = """
local counts, fits = {}, true
for i = 1, #KEYS / 2 do
  local before = tonumber(redis.call('GET', KEYS[2*i-1]) or '0')
  local current = tonumber(redis.call('GET', KEYS[2*i]) or '0')
  counts[2*i-1], counts[2*i] = before, current
  if before * tonumber(ARGV[1]) + current + 1 > tonumber(ARGV[2+i]) then fits = false end
end
if fits then
  for i = 1, #KEYS / 2 do
    redis.call('INCR', KEYS[2*i])
    redis.call('EXPIRE', KEYS[2*i], ARGV[2])
  end
end
return counts
"""

_log = structlog.get_logger(__name__)


class LocalCounts:
    """Counters of this process, used while Redis is away; bounded."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, int], int] = {}
        self._lock = threading.Lock()

    def count(self, limits: Sequence[Limit], number: int, elapsed: float) -> list[tuple[int, int]]:
        """Return the counters before this call, and add it when every limit has room."""
        with self._lock:
            found = [(self._get(limit, number - 1), self._get(limit, number)) for limit in limits]
            if all(
                used_calls(before, current, elapsed, limit.seconds) + 1 <= limit.calls
                for limit, (before, current) in zip(limits, found, strict=True)
            ):
                self._add(limits, number)
            return found

    def _get(self, limit: Limit, number: int) -> int:
        return self._counts.get((limit.scope, limit.subject, number), 0)

    def _add(self, limits: Sequence[Limit], number: int) -> None:
        if len(self._counts) >= MAX_LOCAL_SUBJECTS:
            self._counts = {k: n for k, n in self._counts.items() if k[2] >= number - 1}
        if len(self._counts) >= MAX_LOCAL_SUBJECTS:
            self._counts.clear()
        for limit in limits:
            at = (limit.scope, limit.subject, number)
            self._counts[at] = self._counts.get(at, 0) + 1


class CallCounter:
    """Counts calls and says whether they fit."""

    def __init__(self, client: Redis) -> None:
        self._script = client.register_script(SCRIPT)
        self._local = LocalCounts()
        self._away_until = 0.0

    def take(self, limits: Sequence[Limit], *, now: float) -> Decision:
        """Count a call that is within all limits; a refused one leaves no trace.

        Args: limits: all of the same window. now: seconds since 1970, by which processes
            agree on the window.
        """
        number, elapsed = divmod(now, limits[0].seconds)
        counts = self._count(limits, int(number), elapsed, now)
        return decide(list(limits), counts, elapsed)

    def _count(
        self, limits: Sequence[Limit], number: int, elapsed: float, now: float
    ) -> list[tuple[int, int]]:
        if now >= self._away_until:
            try:
                return self._count_in_redis(limits, number, elapsed)
            except RedisError as error:
                self._away_until = now + PAUSE_SECONDS
                _log.warning("limits.redis_away", error=type(error).__name__, hint="Each process "
                             "counts for itself; look at REDIS_EPHEMERAL_URL.")  # fmt: skip
        return self._local.count(limits, number, elapsed)

    def _count_in_redis(
        self, limits: Sequence[Limit], number: int, elapsed: float
    ) -> list[tuple[int, int]]:
        names = [
            key(f"limit:{limit.scope}:{limit.subject}:{n}")
            for limit in limits
            for n in (number - 1, number)
        ]
        seconds = limits[0].seconds
        share = 1 - elapsed / seconds
        calls = [limit.calls for limit in limits]
        answer: Any = self._script(names, [share, 2 * seconds + 5, *calls])
        return list(zip(answer[::2], answer[1::2], strict=True))


@cache
def call_counter() -> CallCounter:
    """Return the process-wide counter."""
    return CallCounter(connect(settings.REDIS_EPHEMERAL_URL, timeout_seconds=TIMEOUT_SECONDS))
