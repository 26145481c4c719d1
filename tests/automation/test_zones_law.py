"""The law of controllers: what they do about a value, and what they never do."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.control.law import (
    AHEAD,
    DAY,
    HOUR,
    Act,
    Do,
    Law,
    Reading,
    Running,
    Side,
    Why,
    decide,
)
from automation.control.pace import skipped, smoothed, workers_for
from automation.control.phases import walk

NOW = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
PH = Law(
    "dose", 5.8, deadband=0.1, gain=10.0, least=2.0, most=10.0, pause=600.0, per_hour=20.0,
    per_day=60.0, max_age=300.0, can_raise=True, can_lower=True,
)  # fmt: skip
HEAT = Law(
    "switch", 22.0, deadband=1.0, pause=60.0, per_hour=6.0, max_age=300.0,
    can_raise=True, can_lower=True,
)  # fmt: skip
SET = Law("setpoint", 40.0, pause=60.0, can_raise=True)
wild = st.floats(allow_nan=True, allow_infinity=True)
ages = st.floats(-1e4, 1e6)
caps = st.one_of(st.none(), st.floats(0, 100))
laws = st.builds(
    Law, st.sampled_from(["dose", "switch", "setpoint"]), st.one_of(st.none(), wild),
    deadband=st.floats(0, 10), gain=st.floats(0, 1e6), least=st.floats(0, 10),
    most=st.floats(10, 1e3), pause=st.floats(0, 7_200), per_hour=caps, per_day=caps,
    max_age=st.floats(1, 3_600), can_raise=st.booleans(), can_lower=st.booleans(),
)  # fmt: skip
readings = st.one_of(st.none(), st.builds(Reading, wild, st.one_of(ages, wild)))
acts = st.lists(
    st.builds(
        Act, st.floats(0, 2 * DAY), st.sampled_from([Do.DOSE, Do.ON, Do.OFF, Do.SET]),
        st.sampled_from([Side.RAISE, Side.LOWER]), st.floats(0, 50), st.booleans(),
        st.just(False),
    ), max_size=8,
)  # fmt: skip
runnings = st.builds(Running, st.booleans(), st.booleans())


def at(value: float, age: float = 5.0) -> Reading:
    return Reading(value, age)


@pytest.mark.parametrize(
    ("reading", "past", "law", "expected"),
    [
        (at(6.4), [], PH, (Do.DOSE, Side.LOWER, 6.0)),
        (at(5.0), [], PH, (Do.DOSE, Side.RAISE, 8.0)),
        (at(5.92), [], PH, (Do.DOSE, Side.LOWER, 2.0)),
        (at(9.9), [], PH, (Do.DOSE, Side.LOWER, 10.0)),
        (at(5.9), [], PH, Why.IN_BAND),
        (at(6.4, 301), [], PH, Why.TOO_OLD),
        (at(6.4, -AHEAD - 1), [], PH, Why.TOO_OLD),
        (None, [], PH, Why.NO_VALUE),
        (at(math.nan), [], PH, Why.NO_VALUE),
        (at(6.4), [], replace(PH, target=None), Why.NO_TARGET),
        (at(6.4), [], replace(PH, target=math.inf), Why.NO_TARGET),
        (at(6.4), [], replace(PH, can_lower=False), Why.NO_ROLE),
        (at(6.4), [Act(599, Do.DOSE, Side.LOWER, 2)], PH, Why.PAUSE),
        (at(6.4), [Act(599, Do.DOSE, Side.LOWER, 2, counts=False)], PH, Why.PAUSE),
        (at(6.4), [Act(0, Do.DOSE, Side.LOWER, 2, is_open=True)], PH, Why.BUSY),
        (at(6.4, 200), [Act(100, Do.DOSE, Side.LOWER, 2)], replace(PH, pause=0), Why.NOT_NEWER),
        (at(6.4), [Act(700, Do.DOSE, Side.LOWER, 16)], PH, (Do.DOSE, Side.LOWER, 4.0)),
        (at(6.4), [Act(700, Do.DOSE, Side.LOWER, 18.5)], PH, Why.HOUR_CAP),
        (at(6.4), [Act(700, Do.DOSE, Side.LOWER, 18.5, counts=False)], PH,
         (Do.DOSE, Side.LOWER, 6.0)),
        (at(6.4), [Act(HOUR + 1, Do.DOSE, Side.LOWER, 59)], PH, Why.DAY_CAP),
        (at(6.4), [Act(DAY + 1, Do.DOSE, Side.LOWER, 59)], PH, (Do.DOSE, Side.LOWER, 6.0)),
        (at(6.4), [], replace(PH, gain=0, least=0), Why.NO_DOSE),
    ],
)  # fmt: skip
def test_doses(reading, past, law, expected):
    made = decide(law, reading, past)

    if isinstance(expected, Why):
        assert (made.do, made.why) == (Do.NOTHING, expected)
    else:
        assert (made.do, made.side, made.amount) == expected


ON = Act(100, Do.ON, Side.RAISE)


@pytest.mark.parametrize(
    ("reading", "past", "running", "expected"),
    [
        (at(20.9), [], Running(), (Do.ON, Side.RAISE)),
        (at(21.5), [], Running(), Why.IN_BAND),
        (at(21.5), [ON], Running(raises=True), Why.IN_BAND),  # it goes on up to the target
        (at(22.0), [ON], Running(raises=True), (Do.OFF, Side.RAISE)),
        (at(20.0), [ON], Running(raises=True), Why.IS_SO),
        (at(23.5), [], Running(), (Do.ON, Side.LOWER)),
        (at(23.5), [ON], Running(raises=True), (Do.OFF, Side.RAISE)),
        (at(20.0), [], Running(lowers=True), (Do.OFF, Side.LOWER)),
        (at(20.0, 400), [ON], Running(raises=True), (Do.OFF, Side.RAISE)),
        (at(20.0, 400), [], Running(raises=True), Why.TOO_OLD),  # somebody else's
        (None, [ON], Running(raises=True), (Do.OFF, Side.RAISE)),
        (at(23.0), [ON, Act(30, Do.OFF, Side.RAISE)], Running(raises=True), Why.PAUSE),
        (at(23.0), [ON, Act(61, Do.OFF, Side.RAISE)], Running(raises=True), (Do.OFF, Side.RAISE)),
        (at(20.0), [Act(61 + n, Do.ON, Side.RAISE) for n in range(6)], Running(), Why.HOUR_CAP),
    ],
)
def test_switches_on_and_off(reading, past, running, expected):
    made = decide(HEAT, reading, past, running)

    assert (made.why if isinstance(expected, Why) else (made.do, made.side)) == expected


def test_tells_a_device_its_setpoint_once_and_again_after_a_refusal():
    told = Act(3_600, Do.SET, Side.RAISE, 40.0)
    assert decide(SET, None).amount == 40.0
    assert decide(SET, None, [told]).why == Why.IS_SO
    assert decide(SET, None, [replace(told, counts=False)]).do == Do.SET
    assert decide(SET, None, [replace(told, counts=False, ago=30)]).why == Why.PAUSE
    assert decide(replace(SET, target=None), None).why == Why.NO_TARGET
    assert decide(replace(SET, target=41.0), None, [told]).amount == 41.0


@given(laws, readings, acts, runnings)
def test_never_starts_without_a_reason(law, reading, past, running):
    made = decide(law, reading, past, running)

    if made.do in {Do.NOTHING, Do.OFF}:
        return
    assert law.target is not None and math.isfinite(law.target)
    assert math.isfinite(made.amount)
    assert law.can_raise if made.side == Side.RAISE else law.can_lower
    assert not any(act.ago < law.pause for act in past)
    if made.do == Do.SET:
        return
    assert reading is not None and -AHEAD <= reading.age <= law.max_age
    assert abs(reading.value - law.target) > law.deadband
    assert (made.side == Side.RAISE) == (reading.value < law.target)
    if made.do == Do.ON:
        assert not running.raises and not running.lowers


@given(
    laws.filter(lambda law: law.kind == "dose" and law.target is not None),
    st.lists(st.tuples(st.floats(1, 3_600), st.floats(0, 14), st.booleans()), max_size=40),
)
def test_no_window_holds_more_than_the_cap(law, steps):
    done: list[tuple[float, float]] = []
    now = 0.0
    for passed, value, is_refused in steps:
        now += passed
        past = [Act(now - when, Do.DOSE, Side.LOWER, ml) for when, ml in done]
        made = decide(law, at(value, 0.5), past)
        if made.do == Do.DOSE and not is_refused:
            done.append((now, made.amount))

    for start, _ml in done:
        for cap, span in ((law.per_hour, HOUR), (law.per_day, DAY)):
            given_ = math.fsum(ml for when, ml in done if start <= when <= start + span)
            assert cap is None or given_ <= cap + 1e-6
    assert all(b - a >= law.pause for (a, _), (b, _) in zip(done, done[1:], strict=False))


@given(st.floats(0, 14), st.floats(0, 14), st.floats(0, 100), st.floats(0, 5))
def test_a_larger_deviation_never_gets_a_smaller_dose(one, other, gain, least):
    law = replace(PH, target=0.0, gain=gain, least=least)
    near, far = sorted((one, other))

    doses = [decide(law, at(value)) for value in (near, far)]

    assert (doses[0].amount if doses[0].do else 0) <= (doses[1].amount if doses[1].do else 0)


@given(st.integers(0, 10**6), st.floats(0, 1e3))
def test_workers_stay_within_their_bounds(zones, seconds):
    assert 5 <= workers_for(zones, seconds) <= 50
    assert workers_for(1_000, 0.15) == 10
    assert workers_for(1_000, math.nan) == 50


def test_the_average_follows():
    assert smoothed(None, 2.0) == 2.0
    assert smoothed(1.0, 2.0) == pytest.approx(1.2)


@pytest.mark.parametrize(("late", "left_out"), [(-1, 0), (0, 0), (14.9, 0), (15, 1), (100, 6)])
def test_a_late_cycle_is_left_out(late, left_out):
    assert skipped(NOW, NOW + dt.timedelta(seconds=late)) == left_out
    assert skipped(None, NOW) == 0


@given(
    st.lists(st.one_of(st.none(), st.floats(0.1, 48)), min_size=1, max_size=6),
    st.lists(st.floats(0, 30), max_size=6),
)
def test_phases_are_the_same_whenever_one_looks(hours, waits):
    first = None if hours[0] is None else NOW + dt.timedelta(hours=hours[0])
    number, until, now, seen, ended = 0, first, NOW, [], None
    for wait in waits:
        now += dt.timedelta(hours=wait)
        if ended is None:
            found = walk(hours, number, until, now)
            seen += found.begun
            ended = found.finished_at
            if found.begun:
                number, until = found.begun[-1].number, found.begun[-1].until

    whole = walk(hours, 0, first, now)

    assert tuple(seen) == whole.begun and ended == whole.finished_at
    assert [one.number for one in whole.begun] == list(range(1, len(whole.begun) + 1))
