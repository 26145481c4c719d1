"""When an alarm is raised and cleared, against a clock that looks at every tick."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alarms.engine.conditions import NEITHER, RIGHT, WRONG
from alarms.engine.fold import (
    NEVER,
    NOTHING,
    Episode,
    Event,
    State,
    Timing,
    Turn,
    due_at,
    episodes,
    fold,
    look_ahead,
)

LAST = 40
Samples = list[tuple[int, float, int]]

samples_of = st.dictionaries(
    st.integers(0, LAST), st.sampled_from([WRONG, NEITHER, RIGHT]), max_size=LAST
).map(lambda levels: [(at, float(at), level) for at, level in sorted(levels.items())])
timings = st.builds(
    Timing,
    raise_after=st.integers(0, 8), clear_after=st.integers(0, 8), count=st.integers(1, 4),
    hold=st.one_of(st.just(NEVER), st.integers(1, 10)),
)  # fmt: skip


def everything(samples: Samples, timing: Timing, until: int = LAST + 20) -> list[Event]:
    state, events = fold(NOTHING, samples, timing)
    return events + look_ahead(state, until, timing)[1]


def by_the_clock(samples: Samples, timing: Timing, until: int = LAST + 20) -> list[Event]:
    """Look at each tick whether the stretch that ends there is long enough."""
    at_tick = {time: (value, level) for time, value, level in samples}
    events: list[Event] = []
    raised = wrong = False
    heard: int | None = None
    value = 0.0
    since = counted = 0
    for now in range(until + 1):
        if now in at_tick:
            value, level = at_tick[now]
            lost = heard is None or now - heard > timing.hold
            before = raised if lost else wrong
            after = before if level == NEITHER else level == WRONG
            if lost or after != wrong:
                since, counted = now, 0
            wrong, heard = after, now
            counted += level == WRONG
        if heard is None or now - heard > timing.hold:
            continue
        if wrong and not raised and counted >= timing.count and now - since >= timing.raise_after:
            raised = True
            events.append(Event(Turn.RAISED, now, value))
        elif raised and not wrong and now - since >= timing.clear_after:
            raised = False
            events.append(Event(Turn.CLEARED, now, value))
    return events


@given(samples_of, timings)
def test_agrees_with_a_clock(samples: Samples, timing: Timing) -> None:
    assert everything(samples, timing) == by_the_clock(samples, timing)


@given(samples_of, timings, st.integers(0, LAST))
@example([(0, 0.0, WRONG), (5, 5.0, RIGHT)], Timing(raise_after=5), 1)
def test_portions_make_no_difference(samples: Samples, timing: Timing, cut: int) -> None:
    whole_state, whole = fold(NOTHING, samples, timing)

    state, first = fold(NOTHING, samples[:cut], timing)
    look_ahead(state, LAST, timing)  # to look changes nothing
    state, second = fold(state, samples[cut:], timing)

    assert first + second == whole
    assert state == whole_state


@given(samples_of, st.integers(1, 8))
def test_silence_is_broken_by_any_sample(samples: Samples, silence: int) -> None:
    events = everything(samples, Timing(silence=silence))

    times = [time for time, _value, _level in samples]
    gaps = zip(times, [*times[1:], NEVER][: len(times)], strict=True)
    expected = [
        Episode(before + silence, float(before), after)
        for before, after in gaps if after - before > silence
    ]  # fmt: skip
    assert episodes(events) == expected


@given(samples_of, timings)
def test_what_is_due_is_what_a_look_ahead_finds(samples: Samples, timing: Timing) -> None:
    state, _events = fold(NOTHING, samples, timing)
    due = due_at(state, timing)

    assert look_ahead(state, due - 1, timing)[1] == []
    if due != NEVER:
        assert [event.at for event in look_ahead(state, due, timing)[1]] == [due]


@given(samples_of, timings)
def test_turns_alternate_and_never_go_back(samples: Samples, timing: Timing) -> None:
    events = everything(samples, timing)

    turns = [event.turn for event in events]
    assert turns == [Turn.RAISED, Turn.CLEARED] * (len(turns) // 2) + [Turn.RAISED] * (
        len(turns) % 2
    )
    assert [event.at for event in events] == sorted(event.at for event in events)


def test_a_sample_must_come_after_the_one_before_it() -> None:
    with pytest.raises(ValueError, match="in order"):
        fold(State(time=5), [(5, 1.0, WRONG)], Timing())


def test_an_open_alarm_is_an_episode_without_end() -> None:
    events = [Event(Turn.CLEARED, 3, 0.0), Event(Turn.RAISED, 7, 9.0)]

    assert episodes(events, open_since=(1, 8.0)) == [Episode(1, 8.0, 3), Episode(7, 9.0, NEVER)]
