"""Samples of a power or a counter as stretches of constant power.

Times are seconds since 1970, UTC; powers are kW, energies kWh.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Stretches:
    """Mean power from `starts` to `ends`, in the order of time, none over another.

    `low` and `high`: between which it lay, where samples are too far apart to know it.
    """

    starts: Floats
    ends: Floats
    mean: Floats
    low: Floats
    high: Floats

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def until(self) -> float | None:
        """Return the time of the newest sample; None without two."""
        return float(self.ends[-1]) if len(self) else None

    def energy(self, begin: float, end: float) -> tuple[float, float, float]:
        """Return the energy of [begin, end): mean, low and high; what is not covered is nothing."""
        hours = self._inside(begin, end) / HOUR
        return (
            float((self.mean * hours).sum()),
            float((self.low * hours).sum()),
            float((self.high * hours).sum()),
        )

    def covered(self, begin: float, end: float) -> float:
        """Return how many seconds of [begin, end) are known."""
        return float(self._inside(begin, end).sum())

    def power(self, begin: float, end: float) -> float | None:
        """Return the mean power of [begin, end); None where nothing is known."""
        seconds = self.covered(begin, end)
        return self.energy(begin, end)[0] * HOUR / seconds if seconds > 0 else None

    def _inside(self, begin: float, end: float) -> Floats:
        inside: Floats = np.clip(
            np.minimum(self.ends, end) - np.maximum(self.starts, begin), 0.0, None
        )
        return inside


def of_power(times: Floats, kilowatts: Floats, *, longest: float, holds: bool = False) -> Stretches:
    """Integrate a power. What is fed in is no demand: below 0 counts as 0.

    Args: times: rising. longest: seconds between two samples that leave no doubt. holds: a
        sample stands until the next one; else the power goes straight from one to the next.
    """
    used = np.maximum(kilowatts, 0.0)
    first, second = used[:-1], used[1:]
    mean = first if holds else (first + second) / 2
    is_gap = np.diff(times) > longest
    return Stretches(
        times[:-1], times[1:], mean,
        np.where(is_gap, np.minimum(first, second), mean),
        np.where(is_gap, np.maximum(first, second), mean),
    )  # fmt: skip


def of_counter(
    times: Floats, registers: Floats, *, most_kw: float, modulus: float | None = None
) -> Stretches:
    """Divide a counter's steps by their time. What cannot be, such as a reset, is left out.

    Args: times: rising. registers: kWh. most_kw: more cannot flow. modulus: kWh at which it
        begins again from zero; None: unknown.
    """
    steps, seconds = np.diff(registers), np.diff(times)
    if modulus is not None:
        steps = np.where(steps < 0, steps + modulus, steps)
    mean = steps * HOUR / seconds
    keep = (mean >= 0) & (mean <= most_kw)
    mean = mean[keep]
    return Stretches(times[:-1][keep], times[1:][keep], mean, mean, mean)
