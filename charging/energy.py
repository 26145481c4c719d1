"""The energy of a session, from the register of the meter in front of the connector. Pure.

Registers come at moments of their own. What flowed between two of them flowed while somebody
charged: it is shared out over the seconds of charging between them. So nothing is lost at the
edges of sessions and nothing is counted twice, however seldom the meter is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from metering.ledger.kinds import Limits, Method, Steps
from metering.ledger.walk import walk
from metering.series import Ints, to_decimal

Span = tuple[int, int]  # µs since 1970 UTC, [from, to)


@dataclass(frozen=True, slots=True)
class Measured:
    """What the register says of a span, in kWh.

    `register_end` - `register_start` = `energy` unless the register was reset, rolled over or
    changed. `until`: µs of the last sample that counts. `is_complete`: there are samples before
    the beginning and after the end, and no long silence between. `is_guessed`: a reset within.
    """

    register_start: Decimal
    register_end: Decimal
    energy: Decimal
    until: int
    is_complete: bool
    is_guessed: bool


def steps_of(times: Ints, registers: Ints, limits: Limits) -> Steps:
    """Return the accepted steps of samples (µs, millionths of a kWh), as the ledger judges them."""
    return walk(times, registers, anchor=None, limits=limits).steps


def measure(
    steps: Steps, span: Span, others: Sequence[Span] = (), *, silence_us: int
) -> Measured | None:
    """Return what flowed in a span of charging; None without a sample before its end and after
    its beginning.

    Args: steps: ascending. others: when others charged at the connector; no two spans overlap.
        silence_us: a longer time without a sample is a gap.
    """
    begin, end = span
    steps = steps[(steps["end"] > begin) & (steps["start"] < end)]
    if not len(steps):
        return None
    spans = sorted([span, *others])
    first, last = _share(steps[0], begin, spans), _share(steps[-1], end, spans)
    amount = int(steps["amount"].sum()) - first - (int(steps["amount"][-1]) - last)
    start = int(steps["begin"][0]) + min(first, int(steps["finish"][0] - steps["begin"][0]))
    finish = int(steps["finish"][-1]) - (int(steps["amount"][-1]) - last)
    longest = int((steps["end"] - steps["start"]).max())
    is_covered = int(steps["start"][0]) <= begin and int(steps["end"][-1]) >= end
    return Measured(
        to_decimal(start), to_decimal(finish), to_decimal(amount), int(steps["end"][-1]),
        is_covered and longest <= silence_us, bool((steps["method"] == Method.RESET).any()),
    )  # fmt: skip


def _share(step: NDArray[np.void], until: int, spans: Sequence[Span]) -> int:
    """Return what of a step flowed before a moment; it flowed while somebody charged."""
    start, end, amount = int(step["start"]), int(step["end"]), int(step["amount"])
    if until <= start:
        return 0
    whole = _charging_within(start, end, spans)
    if not whole:
        return 0
    return amount * _charging_within(start, min(until, end), spans) // whole


def _charging_within(start: int, end: int, spans: Sequence[Span]) -> int:
    return sum(max(0, min(end, till) - max(start, since)) for since, till in spans)


def estimate_kwh(*, amps: float, phases: int, volts: float, seconds: float) -> Decimal:
    """Return what a vehicle draws at most at a limit: an upper bound, not a measurement."""
    watt_hours = amps * phases * volts * max(0.0, seconds) / 3600
    return Decimal(round(watt_hours * 1000)).scaleb(-6)
