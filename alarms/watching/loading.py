"""Makes a board of what is watched, with each watch where it stood."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from accounts.tenancy import all_tenants
from alarms.engine.fold import NOTHING, State, fold
from alarms.services.following import end_unwatched
from alarms.watching.board import Board, Carried
from alarms.watching.reading import AHEAD, latest_before
from alarms.watching.states import Kept, forget_states, load_states
from alarms.watching.watched import Place, Watched, load_watched
from alarms.watching.week_ago import WeekAgo
from telemetry.ingest.batch import to_microseconds


@dataclass(slots=True)
class _Plan:
    """Where each watch begins. starts: those that are folded again with what is stored."""

    states: list[State] = field(default_factory=list)
    earlier: list[Sequence[State]] = field(default_factory=list)
    begun: list[int] = field(default_factory=list)
    starts: dict[int, State] = field(default_factory=dict)
    fresh: dict[int, State] = field(default_factory=dict)

    def add(self, state: State, earlier: Sequence[State], begun: int) -> None:
        """Add the next watch."""
        self.states.append(state)
        self.earlier.append(earlier)
        self.begun.append(begun)


def load_board(
    previous: Board | None, past: WeekAgo, *, now: dt.datetime, has_gap: bool = False
) -> Board:
    """Return a board of all enabled rules.

    Args:
        previous: goes on with its states; None: with those in the database, and what is stored
            since.
        has_gap: samples may have passed unseen, so each watch begins at an older state.
    """
    watched = load_watched()
    carried = previous.carry() if previous else {}
    kept = {} if previous else load_states()
    fresh_from = _begin_fresh(watched, carried, kept, now)
    plan = _Plan()
    for number, one in enumerate(watched):
        _place(plan, number, one, carried, kept, fresh_from, has_gap=has_gap)
    board = Board(watched, plan.states, plan.earlier, plan.begun, past, now.timestamp())
    board.fold_again(plan.starts, now + AHEAD)
    board.fold_again(plan.fresh, now + AHEAD, is_fresh=True)
    if previous:
        board.set_told(previous.told())
    places = {one.place for one in watched}
    past.keep_only({one.channel for one in watched if one.compiled.against_last_week})
    forget_states((set(carried) | set(kept)) - places)
    with all_tenants():
        end_unwatched((one.key for one in watched), now=now)
    return board


def _place(
    plan: _Plan,
    number: int,
    one: Watched,
    carried: Mapping[Place, Carried],
    kept: Mapping[Place, Kept],
    fresh_from: Mapping[int, tuple[State, int]],
    *,
    has_gap: bool,
) -> None:
    if number in fresh_from:
        state, begun = fresh_from[number]
        plan.fresh[number] = state
        plan.add(state, [state], begun)
    elif one.place in carried:
        found = carried[one.place]
        plan.add(found.state, found.earlier, found.begun)
    else:
        states = kept[one.place].states
        start = states[min(1, len(states) - 1)] if has_gap else states[0]
        plan.starts[number] = start
        older = [state for state in states if state.time <= start.time]
        plan.add(start, [start, *older], kept[one.place].begun)


def _begin_fresh(
    watched: Sequence[Watched],
    carried: Mapping[Place, Carried],
    kept: Mapping[Place, Kept],
    now: dt.datetime,
) -> dict[int, tuple[State, int]]:
    """Return where watches begin that are new, or whose rule was changed, and since when.

    A channel that was silent for as long as the rule looks back begins with its latest value.
    """
    moment = to_microseconds(now)
    fresh = {
        number: moment - one.look_back
        for number, one in enumerate(watched)
        if not _is_known(one, carried, kept)
    }
    channels = [watched[number].channel for number in fresh]
    latest = latest_before(channels, now) if channels else {}
    return {
        number: (_first_state(watched[number], latest.get(watched[number].channel), begun), begun)
        for number, begun in fresh.items()
    }


def _is_known(one: Watched, carried: Mapping[Place, Carried], kept: Mapping[Place, Kept]) -> bool:
    if one.place in carried:
        return carried[one.place].version == one.number
    found = kept.get(one.place)
    return found is not None and found.version == one.number


def _first_state(one: Watched, latest: tuple[int, float] | None, begun: int) -> State:
    if latest is None or latest[0] >= begun or one.compiled.against_last_week:
        return NOTHING
    times, values = np.array([latest[0]]), np.array([latest[1]])
    levels = one.compiled.judge.levels(times, values, None).tolist()
    return fold(NOTHING, [(*latest, levels[0])], one.compiled.timing)[0]
