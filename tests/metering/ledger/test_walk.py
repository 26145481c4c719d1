"""Fixtures of the ledger: what registers do in the field, and what may be counted of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.ledger.kinds import SCALES, Judgement, Limits, Method
from metering.ledger.spread import spread
from metering.ledger.walk import Walk, walk
from metering.series import MICRO, QUARTER_US, Grade

MINUTE_US = 60_000_000
START = 1_900_000 * QUARTER_US
HOUSE = Limits(rate=100 * MICRO / 3600)  # 100 kW
FACTORY = Limits(rate=2_000 * MICRO / 3600)


def run(
    values: list[float], *, step: int = MINUTE_US, limits: Limits = HOUSE, **other: int
) -> Walk:
    times = START + np.arange(len(values), dtype=np.int64) * step
    registers = np.rint(np.array(values, dtype=float) * MICRO).astype(np.int64)
    return walk(times, registers, anchor=None, limits=limits)


def total(found: Walk) -> float:
    return int(found.steps["amount"].sum()) / MICRO


def kinds(found: Walk) -> list[str]:
    return [decision.kind for decision in found.decisions]


@pytest.mark.parametrize("zeros", [1, 3, 30])
@pytest.mark.parametrize("minutes", [1, 5, 15])
def test_a_glitch_to_zero_adds_nothing(zeros: int, minutes: int) -> None:
    found = run([35.6, 35.6, *[0.0] * zeros, 35.6, 35.6], step=minutes * MINUTE_US)

    assert total(found) == 0
    assert Judgement.GLITCH in kinds(found)
    assert found.decisions[1].count == zeros


def test_a_register_that_runs_over_goes_on() -> None:
    digits = Limits(rate=HOUSE.rate, modulus=1_000_000 * MICRO)
    found = run([999_983.06, 999_984.06, 20.0, 21.0], step=60 * MINUTE_US, limits=digits)

    assert total(found) == pytest.approx(1 + 35.94 + 1)
    assert Judgement.ROLLOVER in kinds(found)


def test_after_a_known_restart_the_same_is_a_reset() -> None:
    limits = Limits(rate=HOUSE.rate, modulus=1_000_000 * MICRO, restarts=(START + 90 * MINUTE_US,))
    found = run([999_983.06, 999_984.06, 20.0, 21.0], step=60 * MINUTE_US, limits=limits)

    assert total(found) == pytest.approx(1 + 20 + 1)
    assert Judgement.RESET in kinds(found)


def test_what_flowed_while_nothing_was_heard_is_booked_in_total_and_estimated() -> None:
    times = START + np.array([0, 15, 15 + 360, 15 + 375], dtype=np.int64) * MINUTE_US
    registers = np.array([1_000, 1_010, 4_822, 4_830], dtype=np.int64) * MICRO
    found = walk(times, registers, anchor=None, limits=FACTORY)
    entries = spread(found.steps)

    assert total(found) == 10 + 3_812 + 8
    assert int(entries["amount"][1:25].sum()) == 3_812 * MICRO
    assert (entries["grade"][1:25] == Grade.ESTIMATED).all()
    assert entries["grade"][[0, 25]].tolist() == [Grade.MEASURED, Grade.MEASURED]
    assert Judgement.GAP in kinds(found)


def test_the_first_sample_of_a_used_meter_counts_nothing() -> None:
    found = run([56_842_158.0, 56_842_158.5])

    assert total(found) == 0.5
    assert kinds(found) == ["first"]


def test_thirteen_days_with_the_same_register_add_nothing_and_are_known() -> None:
    found = run([812.4, 812.4], step=13 * 24 * 60 * MINUTE_US)
    entries = spread(found.steps)

    assert total(found) == 0
    assert len(entries) == 13 * 96
    assert (entries["grade"] == Grade.MEASURED).all()
    assert kinds(found) == ["first"]


def test_a_reset_goes_on_from_the_new_base() -> None:
    found = run([48.0, 48.1, 0.1, 0.2, 0.3, 0.4])

    assert total(found) == pytest.approx(0.1 + 0.1 + 0.3)
    assert Judgement.RESET in kinds(found)


def test_another_meter_with_a_lower_register_counts_nothing_at_first() -> None:
    found = run([4_812.3, 4_812.4, 3_000.0, 3_000.1, 3_000.2, 3_000.3])

    assert total(found) == pytest.approx(0.1 + 0.3)


def test_a_jump_beyond_what_is_possible_is_neither_booked_nor_lost() -> None:
    found = run([10.0, 10.1, 10_100.0, 10_100.1, 10_100.2, 10_100.3])
    [jump] = [one for one in found.decisions if one.kind == Judgement.JUMP]

    assert total(found) == pytest.approx(0.1 + 0.3)
    assert jump.withheld == round(10_089.9 * MICRO)


def test_a_spike_is_set_aside() -> None:
    found = run([10.0, 10.1, 10_100.0, 10.2, 10.3])

    assert total(found) == pytest.approx(0.3)
    assert kinds(found) == ["first", "spike"]


def test_the_newest_doubtful_samples_wait_for_others() -> None:
    found = run([10.0, 10.1, 10_100.0, 10_100.1])

    assert total(found) == pytest.approx(0.1)
    assert found.pending == 2


def test_noise_in_the_last_digit_is_not_counted() -> None:
    found = run([10.0, 10.002, 10.001, 10.002, 10.003])

    assert total(found) == pytest.approx(0.003)
    assert kinds(found) == ["first"]


def test_a_reset_with_no_load_is_told_after_a_day() -> None:
    found = run([48.0, *[0.0] * 30, 0.5], step=60 * MINUTE_US)

    assert total(found) == pytest.approx(0.5)
    assert Judgement.RESET in kinds(found)


def test_quarters_share_a_long_step_evenly_to_the_last_millionth() -> None:
    found = run([0.0, 1.000001, 2.0], step=60 * MINUTE_US)
    entries = spread(found.steps)

    assert entries["amount"].tolist()[:4] == [250_000, 250_000, 250_001, 250_000]
    assert int(entries["amount"].sum()) == 2 * MICRO


def test_gaps_follow_the_profile_of_the_weeks_before() -> None:
    times = START + np.array([0, 240], dtype=np.int64) * MINUTE_US
    found = walk(times, np.array([0, 16], dtype=np.int64) * MICRO, anchor=None, limits=HOUSE)
    entries = spread(found.steps, lambda number, count: np.array([1.0] * 8 + [3.0] * 8))

    assert entries["amount"].tolist() == [500_000] * 8 + [1_500_000] * 8
    assert set(entries["method"].tolist()) == {Method.PROFILE}


values = st.lists(
    st.one_of(
        st.floats(0, 0.5), st.floats(0, 50), st.just("zero"), st.just("spike"), st.just("reset")
    ),
    min_size=1, max_size=60,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(values, st.lists(st.integers(1, 200), min_size=60, max_size=60), st.booleans())
def test_the_sum_of_quarters_is_the_register_difference(moves, minutes, rolls) -> None:
    level, registers = 5_000.0, []
    for move in moves:
        if move == "reset":
            level = 0.0
        elif isinstance(move, float):
            level += move
        registers.append({"zero": 0.0, "spike": level + 1e6}.get(str(move), level))
    times = START + np.cumsum(np.array(minutes[: len(registers)], dtype=np.int64)) * MINUTE_US
    micro = np.rint(np.array(registers) * MICRO).astype(np.int64)
    limits = Limits(rate=HOUSE.rate, modulus=5_010 * MICRO if rolls else None)

    found = walk(times, micro, anchor=None, limits=limits)
    entries = spread(found.steps)
    steps = found.steps

    assert (steps["amount"] >= 0).all()
    assert (steps["begin"][1:] == steps["finish"][:-1]).all()
    assert (steps["start"][1:] == steps["end"][:-1]).all()
    assert int(entries["amount"].sum()) == int(steps["amount"].sum())
    difference = entries["finish"] - entries["begin"] + entries["adjustment"]
    assert (entries["amount"] == difference).all()
    assert (entries["begin"][1:] == entries["finish"][:-1]).all()
    assert (entries["amount"] >= 0).all()


@pytest.mark.parametrize("scale", SCALES)
def test_a_register_that_stays_in_another_unit_is_told_once(scale: int) -> None:
    usual = [5_000 + 0.25 * number for number in range(80)]
    wrong = [value * scale for value in usual[20:]]
    told = []
    for count in (6, 7, 60):
        found = run([*usual[:20], *wrong[:count]], step=15 * MINUTE_US)
        assert total(found) == 4.75
        assert found.pending == 0
        assert kinds(found) == ["first", "scale"]
        told.append(found.decisions[1])
    assert told[0] == told[1] == told[2]
    assert told[0].withheld == round((5_005 * scale - 5_004.75) * MICRO)


def test_once_it_is_over_nothing_is_to_be_decided_of_another_unit() -> None:
    values = 5_000 + 0.25 * np.arange(40)
    values[20:30] *= 1_000
    found = run(values.tolist(), step=15 * MINUTE_US)

    assert total(found) == 9.75
    [told] = [one for one in found.decisions if one.kind == Judgement.SCALE]
    assert (told.count, told.withheld) == (10, 0)


@pytest.mark.parametrize("scale", SCALES)
def test_what_was_accepted_is_never_set_aside_as_another_unit_later(scale: int) -> None:
    """Nothing flows for a while in the other unit, which looks like a new level."""
    usual = [10.0, 10.25, 10.5]
    other = [one * scale for one in (10.75, 11.0, 11.25, 11.25, 11.25, 11.5, 11.75)]
    registers = usual + other

    ends = []
    for count in range(len(usual), len(registers) + 1):
        found = run(registers[:count], step=15 * MINUTE_US)
        ends.append(int(found.steps["end"][-1]))
    assert len(set(ends)) == 1
    assert kinds(found) == ["first", "scale"]
