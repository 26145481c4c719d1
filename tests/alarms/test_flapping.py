"""When something comes and goes too often."""

import datetime as dt
import random

from hypothesis import given
from hypothesis import strategies as st

from alarms.engine.flapping import QUIET_FOR, RAISED_TIMES, WITHIN, locked_until

START = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
MINUTES = st.lists(st.integers(min_value=0, max_value=1000), max_size=40)


def is_locked(raised, *, at):
    return locked_until(raised, at=at) is not None


def moments(minutes):
    return [START + dt.timedelta(minutes=minute) for minute in minutes]


def test_locks_at_the_fifth_time_within_an_hour():
    raised = moments([0, 10, 20, 30, 40])

    assert not is_locked(raised, at=raised[3])
    assert is_locked(raised, at=raised[4])


def test_does_not_lock_when_five_times_take_longer_than_an_hour():
    raised = moments([0, 16, 32, 48, 64])

    assert not is_locked(raised, at=raised[4])


def test_stays_locked_while_it_comes_back_before_an_hour_of_quiet():
    raised = moments([0, 1, 2, 3, 4, 60, 110, 165])

    assert locked_until(raised, at=raised[-1]) == raised[-1] + QUIET_FOR


def test_is_free_after_an_hour_of_quiet():
    raised = moments([0, 1, 2, 3, 4, 64])

    assert is_locked(raised, at=START + dt.timedelta(minutes=63))
    assert not is_locked(raised, at=START + dt.timedelta(minutes=64))


@given(MINUTES, st.integers(min_value=0, max_value=1000), st.randoms())
def test_does_not_depend_on_the_order_or_on_repetitions(minutes, at, rng: random.Random):
    moment = START + dt.timedelta(minutes=at)
    shuffled = minutes * 2
    rng.shuffle(shuffled)

    assert locked_until(moments(shuffled), at=moment) == locked_until(moments(minutes), at=moment)


@given(MINUTES, MINUTES, st.integers(min_value=0, max_value=1000))
def test_what_comes_later_changes_nothing_about_before(minutes, later, at):
    moment = START + dt.timedelta(minutes=at)
    more = [minute + at + 1 for minute in later]

    assert is_locked(moments(minutes + more), at=moment) == is_locked(moments(minutes), at=moment)


@given(MINUTES, st.integers(min_value=0, max_value=1000))
def test_is_locked_when_and_only_when_a_storm_was_followed_by_no_hour_of_quiet(minutes, at):
    moment = START + dt.timedelta(minutes=at)
    known = sorted(set(moments(minute for minute in minutes if minute <= at)))
    storms = [
        place
        for place in range(RAISED_TIMES - 1, len(known))
        if known[place] - known[place - RAISED_TIMES + 1] <= WITHIN
    ]
    follow = [*known[1:], moment]
    is_quiet = [after - before >= QUIET_FOR for before, after in zip(known, follow, strict=False)]

    assert is_locked(moments(minutes), at=moment) == any(
        not any(is_quiet[place:]) for place in storms
    )


@given(MINUTES)
def test_is_never_locked_for_ever(minutes):
    assert not is_locked(moments(minutes), at=START + dt.timedelta(minutes=1000) + QUIET_FOR)
