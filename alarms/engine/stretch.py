"""The fold over long stretches of one channel: as `fold.fold`, without a step for each sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alarms.engine.conditions import RIGHT, WRONG
from alarms.engine.fold import Event, State, Timing, fold

Ints = NDArray[np.int64]


def fold_stretch(
    state: State, times: Ints, values: NDArray[np.float64], levels: NDArray[np.int8], timing: Timing
) -> tuple[State, list[Event]]:
    """Take the samples of one channel in; `levels` says what they are, as for `fold.fold`.

    Where nothing is under way, what changes nothing is skipped: thousands of times as fast where
    little happens.
    """
    turns = _Turns(state, times, levels, timing)
    events: list[Event] = []
    place, end = 0, len(times)
    while place < end:
        if turns.is_at_rest(state):
            turn = turns.after(place, state)
            if turn > place:
                state = state._replace(time=int(times[turn - 1]), value=float(values[turn - 1]))
                place = turn
                continue
        sample = int(times[place]), float(values[place]), int(levels[place])
        state, found = fold(state, [sample], timing)
        events += found
        place += 1
    return state, events


class _Turns:
    """Places of the samples at which something may happen to a state at rest."""

    def __init__(self, state: State, times: Ints, levels: NDArray[np.int8], timing: Timing) -> None:
        self._end = len(times)
        self._is_silence = timing.silence is not None
        if timing.silence is None:
            self._wrong = np.flatnonzero(levels == WRONG)
            self._right = np.flatnonzero(levels == RIGHT)
        else:
            gaps = np.diff(times, prepend=state.time)
            self._wrong = np.flatnonzero(gaps > timing.silence)
            self._right = self._wrong

    def is_at_rest(self, state: State) -> bool:
        """Tell whether nothing happens until a turn."""
        return not state.is_raised if self._is_silence else state.is_wrong == state.is_raised

    def after(self, place: int, state: State) -> int:
        """Return the first place from one on that may change the state; the end if none does."""
        turns = self._right if state.is_raised else self._wrong
        found = int(np.searchsorted(turns, place))
        return int(turns[found]) if found < len(turns) else self._end
