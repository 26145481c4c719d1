"""Stacked bars as SVG: shares of the drawing's width and height, so that text never stretches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metering.queries.energy import Band
from reports.documents.axis import Axis, make_axis

_GAP = 0.16  # of a bar's slot
_BAND = 0.35  # of a bar, on each side of its band

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Layer:
    """A part of every bar, in the unit of the axis; what is below 0 is drawn downwards.

    `guessed`: the part of it that lies hatched on top.
    """

    css: str
    amounts: Floats
    guessed: Floats


@dataclass(frozen=True, slots=True)
class Rect:
    """A part of a bar, in percent of the drawing; `css` says what it is."""

    x: str
    y: str
    width: str
    height: str
    css: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One bucket: its parts, where it was in the other period, and its slot to point at."""

    slot: Rect
    parts: tuple[Rect, ...]
    before: Rect | None
    is_incomplete: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """A line or label: its place in percent, and what it says."""

    at: str
    value: float


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing of bars; `zero`: where nothing is."""

    bars: tuple[Bar, ...]
    ticks: tuple[Mark, ...]
    digits: int
    zero: str


def draw_bars(layers: Sequence[Layer], before: Floats | None, incomplete: Sequence[bool]) -> Chart:
    """Draw layers as stacked bars, with the other period as outlines."""
    axis = _axis(layers, before)
    count = len(incomplete)
    bars = tuple(
        _bar(at, count, layers, before, axis, is_incomplete=incomplete[at]) for at in range(count)
    )
    ticks = tuple(Mark(_percent(1 - axis.place(float(tick))), float(tick)) for tick in axis.ticks)
    return Chart(bars, ticks, axis.digits, _percent(1 - axis.place(0.0)))


def draw_bands(values: Floats, halves: Floats, incomplete: Sequence[bool]) -> Chart:
    """Draw bars, each with a band around its end; a bar below 0 has another colour."""
    lows, highs = np.minimum(values - halves, 0), np.maximum(values + halves, 0)
    axis = make_axis(float(lows.min(initial=0)), float(highs.max(initial=0)), wanted=4)
    count = len(values)
    bars = tuple(
        _banded(at, count, float(values[at]), float(halves[at]), axis, is_incomplete=incomplete[at])
        for at in range(count)
    )
    ticks = tuple(Mark(_percent(1 - axis.place(float(tick))), float(tick)) for tick in axis.ticks)
    return Chart(bars, ticks, axis.digits, _percent(1 - axis.place(0.0)))


def _banded(
    at: int, count: int, value: float, half: float, axis: Axis, *, is_incomplete: bool
) -> Bar:
    slot = 1 / count
    x, width = at * slot + slot * _GAP / 2, slot * (1 - _GAP)
    css = "bar-saved" if value >= 0 else "bar-more"
    parts = [_rect(axis, x, width, 0.0, value, css)] if value else []
    if half:
        thin = x + width * _BAND
        parts.append(
            _rect(axis, thin, width * (1 - 2 * _BAND), value - half, value + half, "bar-band")
        )
    whole = Rect(_percent(at * slot), "0%", _percent(slot), "100%", "bar-slot")
    return Bar(slot=whole, parts=tuple(parts), before=None, is_incomplete=is_incomplete)


def _axis(layers: Sequence[Layer], before: Floats | None) -> Axis:
    lows, highs = [0.0], [0.0]
    for values in (
        np.sum([np.minimum(layer.amounts, 0) for layer in layers], axis=0) if layers else None,
        np.sum([np.maximum(layer.amounts, 0) for layer in layers], axis=0) if layers else None,
        before,
    ):
        if values is not None and len(values):
            lows.append(float(values.min()))
            highs.append(float(values.max()))
    return make_axis(min(lows), max(highs), wanted=4)


def _bar(
    at: int,
    count: int,
    layers: Sequence[Layer],
    before: Floats | None,
    axis: Axis,
    *,
    is_incomplete: bool,
) -> Bar:
    slot = 1 / count
    x, width = at * slot + slot * _GAP / 2, slot * (1 - _GAP)
    parts = [part for sign in (1, -1) for part in _stack(at, layers, axis, x, width, sign=sign)]
    outline = None
    if before is not None and at < len(before) and before[at]:
        wider = slot * _GAP / 4
        outline = _rect(axis, x - wider, width + 2 * wider, 0.0, float(before[at]), "bar-before")
    return Bar(
        slot=Rect(_percent(at * slot), "0%", _percent(slot), "100%", "bar-slot"),
        parts=tuple(parts),
        before=outline,
        is_incomplete=is_incomplete,
    )


def _stack(
    at: int, layers: Sequence[Layer], axis: Axis, x: float, width: float, *, sign: int
) -> list[Rect]:
    """Return the parts of one side of a bar; what is estimated lies hatched on top of it."""
    parts: list[Rect] = []
    reached = 0.0
    for layer in layers:
        amount = max(sign * float(layer.amounts[at]), 0.0)
        if not amount:
            continue
        low, high = sign * reached, sign * (reached + amount)
        parts.append(_rect(axis, x, width, low, high, layer.css))
        if guessed := min(abs(float(layer.guessed[at])), amount):
            parts.append(_rect(axis, x, width, high - sign * guessed, high, "bar-guess"))
        reached += amount
    return parts


def band_css(band: Band, number: int) -> str:
    """Return the class that colours a band: circuits by their place, the others by kind."""
    return f"bar-circuit-{number % 8}" if band.kind == "circuit" else f"bar-{band.kind}"


def _rect(axis: Axis, x: float, width: float, low: float, high: float, css: str) -> Rect:
    top, bottom = axis.place(max(low, high)), axis.place(min(low, high))
    return Rect(_percent(x), _percent(1 - top), _percent(width), _percent(top - bottom), css)


def _percent(share: float) -> str:
    return f"{share * 100:.3f}%"
