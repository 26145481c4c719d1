"""Decides what a controller does about a value. Knows no database and no clock.

What starts or adds something needs a target, a fresh value that is newer than what was done
last, a deviation above the deadband, a pause, and room below the caps. What stops something
needs none of these: a value that nobody knows any more is a reason to stop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

HOUR, DAY = 3_600.0, 86_400.0
# what sums of decimals are off by; 5.9 is within 0.1 of 5.8
_NOISE = 1e-9
# clocks of devices may be ahead; a value from later than this is not believed
AHEAD = 60.0
# what is to stop is told again after this, where a pause is longer
STOP_AGAIN = 60.0
_DIGITS = 1_000  # doses are whole thousandths: what a cap leaves is never rounded up


class Do(StrEnum):
    """What is to be done."""

    NOTHING = ""
    DOSE = "dose"
    ON = "on"
    OFF = "off"
    SET = "set"


class Side(StrEnum):
    """Which of the two roles does it."""

    NONE = ""
    RAISE = "raise"
    LOWER = "lower"


class Why(StrEnum):
    """Why it is done, or why nothing is; words for people stand in `control.words`."""

    DEVIATION = "deviation"
    AT_TARGET = "at_target"
    NEW_TARGET = "new_target"
    NO_TARGET = "no_target"
    NO_VALUE = "no_value"
    TOO_OLD = "too_old"
    NOT_NEWER = "not_newer"
    IN_BAND = "in_band"
    NO_ROLE = "no_role"
    BUSY = "busy"
    PAUSE = "pause"
    HOUR_CAP = "hour_cap"
    DAY_CAP = "day_cap"
    NO_DOSE = "no_dose"
    IS_SO = "is_so"


@dataclass(frozen=True, slots=True)
class Law:
    """How a controller acts; fields as those of `ZoneController`. Times in seconds.

    can_raise, can_lower: the zone has a device for it.
    """

    kind: str
    target: float | None
    deadband: float = 0.0
    gain: float = 0.0
    least: float = 0.0
    most: float = 0.0
    pause: float = 0.0
    per_hour: float | None = None
    per_day: float | None = None
    max_age: float = 300.0
    can_raise: bool = False
    can_lower: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """The newest value and how old it is, in seconds."""

    value: float
    age: float


@dataclass(frozen=True, slots=True)
class Act:
    """Something that this controller did or tried.

    ago: seconds. counts: it was done, or nobody knows; what was refused does not count for
    caps, but nothing is tried again before the pause. is_open: nobody knows yet.
    """

    ago: float
    do: Do
    side: Side
    amount: float = 1.0
    counts: bool = True
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Running:
    """Which sides run, as far as is known."""

    raises: bool = False
    lowers: bool = False

    def has(self, side: Side) -> bool:
        """Tell whether a side runs."""
        return self.raises if side == Side.RAISE else self.lowers


@dataclass(frozen=True, slots=True)
class Decision:
    """What a controller does, and why; or why it does nothing. `amount`: a dose, or a value."""

    do: Do
    why: Why
    side: Side = Side.NONE
    amount: float = 1.0


IDLE = Running()


def decide(
    law: Law, reading: Reading | None, acts: Sequence[Act] = (), running: Running = IDLE
) -> Decision:
    """Return what one controller does now. `acts`: those of the last 24 hours and more."""
    if any(act.is_open for act in acts):
        return _nothing(Why.BUSY)
    if law.target is not None and not math.isfinite(law.target):
        law = _without_target(law)
    if law.kind == "setpoint":
        return _set(law, acts)
    if law.kind == "switch":
        return _switch(law, reading, acts, running)
    return _dose(law, reading, acts)


def is_ours(acts: Sequence[Act], side: Side) -> bool:
    """Tell whether this controller switched it on last."""
    switched = [act for act in acts if act.counts and act.side == side]
    return bool(switched) and min(switched, key=lambda act: act.ago).do == Do.ON


def _without_target(law: Law) -> Law:
    return Law(law.kind, None, pause=law.pause, max_age=law.max_age)


def _dose(law: Law, reading: Reading | None, acts: Sequence[Act]) -> Decision:
    off, why = _deviation(law, reading, acts)
    if why:
        return _nothing(why)
    side = Side.RAISE if off < 0 else Side.LOWER
    if not _has_role(law, side):
        return _nothing(Why.NO_ROLE)
    if _rests(law.pause, acts):
        return _nothing(Why.PAUSE)
    wanted = min(law.most, max(law.least, law.gain * abs(off)))
    if not (0 < wanted < math.inf):
        return _nothing(Why.NO_DOSE)
    left, cap = _room(law, acts)
    amount = math.floor(min(wanted, left) * _DIGITS + 1e-6) / _DIGITS
    if amount <= 0 or amount < min(law.least, wanted) - 1 / _DIGITS:
        return _nothing(cap)
    return Decision(Do.DOSE, Why.DEVIATION, side, amount)


def _switch(law: Law, reading: Reading | None, acts: Sequence[Act], running: Running) -> Decision:
    stop = _stop(law, reading, acts, running)
    if stop is not None:
        return stop
    off, why = _deviation(law, reading, acts)
    if why:
        return _nothing(why)
    side = Side.RAISE if off < 0 else Side.LOWER
    if running.has(side):
        return _nothing(Why.IS_SO)
    if running.raises or running.lowers:  # the other one has been told to stop already
        return _nothing(Why.PAUSE)
    if not _has_role(law, side):
        return _nothing(Why.NO_ROLE)
    if _rests(law.pause, acts):
        return _nothing(Why.PAUSE)
    left, cap = _room(law, [act for act in acts if act.do == Do.ON])
    if left < 1:
        return _nothing(cap)
    return Decision(Do.ON, Why.DEVIATION, side)


def _stop(
    law: Law, reading: Reading | None, acts: Sequence[Act], running: Running
) -> Decision | None:
    """Return what is to be stopped: it has done its work, or is not known to be needed.

    What somebody else switched on is left alone unless the value says so.
    """
    why = _unknown(law, reading)
    for side in (Side.RAISE, Side.LOWER):
        if not running.has(side):
            continue
        if why:
            reason = why if is_ours(acts, side) else None
        else:
            reason = Why.AT_TARGET if _is_enough(law, reading, side) else None
        if reason is not None:
            if _rests(min(law.pause, STOP_AGAIN), [act for act in acts if act.do == Do.OFF]):
                return _nothing(Why.PAUSE)
            return Decision(Do.OFF, reason, side)
    return None


def _is_enough(law: Law, reading: Reading | None, side: Side) -> bool:
    if reading is None or law.target is None:
        return False
    return reading.value >= law.target if side == Side.RAISE else reading.value <= law.target


def _set(law: Law, acts: Sequence[Act]) -> Decision:
    if law.target is None:
        return _nothing(Why.NO_TARGET)
    said = [act for act in acts if act.do == Do.SET and act.counts]
    if said and min(said, key=lambda act: act.ago).amount == law.target:
        return _nothing(Why.IS_SO)
    if not (law.can_raise or law.can_lower):
        return _nothing(Why.NO_ROLE)
    if _rests(law.pause, acts):
        return _nothing(Why.PAUSE)
    left, cap = _room(law, [_once(act) for act in acts])
    if left < 1:
        return _nothing(cap)
    side = Side.RAISE if law.can_raise else Side.LOWER
    return Decision(Do.SET, Why.NEW_TARGET, side, law.target)


def _once(act: Act) -> Act:
    return Act(act.ago, act.do, act.side, 1.0, act.counts)


def _unknown(law: Law, reading: Reading | None) -> Why | None:
    """Return why nothing can be said of the deviation."""
    if law.target is None:
        return Why.NO_TARGET
    if reading is None or not math.isfinite(reading.value) or not math.isfinite(reading.age):
        return Why.NO_VALUE
    if reading.age > law.max_age or reading.age < -AHEAD:
        return Why.TOO_OLD
    return None


def _deviation(law: Law, reading: Reading | None, acts: Sequence[Act]) -> tuple[float, Why | None]:
    """Return how far the value is above the target, or why that is no reason to act."""
    why = _unknown(law, reading)
    if why or reading is None or law.target is None:
        return 0.0, why or Why.NO_VALUE
    off = reading.value - law.target
    if not abs(off) - law.deadband > _NOISE:
        return off, Why.IN_BAND
    last = min((act.ago for act in acts if act.counts), default=math.inf)
    # a value from before the last act tells nothing of its effect
    if reading.age >= last:
        return off, Why.NOT_NEWER
    return off, None


def _has_role(law: Law, side: Side) -> bool:
    return law.can_raise if side == Side.RAISE else law.can_lower


def _rests(pause: float, acts: Sequence[Act]) -> bool:
    return any(act.ago < pause for act in acts)


def _room(law: Law, acts: Sequence[Act]) -> tuple[float, Why]:
    """Return how much the caps leave, and which of them leaves least."""
    rooms = [
        (cap - math.fsum(act.amount for act in acts if act.counts and act.ago <= span), why)
        for cap, span, why in (
            (law.per_hour, HOUR, Why.HOUR_CAP), (law.per_day, DAY, Why.DAY_CAP),
        )
        if cap is not None
    ]  # fmt: skip
    return min(rooms, default=(math.inf, Why.DAY_CAP))


def _nothing(why: Why) -> Decision:
    return Decision(Do.NOTHING, why)
