"""Axes with round numbers, and what must be left out so that labels do not touch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

_STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 48, 96)
_MANTISSAS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))


@dataclass(frozen=True, slots=True)
class Axis:
    """Ticks in ascending order, evenly apart; `digits` write each of them exactly."""

    ticks: tuple[Decimal, ...]
    digits: int

    def place(self, value: float) -> float:
        """Return where a value lies between the first tick (0) and the last (1)."""
        first, last = float(self.ticks[0]), float(self.ticks[-1])
        return (value - first) / (last - first)


def make_axis(low: float, high: float, *, wanted: int = 5) -> Axis:
    """Return an axis over low…high whose steps are 1, 2, 2.5 or 5 times a power of ten."""
    if low == high:
        low, high = min(low, 0.0), max(high, 0.0)
        high = high if high > low else 1.0
    rough = Decimal(repr(float(high))) / wanted - Decimal(repr(float(low))) / wanted
    power = rough.adjusted()
    step = next(m for m in _MANTISSAS if m.scaleb(power) >= rough).scaleb(power)
    first = math.floor(Decimal(repr(float(low))) / step)
    last = max(math.ceil(Decimal(repr(float(high))) / step), first + 1)
    exponent = step.normalize().as_tuple().exponent
    digits = max(0, -exponent) if isinstance(exponent, int) else 0
    return Axis(tuple(number * step for number in range(first, last + 1)), digits)


def includes_zero(low: float, high: float) -> bool:
    """Say whether a line is best read above zero: not if it varies little, as voltage does."""
    return low <= 0 <= high or min(abs(low), abs(high)) < 0.5 * max(abs(low), abs(high))


def label_step(widths: Sequence[float], slot: float, gap: float = 4.0) -> int:
    """Return every how many labels one can be written when each has a slot of this width.

    Steps of many are those that fall on whole hours, for quarter hours as for hours.
    """
    least = math.ceil((max(widths, default=0.0) + gap) / slot)
    return next((step for step in _STEPS if step >= least), math.ceil(least / 96) * 96)


def thin_out(values: Sequence[float | None], limit: int) -> list[tuple[int, float | None]]:
    """Return at most about `limit` points that keep every extreme and every gap."""
    if len(values) <= limit:
        return list(enumerate(values))
    width = math.ceil(2 * len(values) / limit)
    kept: list[tuple[int, float | None]] = []
    for start in range(0, len(values), width):
        numbers = range(start, min(start + width, len(values)))
        present = [(value, n) for n in numbers if (value := values[n]) is not None]
        missing = [n for n in numbers if values[n] is None]
        chosen = {missing[0]} if missing else set()
        if present:
            chosen |= {min(present)[1], max(present)[1]}
        kept += [(n, values[n]) for n in sorted(chosen)]
    return kept
