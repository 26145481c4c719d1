"""How many zones are worked on at a time, and when a zone is looked at next."""

from __future__ import annotations

import datetime as dt
import math

CYCLE = dt.timedelta(seconds=15)
LEAST_WORKERS, MOST_WORKERS = 5, 50


def workers_for(zones: int, seconds_a_zone: float, *, cycle: dt.timedelta = CYCLE) -> int:
    """Return how many zones are worked on at once, so that all are done within a cycle."""
    wanted = zones * seconds_a_zone / cycle.total_seconds()
    if not math.isfinite(wanted):
        return MOST_WORKERS
    return min(MOST_WORKERS, max(LEAST_WORKERS, math.ceil(wanted)))


def smoothed(average: float | None, measured: float) -> float:
    """Return an average that follows what is measured."""
    return measured if average is None else 0.8 * average + 0.2 * measured


def skipped(due: dt.datetime | None, now: dt.datetime, *, cycle: dt.timedelta = CYCLE) -> int:
    """Return how many looks were left out because this one is late; they never pile up."""
    return 0 if due is None or due > now else int((now - due) / cycle)
