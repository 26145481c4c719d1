"""Walks along the samples of a register and decides what each step is worth.

Where all is in order, numpy does it at once; each doubtful sample is judged by those before
and after it.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metering.ledger.judge import Registers, Verdict, judge
from metering.ledger.kinds import (
    LOOKAHEAD,
    STEP_DTYPE,
    Anchor,
    Decision,
    Judgement,
    Limits,
    Method,
    Steps,
)
from metering.series import Grade, Ints


@dataclass(frozen=True, slots=True)
class Walk:
    """Steps without a break, what was decided, and how many samples at the end are undecided.

    `final_until`: µs; accepted samples up to there stay accepted whatever comes later.
    """

    steps: Steps
    decisions: tuple[Decision, ...]
    pending: int
    final_until: int


def walk(times: Ints, registers: Ints, *, anchor: Anchor | None, limits: Limits) -> Walk:
    """Return the steps of samples after the anchor.

    Args: times: µs UTC, ascending, each once, later than the anchor. registers: millionths.
        anchor: None: the first sample becomes it and counts nothing.
    """
    decisions: list[Decision] = []
    if anchor is None:
        if not len(times):
            return Walk(np.empty(0, dtype=STEP_DTYPE), (), 0, -(2**62))
        first, value = int(times[0]), int(registers[0])
        anchor = Anchor(first, value)
        decisions.append(Decision(Judgement.FIRST, first, first, value, value))
        times, registers = times[1:], registers[1:]
    return _Walker(Registers(times, registers, limits), anchor, decisions).go()


class _Walker:
    def __init__(self, data: Registers, anchor: Anchor, decisions: list[Decision]) -> None:
        self._data = data
        self._anchor = anchor
        self._decisions = decisions
        self._blocks: list[Steps] = []
        self._doubtful = np.flatnonzero(~data.continues).tolist()
        self._from = anchor.time

    def go(self) -> Walk:
        data, place, count = self._data, 0, len(self._data)
        while place < count:
            if data.is_fine(self._anchor, place):
                place = self._take_run(place)
                continue
            verdict = judge(data, self._anchor, place)
            if verdict is None:
                break
            place = self._apply(verdict, place)
        steps = np.concatenate(self._blocks) if self._blocks else np.empty(0, dtype=STEP_DTYPE)
        steps = _graded(steps, data.limits)
        gaps = [_gap(step) for step in steps[steps["method"] == Method.LINEAR]]
        found = sorted([*self._decisions, *gaps], key=lambda decision: decision.time)
        return Walk(steps, tuple(found), count - place, self._final_until())

    def _final_until(self) -> int:
        if len(self._data) > LOOKAHEAD:
            return int(self._data.times[-1 - LOOKAHEAD])
        return self._from

    def _take_run(self, place: int) -> int:
        """Accept samples until one does not continue the one before."""
        at = bisect_left(self._doubtful, place)
        last = self._doubtful[at] if at < len(self._doubtful) else len(self._data) - 1
        self._accept(slice(place, last + 1))
        return last + 1

    def _accept(self, which: slice) -> None:
        times, registers = self._data.times[which], self._data.registers[which]
        steps = np.zeros(len(times), dtype=STEP_DTYPE)
        steps["end"], steps["finish"] = times, registers
        steps["start"][0], steps["begin"][0] = self._anchor.time, self._anchor.register
        steps["start"][1:], steps["begin"][1:] = times[:-1], registers[:-1]
        steps["amount"] = steps["finish"] - steps["begin"]
        self._blocks.append(steps)
        self._anchor = Anchor(int(times[-1]), int(registers[-1]))

    def _apply(self, verdict: Verdict, place: int) -> int:
        if verdict.decision:
            self._decisions.append(verdict.decision)
        if verdict.amount is not None:
            self._accept(slice(place, place + 1))
            self._blocks[-1]["amount"] = verdict.amount
            self._blocks[-1]["method"] = verdict.method
            self._blocks[-1]["grade"] = verdict.grade
        return place + verdict.samples


def _graded(steps: Steps, limits: Limits) -> Steps:
    """Say of each step how well it is known."""
    lasting = steps["end"] - steps["start"]
    is_plain = (steps["method"] == Method.REGISTER) & (steps["amount"] != 0)
    shared = is_plain & (lasting > limits.shared_us)
    steps["method"][shared], steps["grade"][shared] = Method.SHARED, Grade.PRORATED
    gap = is_plain & (lasting > limits.gap_us)
    steps["method"][gap], steps["grade"][gap] = Method.LINEAR, Grade.ESTIMATED
    return steps


def _gap(step: NDArray[np.void]) -> Decision:
    return Decision(
        Judgement.GAP,
        int(step["start"]),
        int(step["end"]),
        int(step["begin"]),
        int(step["finish"]),
        booked=int(step["amount"]),
    )
