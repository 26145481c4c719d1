"""What stands in buckets without a value."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from telemetry.quality import Quality

FILLS = ("none", "null", "previous", "linear")


@dataclass(frozen=True, slots=True)
class Point:
    """A value and the name of its quality."""

    value: float | None
    quality: str


_MISSING = Point(None, Quality.MISSING.label)


def fill_gaps(
    points: Mapping[int, Point], *, fill: str, edges: Sequence[dt.datetime], begun: int
) -> dict[int, Point]:
    """Return the points by position, with empty buckets filled.

    Only the first `begun` buckets are filled: nothing is invented for the future. With
    `null` empty buckets are missing; `previous` repeats the value before; `linear` draws a
    line between neighbours. What was filled in is estimated; where there is no value to
    start from, it is missing.
    """
    if fill == "none":
        return dict(sorted(points.items()))
    known = [position for position in sorted(points) if points[position].value is not None]
    filled: dict[int, Point] = {}
    place = -1  # index in `known` of the last value at or before the position
    for position in range(begun):
        while place + 1 < len(known) and known[place + 1] <= position:
            place += 1
        filled[position] = points.get(position) or _guess(
            points, fill, edges, position, known[max(place, 0) : place + 2] if place >= 0 else []
        )
    return filled | {position: points[position] for position in sorted(points) if position >= begun}


def _guess(
    points: Mapping[int, Point],
    fill: str,
    edges: Sequence[dt.datetime],
    position: int,
    neighbours: Sequence[int],
) -> Point:
    values = [points[neighbour].value for neighbour in neighbours]
    if fill == "previous" and values:
        return Point(values[0], Quality.ESTIMATED.label)
    if fill == "linear" and len(values) == 2 and values[0] is not None and values[1] is not None:
        before, after = (edges[neighbour] for neighbour in neighbours)
        share = (edges[position] - before) / (after - before)
        return Point(values[0] + (values[1] - values[0]) * share, Quality.ESTIMATED.label)
    return _MISSING
