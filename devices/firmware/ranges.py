"""Single byte ranges, by which a device goes on where it stopped (RFC 9110, section 14)."""

from __future__ import annotations

import re

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})", re.ASCII)


class Unsatisfiable(ValueError):
    """The range begins behind the end."""


def read_range(header: str, *, size: int) -> tuple[int, int] | None:
    """Return the first and the last byte that are wanted; None for everything.

    Several ranges and other units are answered with everything, as the RFC allows.

    >>> read_range("bytes=100-", size=1000), read_range("bytes=-10", size=1000)
    ((100, 999), (990, 999))

    Raises: Unsatisfiable.
    """
    found = _RANGE.fullmatch(header.strip().lower())
    if found is None or found[1] == found[2] == "":
        return None
    if found[1] == "":
        length = min(int(found[2]), size)
        if length == 0:
            raise Unsatisfiable
        return size - length, size - 1
    first = int(found[1])
    last = min(int(found[2]), size - 1) if found[2] else size - 1
    if found[2] and int(found[2]) < first:
        return None  # makes no sense, so it is no range
    if first >= size:
        raise Unsatisfiable
    return first, last
