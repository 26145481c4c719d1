"""Many rules at once do what each of them does alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.engine.conditions import MINUTE_US, Judge, Limits, States
from alarms.engine.fold import NEVER, NOTHING, Event, Timing, Turn, fold, look_ahead
from alarms.engine.table import Table, Watch
from telemetry.ingest.batch import SAMPLE_DTYPE, SampleBatch

CHANNELS = 4
judges = st.one_of(
    st.just(Limits(above=6, clear_above=4)),
    st.just(Limits(above=7, clear_above=7, below=1, clear_below=2)),
    st.just(States(frozenset({3.0, 9.0}))),
).map(Judge) | st.builds(
    Judge, st.just(Limits(above=MINUTE_US, clear_above=0)), of_rates=st.just(True),
    hold=st.integers(1, 20),
) | st.just(Judge(Limits(above=4, clear_above=4), active=lambda times: times % 7 < 4))  # fmt: skip
timings = st.one_of(
    st.builds(
        Timing,
        raise_after=st.integers(0, 6), clear_after=st.integers(0, 6), count=st.integers(1, 3),
        hold=st.one_of(st.just(NEVER), st.integers(1, 8)),
    ),
    st.builds(Timing, silence=st.integers(1, 8)),
)  # fmt: skip
watches_of = st.lists(
    st.builds(Watch, rule=st.integers(1, 9), channel=st.integers(1, CHANNELS),
              judge=judges, timing=timings),
    max_size=8,
)  # fmt: skip
points = st.dictionaries(
    st.tuples(st.integers(1, CHANNELS + 1), st.integers(0, 40)), st.integers(0, 10), max_size=60
)


def batch(found: dict[tuple[int, int], int], first: int, last: int) -> SampleBatch:
    """Return the samples with times in [first, last)."""
    rows = [
        (channel, time, float(value), 0)
        for (channel, time), value in sorted(found.items()) if first <= time < last
    ]  # fmt: skip
    return np.array(rows, dtype=SAMPLE_DTYPE)


def alone(watch: Watch, found: dict[tuple[int, int], int]) -> tuple[object, list[Event]]:
    rows = batch(found, 0, 100)
    rows = rows[rows["channel"] == watch.channel]
    levels = watch.judge.levels(rows["time"], rows["value"], None).tolist()
    samples = zip(rows["time"].tolist(), rows["value"].tolist(), levels, strict=True)
    return fold(NOTHING, samples, watch.timing)


@settings(max_examples=300)
@given(watches_of, points, st.lists(st.integers(0, 40), max_size=4))
def test_batches_of_many_do_what_each_does_alone(
    watches: list[Watch], found: dict[tuple[int, int], int], cuts: list[int]
) -> None:
    table = Table(watches)
    events: dict[int, list[Event]] = {number: [] for number in range(len(watches))}
    edges = [0, *sorted(cuts), 100]
    for first, last in zip(edges, edges[1:], strict=False):
        taken = table.take(batch(found, first, last))
        assert taken.late == {}
        for number, some in taken.events.items():
            events[number] += some

    for number, watch in enumerate(watches):
        state, expected = alone(watch, found)
        assert events[number] == expected
        assert table.state(number) == state
    due = dict(table.due(60))
    assert due == {
        number: some[0] for number, watch in enumerate(watches)
        if (some := look_ahead(table.state(number), 60, watch.timing)[1])
    }  # fmt: skip


def test_what_comes_late_is_told_and_not_taken() -> None:
    table = Table([Watch(1, 1, Judge(Limits(above=5, clear_above=5)), Timing()),
                   Watch(2, 2, Judge(Limits(above=5, clear_above=5)), Timing())])  # fmt: skip
    table.take(batch({(1, 10): 1, (2, 10): 1}, 0, 100))

    taken = table.take(batch({(1, 9): 9, (1, 12): 9, (2, 12): 9}, 0, 100))

    assert (taken.events, taken.late) == ({1: [Event(Turn.RAISED, 12, 9.0)]}, {0: 9})
    assert taken.before[1].time == 10
    assert table.state(0).time == 10
