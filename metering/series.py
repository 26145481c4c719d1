"""Amounts by quarter hour, as whole millionths of the register's unit: sums are exact.

A millionth of a kWh is a milliwatt-hour; 64 bits hold 9 million GWh of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

QUARTER_SECONDS = 900
QUARTER_US = QUARTER_SECONDS * 1_000_000
MICRO = 1_000_000

Ints = NDArray[np.int64]
Grades = NDArray[np.int8]


class Grade(IntEnum):
    """How an amount of a quarter hour is known; the worst part of it counts.

    A missing quarter has no entry.
    """

    MEASURED = 0
    PRORATED = 1  # measured over a longer time, shared out evenly
    ESTIMATED = 2
    MANUAL = 3


@dataclass(frozen=True, slots=True)
class Series:
    """Amounts of one register, quarter by quarter.

    `numbers`: quarter hours since 1970 UTC, ascending, each once. `amounts`: millionths of
    kWh, m³ …, of the quarter that begins there. `grades`: `Grade` of each.
    """

    numbers: Ints
    amounts: Ints
    grades: Grades

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, which: Any) -> Series:
        """Return the quarters of a mask, a slice or indexes."""
        return Series(self.numbers[which], self.amounts[which], self.grades[which])

    @classmethod
    def empty(cls) -> Series:
        """Return no quarters."""
        none = np.empty(0, dtype=np.int64)
        return cls(none, none, np.empty(0, dtype=np.int8))


def to_decimal(amount: int) -> Decimal:
    """Return millionths as an exact number with six digits after the point."""
    return Decimal(int(amount)).scaleb(-6)


def to_micro(value: Decimal) -> int:
    """Return a number in whole millionths, half to even."""
    return int((value * MICRO).to_integral_value())
