"""When the steps of an escalation are due.

Quiet hours stop the clock: a step that is due an hour after an alarm comes an hour after it that
is not quiet. So nobody is woken by a later step either, and in the morning people are told one
after the other as they would have been, not all at once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alarms.rules.week import Week

_MOST_STOPS = 500  # changes between quiet and not; more than a year of nights


@dataclass(frozen=True, slots=True)
class Step:
    """Tell these when an alarm has been open and unanswered for so long."""

    after: dt.timedelta
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Due:
    """A step of an alarm and when it is due; `number` counts from 0."""

    number: int
    at: dt.datetime
    targets: tuple[str, ...]


def plan_steps(
    steps: Sequence[Step],
    raised_at: dt.datetime,
    *,
    quiet: Week | None,
    answered_at: dt.datetime | None = None,
    done: Iterable[int] = (),
) -> list[Due]:
    """Return the steps that are still to come, each with its time.

    Args:
        quiet: when people are left alone; None: never, such as for critical alarms.
        answered_at: when it was acknowledged or ended; what is due then or later is dropped.
        done: numbers of steps that were taken already.
    """
    taken = set(done)
    found = []
    for number, step in enumerate(steps):
        if number in taken:
            continue
        at = wait(raised_at, step.after, quiet)
        if at is not None and (answered_at is None or at < answered_at):
            found.append(Due(number, at, step.targets))
    return sorted(found, key=lambda due: (due.at, due.number))


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
