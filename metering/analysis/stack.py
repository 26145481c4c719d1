"""Several series side by side, quarter by quarter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from metering.series import Grades, Ints, Series


@dataclass(frozen=True, slots=True)
class Stack:
    """The quarters which every series knows.

    `amounts`, `grades`: of each series; not one large table, because memory that is new for
    every question costs more than the arithmetic. `asked`: how many quarters at least one
    series knows. `missing`: how many of these each series lacks.
    """

    numbers: Ints
    amounts: list[Ints]
    grades: list[Grades]
    asked: int
    missing: list[int]

    @property
    def worst(self) -> Grades:
        """Return the worst grade of each quarter."""
        return reduce(np.maximum, self.grades)


def stack_series(parts: Sequence[Series]) -> Stack:
    """Put series side by side; there is at least one."""
    if all(np.array_equal(part.numbers, parts[0].numbers) for part in parts[1:]):
        numbers, asked = parts[0].numbers, len(parts[0])
    else:
        numbers, asked = _common(parts)
    rows = [_rows(part.numbers, numbers) for part in parts]
    return Stack(
        numbers=numbers,
        amounts=[part.amounts[row] for part, row in zip(parts, rows, strict=True)],
        grades=[part.grades[row] for part, row in zip(parts, rows, strict=True)],
        asked=asked,
        missing=[asked - len(part) for part in parts],
    )


def _common(parts: Sequence[Series]) -> tuple[Ints, int]:
    """Return the quarters of all, and how many any of them has."""
    known = [part.numbers for part in parts if len(part)]
    if not known:
        return np.empty(0, dtype=np.int64), 0
    first = min(int(numbers[0]) for numbers in known)
    last = max(int(numbers[-1]) for numbers in known)
    count = np.zeros(last - first + 1, dtype=np.int64)
    for numbers in known:
        count[numbers - first] += 1
    common = np.flatnonzero(count == len(parts)) + first
    return common.astype(np.int64), int(np.count_nonzero(count))


def _rows(numbers: Ints, wanted: Ints) -> slice | NDArray[np.intp]:
    """Return where the wanted quarters stand, without a copy where they are neighbours."""
    if not len(wanted):
        return slice(0, 0)
    rows = np.searchsorted(numbers, wanted)
    if rows[-1] - rows[0] + 1 == len(rows):
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows
