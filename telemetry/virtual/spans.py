"""Stretches of time that must be computed again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Span = tuple[int, int]


def unite(spans: Iterable[Span]) -> list[Span]:
    """Return the stretches [start, end) sorted, with those that touch made one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


def cut(start: int, end: int, length: int) -> Iterator[Span]:
    """Yield pieces of a stretch that are at most so long, on multiples of the length."""
    at = start
    while at < end:
        edge = min(end, at - at % length + length)
        yield at, edge
        at = edge
