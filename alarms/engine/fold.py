"""From what samples say to alarms: durations, repetitions, gaps, silence.

The alarms of a rule on a channel are a function of the channel's samples and of the time up
to which one looks, of nothing else. Whoever folds the same samples in one go, one by one, or
again from an earlier state gets the same alarms; so late samples are folded in by starting
again before them, and a crash by starting again from the last state that was kept.

A stretch of wrong must go on until its time is over: a sample that says right at that very moment
is in time. A sample holds until the next one, at most for `Timing.hold`. After that nothing is
known: what was about to be raised or cleared is forgotten, what is raised stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from alarms.engine.conditions import RIGHT, WRONG

NEVER = 2**62  # µs; later than any time


@dataclass(frozen=True, slots=True)
class Timing:
    """How long and how often something must be wrong. All but `count` in µs.

    raise_after: wrong without a break, before it is an alarm. clear_after: right without a
    break, before the alarm ends. count: samples that say so in one stretch, at least 1.
    hold: how long a sample stands for the time after it. silence: alarm when that long
    nothing comes; then values do not matter. opens: the first time from one on at which an
    alarm may be raised, NEVER if there is none.
    """

    raise_after: int = 0
    clear_after: int = 0
    count: int = 1
    hold: int = NEVER
    silence: int | None = None
    opens: Callable[[int], int] | None = None


class State(NamedTuple):
    """Where the fold stands after its last sample. Times in µs since 1970 UTC.

    since: begin of the stretch that may raise or clear, 0 where none runs. counted: samples
    in it that said wrong, up to `Timing.count`. counted_at: when there were enough.
    """

    time: int = -NEVER
    value: float = 0.0
    is_wrong: bool = False
    since: int = 0
    counted: int = 0
    counted_at: int = NEVER
    raised_at: int = NEVER

    @property
    def is_raised(self) -> bool:
        """Tell whether an alarm is open."""
        return self.raised_at != NEVER


NOTHING = State()


class Turn(StrEnum):
    """What happens to an alarm."""

    RAISED = "raised"
    CLEARED = "cleared"


class Event(NamedTuple):
    """A turn, when it came to be, and the value that held then."""

    turn: Turn
    at: int
    value: float


def fold(
    state: State, samples: Iterable[tuple[int, float, int]], timing: Timing
) -> tuple[State, list[Event]]:
    """Take samples in.

    Args:
        samples: time, value and level of each, ascending and after `state.time`.

    Raises:
        ValueError: a sample is not after the one before it.
    """
    events: list[Event] = []
    for time, value, level in samples:
        if time <= state.time:
            raise ValueError("samples must be in order")
        state = _pass_time(state, time - 1, timing, events)
        state = _take(state, time, value, level, timing)
        state = _pass_time(state, time, timing, events)
    return state, events


def look_ahead(state: State, until: int, timing: Timing) -> tuple[State, list[Event]]:
    """Return what happens until a time if no further sample comes.

    The state that comes back is for showing; go on folding with the one before, because a
    sample may be on its way that says otherwise.
    """
    events: list[Event] = []
    return _pass_time(state, until, timing, events), events


def due_at(state: State, timing: Timing) -> int:
    """Return when something happens by itself, NEVER if nothing does."""
    if state.time == -NEVER:
        return NEVER
    if timing.silence is not None:
        if state.is_raised:  # any sample ends a silence, at once
            return state.time if state.time > state.raised_at else NEVER
        return _opened(state.time + timing.silence, timing)
    if state.is_wrong == state.is_raised:
        return NEVER
    if state.is_raised:
        due = state.since + timing.clear_after
    else:
        due = _opened(max(state.since + timing.raise_after, state.counted_at), timing)
    return due if due <= state.time + timing.hold else NEVER


def _opened(due: int, timing: Timing) -> int:
    return due if timing.opens is None or due >= NEVER else timing.opens(due)


def _pass_time(state: State, until: int, timing: Timing, events: list[Event]) -> State:
    due = due_at(state, timing)
    if due > until:
        return state
    turn = Turn.CLEARED if state.is_raised else Turn.RAISED
    events.append(Event(turn, due, state.value))
    return _at_rest(state._replace(raised_at=NEVER if state.is_raised else due))


def _take(state: State, time: int, value: float, level: int, timing: Timing) -> State:
    if timing.silence is not None:
        return state._replace(time=time, value=value)
    is_broken = time - state.time > timing.hold
    usual = state.is_raised if is_broken else state.is_wrong
    is_wrong = usual if level not in (WRONG, RIGHT) else level == WRONG
    if is_broken or is_wrong != state.is_wrong:
        state = state._replace(since=time, counted=0, counted_at=NEVER)
    state = state._replace(time=time, value=value, is_wrong=is_wrong)
    if level == WRONG and state.counted < timing.count:
        enough = state.counted + 1 == timing.count
        state = state._replace(counted=state.counted + 1, counted_at=time if enough else NEVER)
    return _at_rest(state)


def _at_rest(state: State) -> State:
    """Forget the stretch where none is under way, so that equal situations are equal states."""
    if state.is_wrong == state.is_raised:
        return state._replace(since=0, counted=0, counted_at=NEVER)
    return state


class Episode(NamedTuple):
    """An alarm from its begin to its end. `cleared_at`: NEVER while it is open."""

    raised_at: int
    value: float
    cleared_at: int


def episodes(
    events: Sequence[Event], *, open_since: tuple[int, float] | None = None
) -> list[Episode]:
    """Pair turns up. Args: open_since: an alarm that was open before, with its value."""
    found: list[Episode] = []
    begun = open_since
    for event in events:
        if event.turn is Turn.RAISED:
            begun = event.at, event.value
        elif begun is not None:
            found.append(Episode(*begun, event.at))
            begun = None
    return [*found, Episode(*begun, NEVER)] if begun is not None else found
