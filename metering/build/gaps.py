"""Gaps follow the hours of the weeks before; when those change, the gaps are due again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metering.ledger.kinds import Method, Steps
from metering.ledger.spread import Profile, spread
from metering.models import LedgerDecision
from metering.series import QUARTER_US, Grade, Ints
from metering.storage.entries import Built, read_entries, start_of

WEEK = 7 * 96
WEEKS = 4
ENOUGH = 0.5  # of the quarters of a gap have to be known from the weeks before
_KNOWN = Grade.PRORATED  # estimates are not estimated from


def profile_of(register: int, steps: Steps) -> Profile | None:
    """Return weights for gaps: the mean of the same quarters of the four weeks before.

    Only what was measured counts, so what a gap becomes depends on samples alone.
    """
    gaps = steps[steps["method"] == Method.LINEAR]
    if not len(gaps):
        return None
    first = int(gaps["start"].min()) // QUARTER_US - WEEKS * WEEK
    begin = -(-int(steps["start"][0]) // QUARTER_US)
    stored = read_entries([(register, first, begin - 1)]) if first < begin else None
    fresh = spread(steps)
    fresh = fresh[(fresh["number"] >= begin) & ~fresh["is_open"]]
    parts = [part for part in (stored, fresh) if part is not None]
    numbers = np.concatenate([part["number"] for part in parts])
    amounts = np.concatenate([part["amount"] for part in parts])
    known = np.concatenate([part["grade"] for part in parts]) <= _KNOWN
    return _Weeks(numbers[known], amounts[known])


class _Weeks:
    def __init__(self, numbers: Ints, amounts: Ints) -> None:
        self._numbers = numbers
        self._amounts = amounts.astype(np.float64)

    def __call__(self, number: int, count: int) -> NDArray[np.float64] | None:
        sums, found = np.zeros(count), np.zeros(count)
        wanted = number + np.arange(count)
        for week in range(1, WEEKS + 1):
            earlier = wanted - week * WEEK
            at = np.searchsorted(self._numbers, earlier)
            at = np.minimum(at, max(0, len(self._numbers) - 1))
            is_known = self._numbers[at] == earlier if len(self._numbers) else found > 1
            sums[is_known] += self._amounts[at[is_known]]
            found[is_known] += 1
        if (found > 0).mean() < ENOUGH:
            return None
        weights = np.divide(sums, found, out=np.zeros(count), where=found > 0)
        weights[found == 0] = weights[found > 0].mean()
        return weights if weights.sum() > 0 else None


def windows_of_gaps(built: Built) -> list[tuple[int, int]]:
    """Return the gaps (µs) whose estimate rests on quarters that were just built."""
    if not len(built.entries):
        return []
    end = start_of(built.last + 1)
    rows = LedgerDecision.objects.filter(
        register_id=built.register,
        kind="gap",
        superseded_at=None,
        time__gte=end,
        time__lt=start_of(built.last + 1 + WEEKS * WEEK),
    ).values_list("time", "until")
    return [
        (int(start.timestamp()) * 1_000_000, int(until.timestamp()) * 1_000_000)
        for start, until in rows
    ]
