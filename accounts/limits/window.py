"""Counting calls in a window that slides, of sixty seconds if nothing else is said.

Two counters per subject: the window before counts with the share of it that still lies in
the window. A refused call is not counted, so who calls fifty times too often still gets
what the limit allows, second after second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

WINDOW_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `calls` in `seconds` for one subject, such as ("tenant", its id)."""

    scope: str
    subject: str
    calls: int
    seconds: int = WINDOW_SECONDS


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a call may go on, and what the limit that is closest to its end says."""

    is_allowed: bool
    limit: Limit
    remaining: int
    wait_seconds: float


def used_calls(before: int, current: int, elapsed: float, seconds: int = WINDOW_SECONDS) -> float:
    """Estimate the calls of the last `seconds`; `elapsed` is the age of this window."""
    return before * (1 - elapsed / seconds) + current


def seconds_until_room(
    before: int, current: int, elapsed: float, calls: int, seconds: int = WINDOW_SECONDS
) -> float:
    """Return after how long one more call fits, if nobody calls meanwhile."""
    room = calls - 1
    if current <= room and before > 0:
        fitting = seconds * (1 - (room - current) / before)
        return max(0.0, fitting - elapsed)
    if current <= room:
        return 0.0
    return (seconds - elapsed) + seconds * (1 - room / max(current, 1))


def decide(limits: list[Limit], counts: list[tuple[int, int]], elapsed: float) -> Decision:
    """Judge one call by counters read before it, in the order of the limits of one window."""
    worst: Decision | None = None
    for limit, (before, current) in zip(limits, counts, strict=True):
        room = limit.calls - used_calls(before, current, elapsed, limit.seconds)
        allowed = room >= 1
        wait = (
            0.0
            if allowed
            else seconds_until_room(before, current, elapsed, limit.calls, limit.seconds)
        )
        found = Decision(allowed, limit, max(0, math.floor(room) - allowed), wait)
        if worst is None or _is_worse(found, worst):
            worst = found
    if worst is None:
        raise ValueError("no limits")
    return worst


def _is_worse(found: Decision, known: Decision) -> bool:
    if found.is_allowed != known.is_allowed:
        return not found.is_allowed
    return (found.wait_seconds, -found.remaining) > (known.wait_seconds, -known.remaining)
