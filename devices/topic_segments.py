"""Which words may stand between the slashes of a topic."""

from __future__ import annotations

import re

SEGMENT_PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9.:_-]{0,63})"
RESERVED_SEGMENTS = frozenset({"device", "raw", "timeseries"})

_SEGMENT = re.compile(SEGMENT_PATTERN)


def is_safe_segment(segment: str) -> bool:
    """Tell whether a word is safe in a topic: no wildcard, slash, blank, control or `..`."""
    return _SEGMENT.fullmatch(segment) is not None and ".." not in segment
