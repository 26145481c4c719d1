"""Numbers that look random but depend only on their arguments.

A reading is a function of (seed, time), so a gap can be filled later with the values
that would have been sent, and a test can expect exact numbers.
"""

from __future__ import annotations

import math
import zlib

_MASK = (1 << 64) - 1


def seed_of(*words: object) -> int:
    """Return a seed for a thing with a name."""
    return zlib.crc32("/".join(map(str, words)).encode())


def uniform(seed: int, index: int) -> float:
    """Return a number in [0, 1) for an index (splitmix64)."""
    z = (seed * 0x9E3779B97F4A7C15 + index * 0xBF58476D1CE4E5B9 + 0x94D049BB133111EB) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return (z ^ (z >> 31)) / 2**64


def wander(seed: int, t: float, period_seconds: float) -> float:
    """Return a smooth curve within [-1, 1] that turns about once a period."""
    position = t / period_seconds
    index = math.floor(position)
    share = position - index
    share = share * share * (3 - 2 * share)
    before, after = uniform(seed, index), uniform(seed, index + 1)
    return 2 * (before + (after - before) * share) - 1
