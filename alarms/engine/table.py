"""All rules on all their channels, for batches of samples. Most samples change nothing, and for
those there is no Python loop: 100,000 samples a second take a tenth of a core."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from alarms.engine.conditions import NEITHER, RIGHT, WRONG, Judge, Levels, Limits
from alarms.engine.fold import NEVER, NOTHING, Event, State, Timing, due_at, fold, look_ahead

Ints = NDArray[np.int64]
Samples = NDArray[np.void]  # telemetry.ingest.batch.SAMPLE_DTYPE, sorted by channel and time

_LIMIT_DTYPE = np.dtype(
    [("above", "<f8"), ("clear_above", "<f8"), ("below", "<f8"), ("clear_below", "<f8")]
)
_STATE_DTYPE = np.dtype(
    [("time", "<i8"), ("value", "<f8"), ("is_wrong", "?"), ("since", "<i8"), ("counted", "<i8"),
     ("counted_at", "<i8"), ("raised_at", "<i8")]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Watch:
    """A rule on one channel. rule, channel: keys."""

    rule: int
    channel: int
    judge: Judge
    timing: Timing


@dataclass(slots=True)
class Taken:
    """What a batch did. Numbers are those of watches.

    before: where watches that have events stood ahead of the batch. late: watches for which a
    sample is not newer than what they have seen, with the time of the first such sample: they
    took nothing, and must be folded again from before it.
    """

    events: dict[int, list[Event]] = field(default_factory=dict)
    before: dict[int, State] = field(default_factory=dict)
    late: dict[int, int] = field(default_factory=dict)


class Table:
    """States of many watches, which are numbered as given.

    Args: begun: µs; what is older than that counts as late for a watch.
    """

    def __init__(
        self,
        watches: Sequence[Watch],
        states: Sequence[State] | None = None,
        begun: Sequence[int] | None = None,
    ) -> None:
        self.watches = watches
        self._before = np.array(begun or [-NEVER] * len(watches), dtype=np.int64) - 1
        self._channels = np.array([watch.channel for watch in watches], dtype=np.int64)
        self._order = np.argsort(self._channels, kind="stable")
        self._sorted = self._channels[self._order]
        self._limits = np.array([_limits_of(watch) for watch in watches], dtype=_LIMIT_DTYPE)
        self._is_plain = np.array([watch.judge.is_plain for watch in watches], bool)
        self._silence = np.array(
            [NEVER if w.timing.silence is None else w.timing.silence for w in watches], np.int64
        )
        self._states = np.array(
            [tuple(s) for s in states or [NOTHING] * len(watches)], _STATE_DTYPE
        )
        self._due = np.full(len(watches), NEVER, dtype=np.int64)
        for number in range(len(watches)):
            self._set_due(number)

    def state(self, number: int) -> State:
        """Return where a watch stands."""
        return State(*self._states[number].item())

    def put(self, number: int, state: State) -> None:
        """Let a watch stand elsewhere, such as after it was folded again."""
        self._states[number] = tuple(state)
        self._set_due(number)

    def take(self, samples: Samples) -> Taken:
        """Fold samples of usable quality into all watches that they concern."""
        taken = Taken()
        if not len(samples) or not len(self.watches):
            return taken
        which, starts, ends = self._concerned(samples)
        times: Ints = samples["time"]
        late = times[starts] <= np.maximum(self._states["time"][which], self._before[which])
        for number, start in zip(which[late].tolist(), starts[late].tolist(), strict=True):
            taken.late[number] = int(times[start])
        which, starts, ends = which[~late], starts[~late], ends[~late]
        quiet = self._take_quiet(samples, which, starts, ends)
        for number, start, end in zip(
            *(a[~quiet].tolist() for a in (which, starts, ends)), strict=True
        ):
            before = self.state(number)
            events = self._fold(number, samples[start:end])
            if events:
                taken.events[number], taken.before[number] = events, before
        return taken

    def due(self, now: int) -> Iterator[tuple[int, Event]]:
        """Yield what has happened by itself until now, in µs, as long as no sample says else.

        The same comes again until a sample does, or `told` is called: states do not move (see
        `look_ahead`).
        """
        for number in np.flatnonzero(self._due <= now).tolist():
            for event in look_ahead(self.state(number), now, self.watches[number].timing)[1]:
                yield number, event

    def told(self, number: int) -> None:
        """Say no more what has happened by itself, until a sample comes."""
        self._due[number] = NEVER

    def times(self, numbers: Ints) -> Ints:
        """Return when the last sample of each watch was."""
        found: Ints = self._states["time"][numbers]
        return found

    def _concerned(self, samples: Samples) -> tuple[Ints, Ints, Ints]:
        """Return watches with samples, and where those begin and end."""
        channels = samples["channel"]
        starts = np.searchsorted(channels, self._sorted, side="left")
        ends = np.searchsorted(channels, self._sorted, side="right")
        has_some = ends > starts
        return self._order[has_some], starts[has_some], ends[has_some]

    def _take_quiet(
        self, samples: Samples, which: Ints, starts: Ints, ends: Ints
    ) -> NDArray[np.bool_]:
        """Take what changes nothing but the time; return the mask of those watches."""
        if not len(which):
            return np.zeros(0, dtype=bool)
        counts = ends - starts
        firsts = np.cumsum(counts) - counts
        rows = np.arange(counts.sum()) - np.repeat(firsts - starts, counts)
        levels = self._judge(np.repeat(which, counts), samples["value"][rows])
        highest = np.maximum.reduceat(levels, firsts)
        lowest = np.minimum.reduceat(levels, firsts)
        states = self._states[which]
        is_raised = states["raised_at"] != NEVER
        is_silence = self._silence[which] != NEVER
        quiet = np.where(is_raised, lowest >= NEITHER, highest <= NEITHER)
        quiet &= (states["is_wrong"] == is_raised) & self._is_plain[which] & ~is_silence
        quiet |= is_silence & ~is_raised & self._heard_often(samples["time"][rows], which, firsts)
        last = ends[quiet] - 1
        self._states["time"][which[quiet]] = samples["time"][last]
        self._states["value"][which[quiet]] = samples["value"][last]
        told = which[quiet & is_silence]
        self._due[told] = self._states["time"][told] + self._silence[told]
        return quiet

    def _judge(self, which: Ints, values: NDArray[np.float64]) -> Levels:
        limits = self._limits[which]
        wrong = (values > limits["above"]) | (values < limits["below"])
        right = (values <= limits["clear_above"]) & (values >= limits["clear_below"])
        return wrong.astype(np.int8) * np.int8(WRONG) + right.astype(np.int8) * np.int8(RIGHT)

    def _heard_often(self, times: Ints, which: Ints, firsts: Ints) -> NDArray[np.bool_]:
        """Tell of which watches no two samples lie further apart than the silence."""
        gaps = np.diff(times, prepend=0)
        before = self._states["time"][which]
        gaps[firsts] = np.where(before == -NEVER, 0, times[firsts] - before)
        found: NDArray[np.bool_] = np.maximum.reduceat(gaps, firsts) <= self._silence[which]
        return found

    def _fold(self, number: int, samples: Samples) -> list[Event]:
        watch, state = self.watches[number], self.state(number)
        before = None if state.time == -NEVER else (state.time, state.value)
        levels = watch.judge.levels(samples["time"], samples["value"], before).tolist()
        rows = zip(samples["time"].tolist(), samples["value"].tolist(), levels, strict=True)
        state, events = fold(state, rows, watch.timing)
        self.put(number, state)
        return events

    def _set_due(self, number: int) -> None:
        self._due[number] = due_at(self.state(number), self.watches[number].timing)


def _limits_of(watch: Watch) -> tuple[float, float, float, float]:
    condition = watch.judge.condition
    limits = condition if isinstance(condition, Limits) else Limits()
    return limits.above, limits.clear_above, limits.below, limits.clear_below
