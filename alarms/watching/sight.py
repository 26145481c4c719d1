"""Up to which time it is known what devices said: silence counts only up to there."""

from __future__ import annotations

from typing import Any

from redis import Redis

from energy.lib.heartbeat import read_heartbeats
from energy.lib.redis import key
from telemetry.ingest.buffer import PARTITION
from telemetry.ingest.silence import DEAF_AFTER_SECONDS, HEARS

# how long a sample may be on its way from a device that speaks at once, and through storage
GRACE_SECONDS = 5.0
LOOK_SECONDS = 1.0
# a batch that is older than this when it is read is not the last one that waits
BACKLOG_SECONDS = 2.0


class Sight:
    """Looks once a second whether messages wait to be stored, and whether anybody listens.

    `heard_since`: s since 1970; before that nobody may have been heard, so each device gets
    its whole time from then on.
    """

    def __init__(self, client: Redis) -> None:
        self._redis = client
        self.heard_since = float("-inf")
        self._look_at = 0.0
        self._seen = float("inf")
        self._deaf_since: float | None = None

    def begin(self, now: float, *, newest_receipt: float | None) -> None:
        """Begin to look. Args: newest_receipt: when the last message of all was received."""
        if newest_receipt is not None and newest_receipt < now - DEAF_AFTER_SECONDS:
            self.heard_since = now

    def until(self, now: float, *, newest_batch: float | None) -> float:
        """Return the time, in seconds since 1970, up to which nothing more is expected.

        Args: newest_batch: when the last batch of this round was received; None: none came.
        """
        if not 0 <= now - self._look_at < LOOK_SECONDS:
            self._look_at = now
            self._seen = self._look(now)
        seen = min(now, self._seen)
        if newest_batch is not None and newest_batch < now - BACKLOG_SECONDS:
            seen = min(seen, newest_batch)
        return seen - GRACE_SECONDS

    def _look(self, now: float) -> float:
        oldest: Any = self._redis.xrange(key(PARTITION), count=1)  # what is stored is deleted
        waiting = int(oldest[0][0].split(b"-")[0]) / 1000 if oldest else float("inf")
        beats = [
            at for name, at in read_heartbeats().items() if name.partition(":")[0] == HEARS
        ]  # none at all where devices speak HTTP only
        if beats and all(abs(now - at) > DEAF_AFTER_SECONDS for at in beats):
            self._deaf_since = self._deaf_since or max(beats)
            return min(waiting, self._deaf_since)
        if self._deaf_since is not None:
            self._deaf_since, self.heard_since = None, now
        return waiting
