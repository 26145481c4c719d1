"""How late values come: counted in classes, a few numbers for each channel and day."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# upper ends of the classes in seconds; the last class is open
EDGES = (
    1.0,
    2.0,
    5.0,
    10.0,
    30.0,
    60.0,
    120.0,
    300.0,
    900.0,
    3600.0,
    21_600.0,
    86_400.0,
    259_200.0,
)
CLASSES = len(EDGES) + 1


def classes_of(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the class of each lateness; what is early belongs to the first."""
    return np.searchsorted(EDGES, seconds, side="right")


def percentile(counts: Sequence[int], share: float) -> float | None:
    """Return the lateness in s that a share of the values did not exceed; None without values.

    Exact to the class: within it values are taken as evenly spread.

    >>> percentile([0, 10], 0.5)
    1.5
    """
    total = sum(counts)
    if not total:
        return None
    wanted, seen = share * total, 0
    for number, count in enumerate(counts):
        if count and seen + count >= wanted:
            low = EDGES[number - 1] if number else 0.0
            high = EDGES[number] if number < len(EDGES) else EDGES[-1]
            return low + (high - low) * (wanted - seen) / count
        seen += count
    return EDGES[-1]
