"""Keeps the rollups: the stream tells when to look, the marks in the database what is due."""

from __future__ import annotations

import datetime as dt
import time

from prometheus_client import Counter, Gauge

from telemetry.ingest.batch import StoredBatch
from telemetry.reactors.base import Reactor
from telemetry.storage.dirty import oldest_mark, work_off
from telemetry.storage.zones import follow_zones

AT_LEAST_SECONDS = 1.0
AT_MOST_SECONDS = 25.0
# A window is computed again while it fills, so looking often costs: at most this share of
# the time is spent, unless that would leave the rollups behind.
SHARE = 0.08
IDLE_SECONDS = 5.0
WORK_SECONDS = 2.0
ZONES_SECONDS = 30.0

LAG_SECONDS = Gauge("energy_rollup_lag_seconds", "Age of the oldest change not in the rollups")
WINDOWS = Counter("energy_rollup_windows", "Quarter hours computed")


class RollupReactor(Reactor):
    """Computes quarter hours and days of what changed.

    Marks are rows, written in the transaction of the samples and deleted in that of the
    figures. So nothing depends on the stream: after a gap, a crash or a loss of Redis the
    marks are still there, and a batch that comes twice changes nothing.
    """

    name = "rollups"
    starts_at = "$"
    skips_backlog = True

    def __init__(self) -> None:
        self._is_told = True
        self._look_at = self._idle_at = self._zones_at = 0.0

    def react(self, batch: StoredBatch) -> None:
        """Look soon."""
        self._is_told = True

    def on_gap(self) -> None:
        """Look soon; the marks tell of what passed unseen."""
        self._is_told = True

    def flush(self, now: float) -> None:
        """Work for about two seconds if it is time to."""
        clock = time.monotonic()
        moment = dt.datetime.fromtimestamp(now, dt.UTC)
        if clock >= self._zones_at:
            is_more = _follow_zones_for(WORK_SECONDS)
            self._zones_at = clock + (AT_LEAST_SECONDS if is_more else ZONES_SECONDS)
        if clock < self._look_at or not (self._is_told or clock >= self._idle_at):
            return
        self._is_told = False
        worked = work_off(now=moment, seconds=WORK_SECONDS)
        WINDOWS.inc(worked.windows)
        LAG_SECONDS.set(oldest_mark(now=moment) if worked.is_more else 0.0)
        self._plan(clock, time.monotonic() - clock, is_more=worked.is_more)

    def wait_seconds(self) -> float:
        """Return the time until the next look."""
        return max(0.05, min(0.5, self._look_at - time.monotonic()))

    def _plan(self, clock: float, taken: float, *, is_more: bool) -> None:
        end = clock + taken
        pause = 0.0 if is_more else min(AT_MOST_SECONDS, taken / SHARE)
        self._look_at = end + max(pause, 0.0 if is_more else AT_LEAST_SECONDS)
        self._idle_at = end + IDLE_SECONDS
        self._is_told = self._is_told or is_more


def _follow_zones_for(seconds: float) -> bool:
    """Cut days anew for about so long; tell whether more may be waiting."""
    deadline = time.monotonic() + seconds
    while follow_zones():
        if time.monotonic() >= deadline:
            return True
    return False
