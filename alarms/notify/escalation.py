"""When a step of an escalation is due.

Quiet hours stop the clock: a step that is due an hour after an alarm comes an hour after it that
is not quiet. So nobody is woken by a later step either, and in the morning people are told one
after the other as they would have been, not all at once.
"""

from __future__ import annotations

import datetime as dt

from alarms.rules.week import Week

_MOST_STOPS = 500  # changes between quiet and not; more than a year of nights


def wait(start: dt.datetime, length: dt.timedelta, quiet: Week | None) -> dt.datetime | None:
    """Return when so much time has passed that is not quiet; None: it never will have."""
    if quiet is None:
        return start + length
    at = start
    for _ in range(_MOST_STOPS):
        if quiet.holds(at):
            change = quiet.next_change(at)
            if change is None:
                return None
            at = change
        change = quiet.next_change(at)
        if change is None or at + length < change:
            return at + length
        length -= change - at
        at = change
    return None
