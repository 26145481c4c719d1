"""Versions of firmware and their order."""

from __future__ import annotations

import re

GRAMMAR = re.compile(
    r"\d{1,6}(?:\.\d{1,6}){1,3}(?:-[0-9a-z]{1,16}(?:\.[0-9a-z]{1,16}){0,3})?", re.ASCII
)
_NUMBERS = 4

Order = tuple[tuple[int, ...], int, tuple[tuple[int, int, str], ...]]


class BadVersion(ValueError):
    """Not of the form 1.2, 1.2.3, 1.2.3.4 or 1.2.3-rc.1."""


def order_of(version: str) -> Order:
    """Return what versions are sorted by.

    >>> order_of("1.10.0") > order_of("1.9") > order_of("1.9-rc.2") > order_of("1.9-rc.1")
    True

    Raises: BadVersion.
    """
    if not GRAMMAR.fullmatch(version):
        raise BadVersion(f"{version[:50]!r} is no version; write 1.2.3 or 1.2.3-rc.1.")
    release, _dash, before = version.partition("-")
    numbers = [int(part) for part in release.split(".")]
    numbers += [0] * (_NUMBERS - len(numbers))
    parts = before.split(".") if before else []
    marks = tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts)
    return tuple(numbers), 0 if before else 1, marks


def read_reported(text: str) -> Order | None:
    """Return the order of what a device says it runs; None when it says nothing usable.

    Devices write `v2.4.1` or add the build: `2.4.1+g1a2b3c4`.
    """
    plain = text.strip().lower().removeprefix("v").partition("+")[0]
    try:
        return order_of(plain)
    except BadVersion:
        return None


def is_same(reported: str, version: str) -> bool:
    """Tell whether a device runs a version."""
    return read_reported(reported) == order_of(version)
