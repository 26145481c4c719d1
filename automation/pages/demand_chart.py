"""Draws the window that runs: how its demand builds up, what is expected, and the power."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from automation.guard.series import Floats
from automation.queries.guards import Picture

BOX = 1000  # both sides of the box in which lines are drawn
TICKS = 4
POINTS = 180
_ROOM = 1.12


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart as numbers of an SVG: places are percent, texts are for people.

    demand: the mean of the window so far, as if nothing more came: it only rises. expected: the
    dashed line to its end; cone: between which the end lies. warn: where warnings begin.
    """

    ticks: Sequence[tuple[str, str]]
    times: Sequence[tuple[str, str]]
    power: str
    demand: str
    expected: str
    cone: str
    limit: str
    limit_text: str
    warn: str
    now: str
    end: str
    summary: str


def draw(picture: Picture, *, now: dt.datetime, zone: ZoneInfo) -> Drawing:
    """Return the drawing in the active language. Args: zone: of the site."""
    edges = _edges(picture)
    power, demand = _power(picture, edges), _demand(picture, edges)
    limit = float(picture.guard.limit_kw)
    found = picture.prediction
    highest = max([limit, *power, *demand, *([found.high_kw] if found else [])]) * _ROOM

    def place(at: float, kw: float) -> str:
        return f"{_across(picture, at) * BOX:.1f},{(1 - kw / highest) * BOX:.1f}"

    last = (edges[-1], demand[-1]) if len(demand) else (picture.start.timestamp(), 0.0)
    end = picture.end.timestamp()
    return Drawing(
        ticks=[(_percent(1 - kw / highest), text) for kw, text in _ticks(highest)],
        times=_times(picture, zone),
        power=" ".join(map(place, edges, power)),
        demand=" ".join(map(place, edges, demand)),
        expected=f"{place(*last)} {place(end, found.expected_kw)}" if found else "",
        cone=f"{place(*last)} {place(end, found.high_kw)} {place(end, found.low_kw)}"
        if found else "",
        limit=_percent(1 - limit / highest),
        limit_text=kilowatts(limit),
        warn=_percent(_across(picture, picture.warns_at.timestamp())),
        now=_percent(_across(picture, now.timestamp())),
        end=_percent(1 - found.expected_kw / highest) if found else "",
        summary=_summary(picture, zone),
    )  # fmt: skip


def kilowatts(value: float | None) -> str:
    """Return a power for people; "–" for none."""
    return "–" if value is None else f"{_number(value)} kW"


def _edges(picture: Picture) -> Floats:
    """Return moments of the window up to the newest sample."""
    start = picture.start.timestamp()
    until = None if picture.series is None else picture.series.until
    if until is None or until <= start:
        return np.array([])
    return np.linspace(start, min(until, picture.end.timestamp()), POINTS)


def _power(picture: Picture, edges: Floats) -> list[float]:
    if picture.series is None or not len(edges):
        return []
    step = float(edges[1] - edges[0])
    return [picture.series.power(at - step, at + step) or 0.0 for at in edges.tolist()]


def _demand(picture: Picture, edges: Floats) -> list[float]:
    if picture.series is None:
        return []
    start, hours = picture.start.timestamp(), picture.guard.window_minutes / 60
    return [picture.series.energy(start, at)[0] / hours for at in edges.tolist()]


def _across(picture: Picture, at: float) -> float:
    start, end = picture.start.timestamp(), picture.end.timestamp()
    return min(1.0, max(0.0, (at - start) / (end - start)))


def _ticks(highest: float) -> list[tuple[float, str]]:
    rough = highest / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= rough)
    decimals = max(0, -math.floor(math.log10(step)))
    return [
        (n * step, number_format(n * step, decimals, use_l10n=True, force_grouping=True))
        for n in range(int(highest / step) + 1)
    ]


def _times(picture: Picture, zone: ZoneInfo) -> list[tuple[str, str]]:
    parts = 3
    width = (picture.end - picture.start) / parts
    return [
        (_percent(number / parts), _clock(picture.start + number * width, zone))
        for number in range(parts + 1)
    ]


def _summary(picture: Picture, zone: ZoneInfo) -> str:
    values = {
        "start": _clock(picture.start, zone), "end": _clock(picture.end, zone),
        "limit": kilowatts(float(picture.guard.limit_kw)),
    }  # fmt: skip
    found = picture.prediction
    if found is None:
        return _("Window %(start)s to %(end)s: nothing is known of it. Limit %(limit)s.") % values
    values |= {
        "expected": kilowatts(found.expected_kw), "low": kilowatts(found.low_kw),
        "high": kilowatts(found.high_kw), "power": kilowatts(found.power_kw),
    }  # fmt: skip
    return (
        _(
            "Window %(start)s to %(end)s: %(expected)s expected at its end, between %(low)s and "
            "%(high)s. Power now %(power)s. Limit %(limit)s."
        )
        % values
    )


def _clock(at: dt.datetime, zone: ZoneInfo) -> str:
    return date_format(at.astimezone(zone), "TIME_FORMAT")


def _number(value: float) -> str:
    decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    rounded = round(value, decimals)
    return number_format(rounded or abs(rounded), decimals, use_l10n=True, force_grouping=True)


def _percent(share: float) -> str:
    return f"{min(100.0, max(0.0, share * 100)):.2f}%"
