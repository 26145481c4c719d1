"""A rule tried on the past of one channel, which comes in portions. Pure."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from alarms.engine.fold import NOTHING, Episode, Event, episodes, look_ahead
from alarms.engine.stretch import fold_stretch
from alarms.rules.compiled import Compiled, against

WEEK_US = 7 * 86_400_000_000

Times = NDArray[np.int64]
Values = NDArray[np.float64]


class Trial:
    """Follows one channel. Args: begin: µs; samples before it are only what others compare with."""

    def __init__(self, rule: Compiled, *, begin: int) -> None:
        self._rule = rule
        self._begin = begin
        self._state = NOTHING
        self._events: list[Event] = []
        self._past_times: Times = np.empty(0, np.int64)
        self._past_values: Values = np.empty(0, np.float64)

    def take(self, times: Times, values: Values) -> None:
        """Take the next usable samples in, ascending."""
        if self._rule.against_last_week:
            values = self._percents(times, values)
        inside = times >= self._begin
        times, values = times[inside], values[inside]
        state = self._state
        before = None if state == NOTHING else (state.time, state.value)
        levels = self._rule.judge.levels(times, values, before)
        self._state, found = fold_stretch(state, times, values, levels, self._rule.timing)
        self._events += found

    def end(self, until: int) -> list[Episode]:
        """Return the alarms that there would have been until then, µs."""
        return episodes(self._events + look_ahead(self._state, until, self._rule.timing)[1])

    def _percents(self, times: Times, values: Values) -> Values:
        """Return by how many percent values differ from what held a week before them."""
        all_times = np.concatenate((self._past_times, times))
        all_values = np.concatenate((self._past_values, values))
        found = against(values, self._held(times - WEEK_US, all_times, all_values))
        if len(all_times):
            kept = all_times >= int(all_times[-1]) - WEEK_US - self._rule.timing.hold
            self._past_times, self._past_values = all_times[kept], all_values[kept]
        return found

    def _held(self, wanted: Times, times: Times, values: Values) -> Values:
        place = np.searchsorted(times, wanted, side="right") - 1
        found = np.full(len(wanted), math.nan)
        known = place >= 0
        place = place[known]
        is_old = wanted[known] - times[place] > self._rule.timing.hold
        found[known] = np.where(is_old, math.nan, values[place])
        return found
