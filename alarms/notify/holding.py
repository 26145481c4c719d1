"""How long what a target is to be told waits."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from alarms.notify.escalation import wait
from alarms.rules.week import Week

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Hold:
    """When a target is left alone: quiet hours, and what waits for one time of the day."""

    zone: ZoneInfo
    quiet: Week | None = None
    digest_at: dt.time | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """When somebody is told; `was_held`: later than it could have been."""

    at: dt.datetime
    was_held: bool


def due_time(start: dt.datetime, after: dt.timedelta, hold: Hold, *, bypasses: bool = False) -> Due:
    """Return when a target is told of what began at `start`, at the earliest `after` it.

    Quiet hours stop the clock, see `escalation.wait`; those that never end hold nothing.
    """
    plain = start + after
    if bypasses:
        return Due(plain, was_held=False)
    at = wait(start, after, hold.quiet) or plain
    if hold.digest_at is not None:
        at = _next(at, hold.digest_at, hold.zone)
    return Due(at, was_held=at > plain)


def _next(moment: dt.datetime, clock: dt.time, zone: ZoneInfo) -> dt.datetime:
    """Return the first time from a moment on at which a clock in the zone shows that."""
    local = moment.astimezone(zone)
    for days in range(3):
        found = dt.datetime.combine(local.date() + days * _DAY, clock, tzinfo=zone)
        if found.astimezone(dt.UTC) >= moment:
            return found.astimezone(dt.UTC)
    raise AssertionError("A day is shorter than two days.")
