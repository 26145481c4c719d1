"""All watches with their states, now and earlier, as they follow the samples."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alarms.engine.fold import NEVER, NOTHING, Event, State, look_ahead
from alarms.engine.table import Table
from alarms.services.following import Found
from alarms.watching.reading import as_rows, usable_since
from alarms.watching.states import Kept
from alarms.watching.watched import Place, Watched
from alarms.watching.week_ago import WeekAgo
from energy.lib.waiting import must_wait
from telemetry.ingest.batch import SAMPLE_DTYPE, SampleBatch

# How often the states that are kept for late samples are passed on to the next place, in
# seconds. Two places for each length: what stands in the second one is at least so old.
AGES = (60.0, 60.0, 600.0, 600.0, 3600.0, 3600.0)
STORED = (3, 5)  # places
PORTION = 500

States = NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Carried:
    """A watch as it goes from one board to the next. version: its number."""

    version: int
    state: State
    earlier: list[State]
    begun: int


class Board:
    """Follows samples with watches; what they led to is fetched by `collect`.

    Args:
        begun: µs; what is older than that of a watch is unknown to it.
        earlier: older states of each watch, newest first; the newest stands in for missing ones.
    """

    def __init__(
        self,
        watched: Sequence[Watched],
        states: Sequence[State],
        earlier: Sequence[Sequence[State]],
        begun: Sequence[int],
        past: WeekAgo,
        now: float,
    ) -> None:
        self.watched = watched
        self._past = past
        self._against = {
            n: one.channel for n, one in enumerate(watched) if one.compiled.against_last_week
        }
        self._table = Table(
            [one.watch(self._source(n)) for n, one in enumerate(watched)], states, begun
        )
        self._earlier = [
            [_older(of, age) for of in earlier] for age in range(len(AGES))
        ]  # one list of states for each age
        self._older_at = [now + age for age in AGES]
        self._begun = list(begun)
        self._events: dict[int, tuple[State, list[Event]]] = {}
        self._late: dict[int, int] = {}
        self._told: dict[int, State] = {}
        self._told_at: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
        self._fresh: set[int] = set()

    def take(self, samples: SampleBatch) -> None:
        """Follow usable samples, sorted by channel and time."""
        taken = self._table.take(self._with_derived(samples))
        for number, events in taken.events.items():
            self._note(number, taken.before[number], events)
        for number, at in taken.late.items():
            self._late[number] = min(at, self._late.get(number, at))
        for number in self._heard_again():
            self._note_ahead(number, self._told.pop(number))

    def collect(
        self, *, until: int, end: dt.datetime, heard_since: int = -NEVER
    ) -> tuple[list[Found], list[int]]:
        """Return what became of the samples, and which watches were folded again.

        Args:
            until: µs, up to which silence counts.
            heard_since: µs; silence is told only when it has lasted since then as well.
            end: up to which stored samples are read for watches that are folded again.
        """
        again = self._fold_late(end)
        self._look_ahead(until, heard_since)
        found = [
            Found(
                one.sign,
                _limits(one),
                max(before.time, 0),
                before,
                events,
                is_fresh=number in self._fresh,
                ahead=self._ahead(number),
                names=one.names,
            )
            for number, (before, events) in self._events.items()
            for one in [self.watched[number]]
        ]
        return found, again

    @property
    def is_written(self) -> bool:
        """Tell whether nothing waits to be collected, so that states may be kept."""
        return not self._events and not self._late

    def written(self, now: float) -> None:
        """Forget what was collected: it is in the database. Args: now: seconds since 1970."""
        self._events.clear()
        self._fresh.clear()
        self._keep_earlier(now)

    def fold_again(
        self, starts: Mapping[int, State], end: dt.datetime, *, is_fresh: bool = False
    ) -> None:
        """Fold watches again, each from a state of its own, with what is stored since.

        Args: is_fresh: they are new, so only what is wrong now counts.
        """
        numbers = list(starts)
        if is_fresh:
            self._fresh.update(numbers)
        for begin in range(0, len(numbers), PORTION):
            self._fold({n: starts[n] for n in numbers[begin : begin + PORTION]}, end)

    def kept(self, number: int) -> Kept:
        """Return what is to be stored of a watch."""
        older = [self._earlier[age][number] for age in STORED]
        states = (self._table.state(number), *older)
        return Kept(self.watched[number].number, self._begun[number], states)

    def carry(self) -> dict[Place, Carried]:
        """Return what the next board is to go on with."""
        return {
            one.place: Carried(
                one.number, self._table.state(n), [of[n] for of in self._earlier], self._begun[n]
            )
            for n, one in enumerate(self.watched)
        }

    def told(self) -> dict[Place, State]:
        """Return of which alarms people know that no sample has confirmed."""
        return {self.watched[n].place: state for n, state in self._told.items()}

    def set_told(self, told: Mapping[Place, State]) -> None:
        """Go on with what people know already."""
        for number, one in enumerate(self.watched):
            if one.place in told and self._table.state(number) == told[one.place]:
                self._tell(number, told[one.place])

    def _source(self, number: int) -> int:
        """Return under which channel a watch gets samples: derived ones come under its own."""
        return -1 - number if number in self._against else self.watched[number].channel

    def _with_derived(self, samples: SampleBatch) -> SampleBatch:
        parts = []
        for number in sorted(self._against, reverse=True):  # their channels are negative
            channel = self._against[number]
            begin, end = np.searchsorted(samples["channel"], [channel, channel + 1])
            if end > begin:
                parts.append(self._derived(number, samples[begin:end], -1 - number))
        return np.concatenate([*parts, samples]) if parts else samples

    def _derived(self, number: int, rows: SampleBatch, channel: int) -> SampleBatch:
        one = self.watched[number]
        hold = min(one.compiled.timing.hold, 86_400_000_000)
        times, values = rows["time"].astype(np.int64), rows["value"].astype(np.float64)
        return as_rows(channel, times, self._past.percents(one.channel, times, values, hold))

    def _note(self, number: int, before: State, events: Iterable[Event]) -> None:
        known = self._events.get(number)
        self._events[number] = (known[0], [*known[1], *events]) if known else (before, [*events])

    def _note_ahead(self, number: int, before: State) -> None:
        """Have an alarm that was told ahead compared with what the sample made of it."""
        if number not in self._events:
            self._events[number] = (before, [])

    def _fold_late(self, end: dt.datetime) -> list[int]:
        starts = {}
        for number, at in self._late.items():
            start = self._start_before(number, at)
            if start is None:  # what came with it may be news
                starts[number] = self._table.state(number)
            else:
                starts[number] = start
                self._replace_earlier(number, at, start)
        self.fold_again(starts, end)
        self._late.clear()
        return list(starts)

    def _start_before(self, number: int, at: int) -> State | None:
        """Return the newest state that knows nothing of a time; None: it is too long ago."""
        for of in self._earlier:
            state = of[number]
            if state.time < at and (state != NOTHING or at >= self._begun[number]):
                return state
        return None

    def _replace_earlier(self, number: int, at: int, start: State) -> None:
        for of in self._earlier:
            if of[number].time >= at:
                of[number] = start

    def _fold(self, starts: Mapping[int, State], end: dt.datetime) -> None:
        numbers = list(starts)
        after = {n: self._after(n, starts[n]) for n in numbers}
        rows = usable_since([(self.watched[n].channel, after[n]) for n in numbers], end)
        parts, watches = [np.empty(0, SAMPLE_DTYPE)], []
        for place, number in enumerate(numbers):
            part = self._rows_of(number, rows, after[number], place)
            parts.append(part)
            watches.append(self.watched[number].watch(place))
        table = Table(watches, [starts[n] for n in numbers])
        taken = table.take(np.concatenate(parts))
        for place, number in enumerate(numbers):
            self._table.put(number, table.state(place))
            self._events[number] = (starts[number], taken.events.get(place, []))
            if self._told.pop(number, None) is not None:
                self._told_at = None

    def _after(self, number: int, start: State) -> int:
        return self._begun[number] - 1 if start == NOTHING else start.time

    def _rows_of(self, number: int, rows: SampleBatch, after: int, place: int) -> SampleBatch:
        channel = self.watched[number].channel
        begin, end = np.searchsorted(rows["channel"], [channel, channel + 1])
        own = rows[begin:end]
        own = own[np.searchsorted(own["time"], after, side="right") :]
        if number in self._against and len(own):
            return self._derived(number, own, place)
        own = own.copy()
        own["channel"] = place
        return own

    def _look_ahead(self, until: int, heard_since: int) -> None:
        for number, event in self._table.due(until):
            silence = self.watched[number].compiled.timing.silence
            if silence is not None and heard_since + silence > until:
                continue
            state = self._table.state(number)
            self._note(number, state, [event])
            self._tell(number, state)

    def _tell(self, number: int, state: State) -> None:
        self._told[number] = state
        self._table.told(number)
        self._told_at = None

    def _heard_again(self) -> list[int]:
        """Return of which watches people know something that no sample had confirmed."""
        if not self._told:
            return []
        if self._told_at is None:
            self._told_at = (
                np.array(list(self._told), dtype=np.int64),
                np.array([state.time for state in self._told.values()], dtype=np.int64),
            )
        numbers, times = self._told_at
        moved = numbers[self._table.times(numbers) != times].tolist()
        if moved:
            self._told_at = None
        return moved

    def _ahead(self, number: int) -> Event | None:
        if number in self._told:
            return None
        state, timing = self._table.state(number), self.watched[number].compiled.timing
        events = look_ahead(state, NEVER - 1, timing)[1]
        return events[0] if events else None

    def _keep_earlier(self, now: float) -> None:
        """Let states grow old: every minute the newest one of each watch is put away."""
        for age in reversed(range(len(AGES))):
            if must_wait(self._older_at[age], now=now, at_most=AGES[age]):
                continue
            newer = self._earlier[age - 1] if age else map(self._table.state, self._numbers())
            self._earlier[age] = list(newer)
            self._older_at[age] = now + AGES[age]

    def _numbers(self) -> range:
        return range(len(self.watched))


def _older(states: Sequence[State], age: int) -> State:
    """Return the state of an age, or the oldest that there is."""
    return states[min(age, len(states) - 1)] if states else NOTHING


def _limits(one: Watched) -> tuple[float, float]:
    condition: Any = one.compiled.judge.condition
    return getattr(condition, "above", np.inf), getattr(condition, "below", -np.inf)
