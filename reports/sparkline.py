"""The last day of a channel as a small line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, MARGIN = 120, 30, 2


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch without gaps, as SVG points: the line, and the area below it."""

    line: str
    area: str


@dataclass(frozen=True, slots=True)
class Sparkline:
    """Stretches of one channel in a box of 120 × 30."""

    runs: tuple[Run, ...]


def draw_sparkline(values: Sequence[float | None]) -> Sparkline | None:
    """Turn evenly spaced values into lines; None values are gaps and stay gaps.

    Returns None when there is nothing to draw a line through.
    """
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    low, high = min(known), max(known)
    low = min(low, 0.0) if low >= 0 and low <= high * 0.45 else low
    runs = [_draw_run(run, len(values), low, high) for run in _split_at_gaps(values)]
    return Sparkline(tuple(runs)) if runs else None


def _split_at_gaps(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    runs: list[list[tuple[int, float]]] = [[]]
    for position, value in enumerate(values):
        if value is not None:
            runs[-1].append((position, value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if len(run) > 1]


def _draw_run(run: list[tuple[int, float]], count: int, low: float, high: float) -> Run:
    points = [(_across(position, count), _down(value, low, high)) for position, value in run]
    line = " ".join(f"{x:g},{y:g}" for x, y in points)
    return Run(line, f"{points[0][0]:g},{HEIGHT} {line} {points[-1][0]:g},{HEIGHT}")


def _across(position: int, count: int) -> float:
    return round(position * WIDTH / max(1, count - 1), 1)


def _down(value: float, low: float, high: float) -> float:
    share = (value - low) / (high - low) if high > low else 0.5
    return round(HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN), 1)
