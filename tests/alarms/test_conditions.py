"""What values say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.engine.conditions import MINUTE_US, NEITHER, RIGHT, WRONG, Limits, States, rates


def judge(condition: Limits | States, *values: float) -> list[int]:
    return [int(level) for level in condition.judge(np.array(values, dtype=np.float64))]


def test_between_the_limits_a_value_says_nothing() -> None:
    warm = Limits(above=30, clear_above=28)

    assert judge(warm, 31, 30, 29, 28, 27, math.nan) == [
        WRONG, NEITHER, NEITHER, RIGHT, RIGHT, NEITHER
    ]  # fmt: skip


def test_a_band_is_left_on_both_sides() -> None:
    mains = Limits(above=253, clear_above=250, below=207, clear_below=210)

    assert judge(mains, 254, 251, 230, 208, 206) == [WRONG, NEITHER, RIGHT, NEITHER, WRONG]


@pytest.mark.parametrize(
    "limits",
    [{"above": 5, "clear_above": 6}, {"below": 5, "clear_below": 4},
     {"above": 5, "clear_above": 3, "below": 2, "clear_below": 4}],
)  # fmt: skip
def test_limits_that_contradict_each_other_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="right"):
        Limits(**limits)


def test_states() -> None:
    assert judge(States(frozenset({2.0, 3.0})), 1, 2, 3, math.nan) == [
        RIGHT, WRONG, WRONG, NEITHER
    ]  # fmt: skip


@given(st.lists(st.tuples(st.integers(1, 600), st.integers(-1000, 1000)), max_size=30),
       st.integers(0, 30))  # fmt: skip
def test_rates_in_portions_are_rates_of_the_whole(steps: list[tuple[int, int]], cut: int) -> None:
    times = np.cumsum([seconds for seconds, _v in steps], dtype=np.int64) * 1_000_000
    values = np.array([value for _s, value in steps], dtype=np.float64)
    hold = 300_000_000

    whole = rates(times, values, None, hold)
    before = (int(times[cut - 1]), float(values[cut - 1])) if 0 < cut <= len(times) else None
    parts = [
        rates(times[:cut], values[:cut], None, hold),
        rates(times[cut:], values[cut:], before, hold),
    ]

    np.testing.assert_array_equal(np.concatenate(parts), whole)
    for number, (seconds, value) in enumerate(steps[1:], 1):
        change = (value - steps[number - 1][1]) / seconds * 60
        assert (
            math.isnan(whole[number]) if seconds > 300 else whole[number] == pytest.approx(change)
        )
    assert MINUTE_US == 60 * 1_000_000
