"""Long stretches are folded as single samples are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.engine.conditions import Judge, Limits
from alarms.engine.fold import NEVER, NOTHING, Timing, fold
from alarms.engine.stretch import fold_stretch

TIMINGS = st.builds(
    Timing,
    raise_after=st.integers(0, 6), clear_after=st.integers(0, 6), count=st.integers(1, 4),
    hold=st.sampled_from([1, 3, 8, NEVER]), silence=st.sampled_from([None, None, 2, 5]),
    opens=st.sampled_from([None, None, lambda time: time + (-time) % 7]),
)  # fmt: skip
SAMPLES = st.lists(st.tuples(st.integers(1, 9), st.sampled_from([-1, 0, 1])), max_size=60)


@given(SAMPLES, TIMINGS, st.integers(0, 60))
def test_skipping_changes_nothing(samples: Any, timing: Timing, cut: int) -> None:
    times = np.cumsum([step for step, _level in samples], dtype=np.int64)
    levels = np.array([level for _step, level in samples], dtype=np.int8)
    values = np.arange(len(samples), dtype=np.float64)
    rows = zip(times.tolist(), values.tolist(), levels.tolist(), strict=True)

    expected = fold(NOTHING, rows, timing)

    assert fold_stretch(NOTHING, times, values, levels, timing) == expected
    # also in two parts
    state, first = fold_stretch(NOTHING, times[:cut], values[:cut], levels[:cut], timing)
    state, second = fold_stretch(state, times[cut:], values[cut:], levels[cut:], timing)
    assert (state, first + second) == expected


@pytest.mark.parametrize("silence", [None, 10_000_000])
def test_little_is_done_where_little_happens(silence: int | None) -> None:
    times = np.arange(1_000_000, dtype=np.int64) * 1_000_000
    values = np.zeros(len(times))
    values[500_000:500_100] = 7.0
    levels = Judge(Limits(above=5, clear_above=5)).levels(times, values, None)
    timing = replace(Timing(raise_after=30_000_000), silence=silence)
    steps = 0

    def opens(time: int) -> int:
        nonlocal steps
        steps += 1
        return time

    _state, events = fold_stretch(NOTHING, times, values, levels, replace(timing, opens=opens))

    assert len(events) == (2 if silence is None else 0)
    assert steps < 1_000
