"""Alarms that are known are brought to what samples say, however they came in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alarms.engine.conditions import RIGHT, WRONG
from alarms.engine.fold import NEVER, NOTHING, Episode, Timing, episodes, fold, look_ahead
from alarms.engine.reconcile import Known, Steps, reconcile

TIMINGS = (Timing(), Timing(raise_after=3), Timing(raise_after=2, clear_after=4, hold=6),
           Timing(count=2), Timing(silence=4))  # fmt: skip
samples_of = st.dictionaries(st.integers(0, 40), st.sampled_from([WRONG, RIGHT]), max_size=30)


def alarms_of(levels: dict[int, int], timing: Timing, now: int) -> list[Episode]:
    rows = [(at, float(at), level) for at, level in sorted(levels.items()) if at <= now]
    state, events = fold(NOTHING, rows, timing)
    return episodes(events + look_ahead(state, now, timing)[1])


class Book:
    """Keeps alarms as a table does."""

    def __init__(self) -> None:
        self.rows: list[Known] = []
        self.withdrawn: set[int] = set()
        self._keys = 0

    def follow(self, found: list[Episode]) -> Steps:
        steps = reconcile(self.rows, found)
        rows = {row.key: row for row in self.rows if row.key not in steps.withdrawn}
        rows |= {key: Known(key, *episode) for key, episode in steps.changed.items()}
        for episode in steps.added:
            self._keys += 1
            rows[self._keys] = Known(self._keys, *episode)
        self.withdrawn |= set(steps.withdrawn)
        self.rows = sorted(rows.values(), key=lambda row: row.raised_at)
        return steps


@given(samples_of, st.sampled_from(TIMINGS), st.randoms(use_true_random=False))
def test_any_order_of_arrival_ends_with_the_same_alarms(levels, timing, random) -> None:
    book, seen, now = Book(), {}, 0
    arrivals = list(levels.items()) * 2  # each twice
    random.shuffle(arrivals)
    for at, level in arrivals:
        seen[at] = level
        now = max(now, at + random.randint(0, 3))  # the clock goes on meanwhile
        book.follow(alarms_of(seen, timing, now))

    expected = alarms_of(levels, timing, 60)
    book.follow(alarms_of(seen, timing, 60))

    assert [row.episode for row in book.rows] == expected
    assert not book.withdrawn & {row.key for row in book.rows}
    assert book.follow(expected) == Steps([], {}, [])


def test_an_alarm_stays_itself_when_a_late_sample_moves_it() -> None:
    known = [Known(7, 10, 1.0, 20), Known(8, 30, 2.0, NEVER)]

    assert reconcile(known, [Episode(9, 5.0, 20), Episode(30, 2.0, 40)]) == Steps(
        [], {7: Episode(9, 5.0, 20), 8: Episode(30, 2.0, 40)}, []
    )
    assert reconcile(known, [Episode(30, 2.0, NEVER)]) == Steps([], {}, [7])
    assert reconcile(known, [Episode(1, 1.0, 5), Episode(10, 1.0, NEVER)]) == Steps(
        [Episode(1, 1.0, 5)], {7: Episode(10, 1.0, NEVER)}, [8]
    )
