"""Judges one sample that does not simply continue the register."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from metering.ledger.kinds import (
    CONFIRMING,
    DAY_US,
    LOOKAHEAD,
    SCALES,
    Anchor,
    Decision,
    Judgement,
    Limits,
    Method,
)
from metering.series import Grade, Ints

# Clocks of devices waver, and some registers are sent a minute late.
_SLACK_SECONDS = 60.0


class Registers:
    """Samples of a register with what is plausible between them."""

    def __init__(self, times: Ints, registers: Ints, limits: Limits) -> None:
        self.times = times
        self.registers = registers
        self.limits = limits
        rises = np.diff(registers)
        self.continues: NDArray[np.bool_] = (rises >= 0) & (rises <= self.rise_in(np.diff(times)))
        if len(times):
            self.continues = np.append(self.continues, True)

    def __len__(self) -> int:
        return len(self.times)

    def is_fine(self, anchor: Anchor, place: int) -> bool:
        """Tell whether a sample may follow the anchor."""
        rise = int(self.registers[place]) - anchor.register
        return 0 <= rise <= self.most(anchor, place)

    def most(self, anchor: Anchor, place: int) -> float:
        """Return how much could flow from the anchor to a sample, millionths."""
        return float(self.rise_in(int(self.times[place]) - anchor.time))

    def rise_in(self, lasting: NDArray[np.int64] | int) -> NDArray[np.float64] | float:
        """Return how much can flow in some time (µs), millionths."""
        limits = self.limits
        return limits.rate * (lasting / 1e6 + _SLACK_SECONDS) + limits.resolution


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of `samples` samples.

    `amount`: booked up to the first of them, which is accepted; None: they are set aside.
    """

    samples: int
    decision: Decision | None = None
    amount: int | None = None
    method: Method = Method.REGISTER
    grade: Grade = Grade.MEASURED


def judge(data: Registers, anchor: Anchor, place: int) -> Verdict | None:
    """Return what the sample is; None while later ones have to show it."""
    register = int(data.registers[place])
    if register >= anchor.register:
        return _judge_rise(data, anchor, place)
    if anchor.register - register <= data.limits.resolution:
        return Verdict(1)
    if _has_restarted(data, anchor, place):
        return _reset(data, anchor, place)
    return _judge_fall(data, anchor, place)


def _judge_rise(data: Registers, anchor: Anchor, place: int) -> Verdict | None:
    back = _next_fine(data, anchor, place)
    if back is not None:
        return _set_aside(data, anchor, place, back, Judgement.SPIKE)
    if _waits(data, place):
        return None
    if not _is_confirmed(data, place):
        return _judge_level(data, anchor, place)
    rise = int(data.registers[place]) - anchor.register
    decision = _decision(Judgement.JUMP, data, anchor, place, withheld=rise)
    return Verdict(1, decision, 0, Method.REGISTER, Grade.ESTIMATED)


def _judge_level(data: Registers, anchor: Anchor, place: int) -> Verdict | None:
    """Tell another unit from a slip; while it may still be one, no later sample is accepted.

    For what was accepted must not be set aside again once there are enough of them.
    """
    for scale in SCALES:
        rises = data.registers[place:] / scale - anchor.register
        lasting = data.times[place:] - anchor.time
        other = np.flatnonzero((rises < -data.limits.resolution) | (rises > data.rise_in(lasting)))
        count = int(other[0]) if len(other) else len(rises)
        if count > LOOKAHEAD:
            return _in_other_unit(data, anchor, place, count)
        if not len(other):
            return None
    return _set_aside(data, anchor, place, place + 1, Judgement.OUTLIER)


def _in_other_unit(data: Registers, anchor: Anchor, place: int, count: int) -> Verdict:
    """Set all samples aside that go on from the anchor once they are divided by a scale.

    While they last the decision is about the first of them, so that it stays as it is while more
    come, and people are asked once; over, it is about all, and there is nothing to decide.
    """
    is_over = place + count < len(data)
    told = count if is_over else LOOKAHEAD + 1
    decision = _told_aside(data, anchor, place, place + told, Judgement.SCALE)
    return Verdict(count, replace(decision, withheld=0) if is_over else decision)


def _judge_fall(data: Registers, anchor: Anchor, place: int) -> Verdict | None:
    back = _next_above(data, place)
    is_back = back is not None and int(data.times[back] - data.times[place]) <= DAY_US
    if back is not None and is_back and data.is_fine(anchor, back) and _is_flat(data, place, back):
        return _set_aside(data, anchor, place, back, Judgement.GLITCH)
    wrapped = _wrapped(data, anchor, place)
    if wrapped is not None:
        decision = _decision(Judgement.ROLLOVER, data, anchor, place, booked=wrapped)
        return Verdict(1, decision, wrapped, Method.ROLLOVER)
    if back is None and int(data.times[-1] - data.times[place]) <= DAY_US:
        return None  # it may come back where it was
    if _waits(data, place) and is_back:
        return None
    if not _is_confirmed(data, place):
        return _set_aside(data, anchor, place, place + 1, Judgement.OUTLIER)
    return _reset(data, anchor, place)


def _reset(data: Registers, anchor: Anchor, place: int) -> Verdict:
    """Go on from a new base; what it shows was counted since, if that can be."""
    register = int(data.registers[place])
    amount = register if 0 <= register <= data.most(anchor, place) else 0
    decision = _decision(Judgement.RESET, data, anchor, place, booked=amount)
    return Verdict(1, decision, amount, Method.RESET, Grade.ESTIMATED)


def _wrapped(data: Registers, anchor: Anchor, place: int) -> int | None:
    """Return what flowed if the register went past its last digit."""
    modulus = data.limits.modulus
    if modulus is None:
        return None
    amount = modulus - anchor.register + int(data.registers[place])
    return amount if 0 <= amount <= data.most(anchor, place) else None


def _next_fine(data: Registers, anchor: Anchor, place: int) -> int | None:
    for later in range(place + 1, min(len(data), place + 1 + LOOKAHEAD)):
        if data.is_fine(anchor, later):
            return later
    return None


def _next_above(data: Registers, place: int) -> int | None:
    """Return the first later sample that is above this one."""
    level = data.registers[place] + data.limits.resolution
    ahead = place + 1
    while ahead < len(data):  # in portions: registers that stay low for long are rare
        found = np.flatnonzero(data.registers[ahead : ahead + 256] > level)
        if len(found):
            return int(ahead + found[0])
        ahead += 256
    return None


def _is_flat(data: Registers, place: int, back: int) -> bool:
    """Tell whether the low samples stood still: a register that counts is no glitch."""
    lows = data.registers[place:back]
    return int(lows.max() - lows[0]) <= data.limits.resolution


def _waits(data: Registers, place: int) -> bool:
    return len(data) - place - 1 < CONFIRMING


def _is_confirmed(data: Registers, place: int) -> bool:
    """Tell whether the next samples go on from the new level."""
    return bool(data.continues[place : place + CONFIRMING].all())


def _has_restarted(data: Registers, anchor: Anchor, place: int) -> bool:
    restarts = data.limits.restarts
    at = bisect_right(restarts, anchor.time)
    return at < len(restarts) and restarts[at] <= int(data.times[place])


def _set_aside(data: Registers, anchor: Anchor, place: int, back: int, kind: Judgement) -> Verdict:
    return Verdict(back - place, _told_aside(data, anchor, place, back, kind))


def _told_aside(
    data: Registers, anchor: Anchor, place: int, back: int, kind: Judgement
) -> Decision:
    withheld = max(0, int(data.registers[place]) - anchor.register)
    decision = _decision(kind, data, anchor, place, withheld=withheld)
    return replace(decision, until=int(data.times[back - 1]), count=back - place)


def _decision(
    kind: Judgement,
    data: Registers,
    anchor: Anchor,
    place: int,
    *,
    booked: int = 0,
    withheld: int = 0,
) -> Decision:
    time = int(data.times[place])
    return Decision(kind, time, time, anchor.register, int(data.registers[place]), booked, withheld)
