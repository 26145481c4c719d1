"""Decides when to warn, which loads to shed, and when they come back."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from automation.guard.prediction import SETTLE_SECONDS, Prediction
from automation.guard.series import HOUR

# one after another, so that what came back is seen before the next one does
RESTORE_PAUSE_SECONDS = 60.0
# a load that came back runs for so long before it is shed again
MIN_ON_SECONDS = 120.0


class Mood(StrEnum):
    """How things stand with a window."""

    QUIET = "quiet"
    HIGH = "high"  # too much, and it is early
    WARN = "warn"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Load:
    """A load as it is; `since`: when it was shed or came back, None: it always ran.

    can_shed: it is not being switched and has not been tried in this window.
    can_restore: it is shed and not being switched.
    """

    id: uuid.UUID
    number: int
    rated_kw: float
    min_off: float
    max_off: float
    is_shed: bool = False
    since: float | None = None
    can_shed: bool = True
    can_restore: bool = True


@dataclass(frozen=True, slots=True)
class Aim:
    """What a guard wants. `is_closing`: it is switched off and gives back what it has shed."""

    limit_kw: float
    margin_kw: float
    warn_seconds: float
    is_shedding: bool
    is_closing: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done now; loads in the order in which it is done."""

    mood: Mood
    shed: tuple[uuid.UUID, ...] = ()
    restore: tuple[uuid.UUID, ...] = ()


def decide(
    prediction: Prediction | None, aim: Aim, loads: Sequence[Load], *, now: float
) -> Decision:
    """Judge a window; nothing is shed while nobody knows what flows.

    Args: prediction: None: unknown.
    """
    due = tuple(load.id for load in _backwards(loads) if _must_come_back(load, aim, now))
    if prediction is None:
        return Decision(Mood.UNKNOWN, restore=due)
    mood = _mood(prediction, aim, now)
    if mood == Mood.QUIET:
        return Decision(mood, restore=due or _one_back(prediction, aim, loads, now))
    if not aim.is_shedding or aim.is_closing:
        return Decision(mood, restore=due)
    free = [load for load in sorted(loads, key=_order) if _may_go(load, now)]
    if mood == Mood.HIGH and not _would_be_too_late(prediction, aim, free):
        return Decision(mood, restore=due)
    return Decision(mood, shed=choose(free, too_much_kw(prediction, aim.limit_kw)), restore=due)


def too_much_kw(prediction: Prediction, limit_kw: float) -> float:
    """Return by how much the power of the rest is too high; 0: nothing, or nothing left to do."""
    rest = prediction.left_seconds - SETTLE_SECONDS
    if rest <= SETTLE_SECONDS:
        return 0.0
    seconds = prediction.end - prediction.start
    return max(0.0, (prediction.expected_kw - limit_kw) * seconds / rest)


def choose(loads: Sequence[Load], needed_kw: float) -> tuple[uuid.UUID, ...]:
    """Return the first loads that together are enough, without those that are not needed.

    All of them if they are not enough: the peak is lower then.
    """
    chosen: list[Load] = []
    total = 0.0
    for load in loads:
        if total >= needed_kw:
            break
        chosen.append(load)
        total += load.rated_kw
    for load in list(chosen):
        if total - load.rated_kw >= needed_kw > 0:
            chosen.remove(load)
            total -= load.rated_kw
    return tuple(load.id for load in chosen)


def _mood(prediction: Prediction, aim: Aim, now: float) -> Mood:
    if prediction.expected_kw <= aim.limit_kw:
        return Mood.QUIET
    return Mood.WARN if prediction.end - now <= aim.warn_seconds else Mood.HIGH


def _would_be_too_late(prediction: Prediction, aim: Aim, free: Iterable[Load]) -> bool:
    """Tell whether all loads could not help any more if the guard waited until it warns."""
    seconds = prediction.end - prediction.start
    excess_kwh = (prediction.expected_kw - aim.limit_kw) * seconds / HOUR
    rest = max(0.0, min(aim.warn_seconds, prediction.left_seconds) - SETTLE_SECONDS)
    return excess_kwh > sum(load.rated_kw for load in free) * rest / HOUR


def _one_back(
    prediction: Prediction, aim: Aim, loads: Sequence[Load], now: float
) -> tuple[uuid.UUID, ...]:
    """Return the load that may come back: in this window and in the next one there is room."""
    if not aim.is_shedding or _came_back_just_now(loads, now):
        return ()
    room = aim.limit_kw - aim.margin_kw
    seconds = prediction.end - prediction.start
    for load in _backwards(loads):
        if not _has_rested(load, now):
            continue
        here = prediction.expected_kw + load.rated_kw * prediction.left_seconds / seconds
        later = prediction.power_kw + load.rated_kw
        # the next one in turn waits for room; a smaller one would take it away
        return (load.id,) if max(here, later) <= room else ()
    return ()


def _may_go(load: Load, now: float) -> bool:
    has_run = load.since is None or now - load.since >= MIN_ON_SECONDS
    return not load.is_shed and load.can_shed and has_run


def _has_rested(load: Load, now: float) -> bool:
    if not load.is_shed or not load.can_restore or load.since is None:
        return False
    return now - load.since >= load.min_off


def _must_come_back(load: Load, aim: Aim, now: float) -> bool:
    if not _has_rested(load, now) or load.since is None:
        return False
    return aim.is_closing or now - load.since >= load.max_off


def _came_back_just_now(loads: Iterable[Load], now: float) -> bool:
    return any(
        not load.is_shed and load.since is not None and now - load.since < RESTORE_PAUSE_SECONDS
        for load in loads
    )


def _backwards(loads: Iterable[Load]) -> list[Load]:
    return sorted(loads, key=_order, reverse=True)


def _order(load: Load) -> tuple[int, uuid.UUID]:
    return load.number, load.id
