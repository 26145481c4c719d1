"""How many requests the web processes answer, how fast and how well, minute by minute."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

from energy.lib.redis import connect, key
from energy.lib.waiting import must_wait

FLUSH_SECONDS = 5.0
# a server that hangs must not hold up requests: little patience, then a pause
TIMEOUT_SECONDS = 0.2
PAUSE_SECONDS = 30.0
_KEPT_SECONDS = 20 * 60
_FIELDS = ("requests", "errors", "milliseconds")


@dataclass(frozen=True, slots=True)
class Load:
    """Requests of a stretch of time; `errors` are answers of the server with 500 and above."""

    requests: int
    errors: int
    milliseconds: int

    @property
    def mean_milliseconds(self) -> float:
        """Return how long an answer took; 0 without requests."""
        return self.milliseconds / self.requests if self.requests else 0.0

    @property
    def error_percent(self) -> float:
        """Return the share of errors; 0 without requests."""
        return 100 * self.errors / self.requests if self.requests else 0.0


class _Counter:
    """What this process has counted and not yet told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
        self._next_at = 0.0

    def note(self, seconds: float, *, is_error: bool, now: float) -> None:
        with self._lock:
            counts = self._counts[int(now // 60)]
            counts[0] += 1
            counts[1] += is_error
            counts[2] += round(seconds * 1000)
            if must_wait(self._next_at, now=now, at_most=PAUSE_SECONDS):
                return
            self._next_at = now + FLUSH_SECONDS
            told = self._counts
            self._counts = defaultdict(lambda: [0, 0, 0])
        try:
            _tell(told)
        except RedisError:  # an indication, no ledger: what was counted is forgotten
            self._next_at = now + PAUSE_SECONDS


_counter = _Counter()


def note_request(seconds: float, *, is_error: bool, now: float) -> None:
    """Count a request that took so long; told to the ephemeral Redis every five seconds.

    Never raises. Args: now: seconds since 1970.
    """
    _counter.note(seconds, is_error=is_error, now=now)


def read_load(*, now: float, minutes: int) -> Load:
    """Return the sum over the last complete minutes of all processes.

    Raises: redis.exceptions.RedisError.
    """
    this_minute = int(now // 60)
    pipeline = _client(settings.REDIS_EPHEMERAL_URL).pipeline(transaction=False)
    for minute in range(this_minute - minutes, this_minute):
        pipeline.hmget(_key(minute), *_FIELDS)
    rows: list[list[Any]] = pipeline.execute()
    return Load(*(sum(int(row[place] or 0) for row in rows) for place in range(len(_FIELDS))))


@cache
def _client(url: str) -> Redis:
    return connect(url, timeout_seconds=TIMEOUT_SECONDS)


def _key(minute: int) -> str:
    return key(f"web.load.{minute}")


def _tell(told: dict[int, list[int]]) -> None:
    pipeline = _client(settings.REDIS_EPHEMERAL_URL).pipeline(transaction=False)
    for minute, counts in told.items():
        for field, count in zip(_FIELDS, counts, strict=True):
            pipeline.hincrby(_key(minute), field, count)
        pipeline.expire(_key(minute), _KEPT_SECONDS)
    pipeline.execute()
