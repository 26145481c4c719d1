"""Axes: round steps that cover the values, labels that do not touch, lines made thinner."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reports.documents.axis import includes_zero, label_step, make_axis, thin_out

FLOATS = st.floats(-1e9, 1e9, allow_nan=False)


@pytest.mark.parametrize(
    ("low", "high", "ticks", "digits"),
    [
        (0, 97, ["0", "20", "40", "60", "80", "100"], 0),
        (-210, 260, ["-300", "-200", "-100", "0", "100", "200", "300"], 0),
        (0, 0.9, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"], 1),
        (0, 12, ["0.0", "2.5", "5.0", "7.5", "10.0", "12.5"], 1),
        (229.1, 231.2, ["229.0", "229.5", "230.0", "230.5", "231.0", "231.5"], 1),
        (0, 0, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"], 1),
        (-5, -5, ["-5", "-4", "-3", "-2", "-1", "0"], 0),
    ],
)
def test_steps_are_round(low: float, high: float, ticks: list[str], digits: int) -> None:
    axis = make_axis(low, high)

    assert list(axis.ticks) == [Decimal(tick) for tick in ticks]
    assert axis.digits == digits


@given(FLOATS, FLOATS)
def test_an_axis_covers_its_values_with_few_steps(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    assume(high - low > 1e-6 * max(abs(low), abs(high), 1e-6))

    axis = make_axis(low, high)

    assert axis.ticks[0] <= Decimal(repr(low))
    assert axis.ticks[-1] >= Decimal(repr(high))
    assert 2 <= len(axis.ticks) <= 8
    assert all(tick == round(tick, axis.digits) for tick in axis.ticks)
    assert axis.place(float(axis.ticks[0])) == 0
    assert axis.place(float(axis.ticks[-1])) == 1


def test_a_line_that_varies_little_is_not_pressed_flat() -> None:
    assert includes_zero(1, 20)
    assert includes_zero(-3, 20)
    assert not includes_zero(229, 231)
    assert not includes_zero(-231, -229)


@pytest.mark.parametrize(
    ("width", "slot", "step"), [(10, 20, 1), (20, 20, 2), (19, 2.6, 12), (30, 0.05, 768)]
)
def test_labels_that_would_touch_are_left_out(width: float, slot: float, step: int) -> None:
    assert label_step([width, 1], slot) == step


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=500))
def test_a_thinner_line_keeps_extremes_and_gaps(values: list[float | None]) -> None:
    thin = thin_out(values, 40)

    assert [number for number, _value in thin] == sorted({number for number, _value in thin})
    assert all(values[number] == value for number, value in thin)
    assert len(thin) <= 63
    before = [value for value in values if value is not None]
    after = [value for _number, value in thin if value is not None]
    assert (min(before), max(before)) == (min(after), max(after)) if before else not after
    assert (None in values) == (None in [value for _number, value in thin])
