"""Deciding that a device is silent, only while we hear well ourselves."""

from __future__ import annotations

import datetime as dt
import logging

from redis.exceptions import RedisError

from devices.services.presence import sweep_silent
from energy.lib.heartbeat import read_heartbeats
from energy.lib.waiting import must_wait

logger = logging.getLogger(__name__)

HEARS = "broker"  # heartbeat of listeners while they are connected to the broker
EVERY_SECONDS = 10.0
DEAF_AFTER_SECONDS = 15.0


class SilenceWatch:
    """Sweeps every ten seconds, while nothing waits to be stored.

    Messages that wait in the stream carry the time of their receipt, so a backlog only
    delays the sweep. While no listener is connected nobody can be heard: after that every
    device gets its whole time again. Any number may sweep.

    Args: since: seconds since 1970; when this process began to listen.
    """

    def __init__(self, *, since: float) -> None:
        self._hears_since = since
        self._next_at = 0.0

    def look(self, *, now: float, is_caught_up: bool) -> int:
        """Sweep if it is time; return how many went offline. `now`: seconds since 1970."""
        self._hears_since = min(self._hears_since, now)
        if must_wait(self._next_at, now=now, at_most=EVERY_SECONDS) or not is_caught_up:
            return 0
        self._next_at = now + EVERY_SECONDS
        if not self._hears(now):
            self._hears_since = now
            return 0
        found = sweep_silent(now=_moment(now), heard_since=_moment(self._hears_since))
        if found:
            logger.info("%d went offline", found)
        return found

    def _hears(self, now: float) -> bool:
        """Tell whether a listener is connected; without an answer we assume so."""
        try:
            beats = read_heartbeats()
        except RedisError:
            return True
        ours = [at for name, at in beats.items() if name.partition(":")[0] == HEARS]
        return any(abs(now - at) <= DEAF_AFTER_SECONDS for at in ours)


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
