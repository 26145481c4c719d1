"""Amounts of quarter hours where there is no register: power, and amounts of intervals."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from metering.ledger.kinds import ENTRY_DTYPE, Decision, Entries, Judgement, Method
from metering.series import MICRO, QUARTER_US, Grade, Ints

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_HOUR_US = 4 * QUARTER_US
# A value stands for at most so many of the usual intervals.
_PATIENCE = 1.5
_WHOLE = 0.98  # of a quarter covered by values: as good as all of it


class Integration(StrEnum):
    """What a value of power stands for: the instant, or the time until the next one."""

    TRAPEZOID = "trapezoid"
    HOLD = "hold"


class Part(StrEnum):
    """Which part of a value counts: a net power feeds an import and an export."""

    ALL = "all"
    POSITIVE = "positive"
    NEGATIVE = "negative"


def integrate(
    times: Ints, values: Floats, *, interval_us: int, integration: Integration, part: Part
) -> Entries:
    """Return the energy of power, quarter by quarter.

    Each quarter depends only on the values within it and their neighbours. Where values are
    missing nothing is counted, and the quarter is estimated.

    Args: times: µs UTC, ascending. values: per hour, such as kW. interval_us: between two
        values; after 1.5 times as much, a value counts for one interval only.
    """
    values = _part_of(values, part)
    if not len(times):
        return np.empty(0, dtype=ENTRY_DTYPE)
    pauses = np.append(np.diff(times), interval_us)
    is_near = pauses <= _PATIENCE * interval_us
    ends = times + np.where(is_near, pauses, interval_us)
    last = values.copy()
    if integration is Integration.TRAPEZOID:
        last[:-1] = np.where(is_near[:-1], values[1:], values[:-1])
        ends[-1] = times[-1]  # what comes next is not known
        ends = np.where(is_near, ends, times)
    return _sum_up(*_cut(times, ends, values, last))


def amounts(times: Ints, values: Floats, *, interval_us: int) -> Entries:
    """Return amounts that began at `times`, shared out where they last longer than a quarter.

    An interval that is unknown (0) or longer than a day counts where it begins; one that the
    next amount cuts short ends there.
    """
    if not len(times):
        return np.empty(0, dtype=ENTRY_DTYPE)
    micro = np.rint(values * MICRO).astype(np.int64)
    lasting = interval_us if 0 < interval_us <= 96 * QUARTER_US else 0
    ends = np.minimum(times + lasting, np.append(times[1:], times[-1] + lasting))
    counts = np.maximum(1, -(-(ends - times) // QUARTER_US))
    which = np.repeat(np.arange(len(times)), counts)
    offsets = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    shares = (micro[which] * (offsets + 1)) // counts[which] - (micro[which] * offsets) // counts[
        which
    ]
    numbers = times[which] // QUARTER_US + offsets
    grades = np.where(counts[which] > 1, Grade.PRORATED, Grade.MEASURED).astype(np.int8)
    return _entries(numbers, shares, grades, Method.AMOUNT)


def quarantine(
    times: Ints, values: Floats, *, most: float, interval_us: int, part: Part
) -> tuple[Bools, list[Decision]]:
    """Tell which values of power are plausible, and what is withheld of others, quarter by quarter.

    Each value is judged alone, so the verdict does not depend on what was read around it.

    Args: most: the highest plausible value. interval_us: how long a withheld one lasts.
    """
    is_sound = np.abs(values) <= most
    wrong = np.flatnonzero(~is_sound)
    if not len(wrong):
        return is_sound, []
    numbers = (times[wrong] - 1) // QUARTER_US
    runs = np.split(wrong, np.flatnonzero(np.diff(numbers)) + 1)
    worth = _part_of(values, part) * (interval_us / _HOUR_US)
    return is_sound, [_withhold(times[run], worth[run]) for run in runs]


def _withhold(times: Ints, worth: Floats) -> Decision:
    withheld = round(float(worth.sum()) * MICRO)
    return Decision(
        Judgement.JUMP, int(times[0]), int(times[-1]), 0, 0, withheld=withheld, count=len(times)
    )


def _part_of(values: Floats, part: Part) -> Floats:
    if part is Part.POSITIVE:
        return np.maximum(values, 0.0)
    return np.maximum(-values, 0.0) if part is Part.NEGATIVE else values.copy()


def _cut(starts: Ints, ends: Ints, first: Floats, last: Floats) -> tuple[Ints, Floats, Ints]:
    """Cut lines at quarters; return number, energy (per hour units) and µs of each piece."""
    numbers = starts // QUARTER_US
    counts = np.maximum(1, (ends - 1) // QUARTER_US - numbers + 1)
    which = np.repeat(np.arange(len(starts)), counts)
    offsets = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    number = numbers[which] + offsets
    begin = np.maximum(starts[which], number * QUARTER_US)
    end = np.minimum(ends[which], (number + 1) * QUARTER_US)
    lasting = np.maximum(1, ends[which] - starts[which])
    slope = (last[which] - first[which]) / lasting
    middle = (begin - starts[which] + end - starts[which]) / 2
    energy = (first[which] + slope * middle) * ((end - begin) / _HOUR_US)
    return number, energy, end - begin


def _sum_up(numbers: Ints, energy: Floats, covered: Ints) -> Entries:
    begins = np.flatnonzero(np.append(True, numbers[1:] != numbers[:-1]))
    whole = np.add.reduceat(covered, begins) >= _WHOLE * QUARTER_US
    micro = np.rint(np.add.reduceat(energy, begins) * MICRO).astype(np.int64)
    grades = np.where(whole, Grade.MEASURED, Grade.ESTIMATED).astype(np.int8)
    is_seen = np.add.reduceat(covered, begins) > 0
    found = _entries(numbers[begins], micro, grades, Method.POWER)[is_seen]
    if len(found) and not whole[is_seen][-1]:
        found["is_open"][-1] = True
        found["grade"][-1] = Grade.MEASURED
    return found


def _entries(numbers: Ints, micro: Ints, grades: NDArray[np.int8], method: Method) -> Entries:
    order = np.argsort(numbers, kind="stable")
    numbers, micro, grades = numbers[order], micro[order], grades[order]
    begins = np.flatnonzero(np.append(True, numbers[1:] != numbers[:-1]))
    entries = np.zeros(len(begins), dtype=ENTRY_DTYPE)
    entries["number"] = numbers[begins]
    entries["amount"] = np.add.reduceat(micro, begins)
    entries["grade"] = np.maximum.reduceat(grades, begins)
    entries["method"] = method
    return entries
