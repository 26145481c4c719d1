"""When which unit is asked for what; pure, times in seconds.

Cycles lie on a grid of the wall clock: what is read every ten seconds is read at the same ten
instants of each minute, and each unit has a phase of its own, so that 500 meters do not answer
at once. A cycle that is late is left out and never made up for: a bus that is too slow for its
rates gives fewer readings, not older ones.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

BACKOFF_STEP_SECONDS = 2.0
BACKOFF_MOST_SECONDS = 300.0
_PHASES = 1 << 32


def phase_of(id_: uuid.UUID, every: float) -> float:
    """Return the seconds after a point of the grid at which a unit is asked; 0 to `every`."""
    return (id_.int % _PHASES) / _PHASES * every


@dataclass(slots=True)
class Beat:
    """One rate of one unit. `due`: the wall clock's time of its next cycle."""

    every: float
    phase: float
    due: float = 0.0

    def begin(self, now: float) -> None:
        """Set the first cycle: the next point of the grid."""
        self.due = self._point_after(now)

    def move_on(self, now: float) -> int:
        """Go to the next point after `now`; return how many cycles were left out between."""
        following = self._point_after(now)
        missed = max(0, round((following - self.due) / self.every) - 1)
        self.due = following
        return missed

    def due_at(self, now: float) -> float:
        """Return when it is due, also after the wall clock was set back."""
        if self.due > now + 2 * self.every:
            self.due = self._point_after(now)
        return self.due

    def _point_after(self, now: float) -> float:
        cycles = (now - self.phase) // self.every + 1
        return cycles * self.every + self.phase


@dataclass(slots=True)
class Backoff:
    """How long a unit that does not answer is left alone: 2 s more each time, at most 5 min.

    Then one request without repetition finds out whether it is back, so a dead unit costs its
    bus one timeout each time.
    """

    failures: int = 0
    until: float = 0.0

    def fail(self, now: float) -> None:
        """Note that it did not answer."""
        self.failures += 1
        pause = min(BACKOFF_STEP_SECONDS * self.failures, BACKOFF_MOST_SECONDS)
        self.until = now + pause

    def succeed(self) -> None:
        """Note that it answered."""
        self.failures, self.until = 0, 0.0

    def until_at(self, now: float) -> float:
        """Return when it may be asked again, also after the wall clock was set back."""
        if self.until > now + BACKOFF_MOST_SECONDS:
            self.until = now
        return self.until


@dataclass(slots=True)
class Ring:
    """The blocks of a cycle in an order that gives all the same rate.

    A cycle that an error interrupted goes on with the block that failed; when that fails
    again, with the one after it, so that one bad block never hides the others.
    """

    size: int
    _start: int = 0
    _failed: int = field(default=-1)

    def order(self) -> Iterator[int]:
        """Yield each position once, from where the last cycle was interrupted."""
        start = self._start if self._start < self.size else 0
        yield from range(start, self.size)
        yield from range(start)

    def finish(self) -> None:
        """Note that a cycle went through."""
        self._start, self._failed = 0, -1

    def interrupt(self, position: int) -> None:
        """Note that a cycle ended with an error at this position."""
        again = position == self._failed
        self._start = (position + 1) % self.size if again else position
        self._failed = position
