"""Draws the power of a session, and says it in words."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from charging.queries.pages_power import Power, PowerCurve

BOX = 1000  # both sides of the box in which lines are drawn
TICKS = 4
LABELS = 4
TABLE_ROWS = 60


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart as numbers of an SVG: places are percent, texts are for people.

    runs: (line, area) as points of SVG. dots: (x, y) of lone points.
    """

    ticks: tuple[tuple[str, str], ...]
    times: tuple[tuple[str, str], ...]
    runs: tuple[tuple[str, str], ...]
    dots: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, str], ...]
    summary: str


def draw_power(curve: PowerCurve, *, zone: ZoneInfo) -> Drawing:
    """Return the drawing in the active language. Args: zone: of the times in it."""
    highest = max([point.most_kw for point in curve.points], default=1.0) * 1.05 or 1.0
    length = (curve.end - curve.start) or dt.timedelta(seconds=1)

    def place(point: Power) -> tuple[float, float]:
        return (point.at - curve.start) / length, 1 - max(0.0, point.kw) / highest

    runs = [[place(point) for point in run] for run in curve.runs]
    return Drawing(
        ticks=tuple((_percent(1 - kw / highest), text) for kw, text in _ticks(highest)),
        times=tuple(_times(curve, length, zone)),
        runs=tuple((_line(run), _area(run)) for run in runs if len(run) > 1),
        dots=tuple((_percent(run[0][0]), _percent(run[0][1])) for run in runs if len(run) == 1),
        rows=tuple(_rows(curve, zone)),
        summary=_summary(curve, zone),
    )


def kilowatts(value: float | None) -> str:
    """Return a power for people; "–" for none."""
    if value is None or not math.isfinite(value):
        return "–"
    decimals = 1 if abs(value) >= 10 else 2
    return f"{number_format(round(value, decimals), decimals, use_l10n=True)} kW"


def _line(run: list[tuple[float, float]]) -> str:
    return " ".join(f"{x * BOX:.1f},{y * BOX:.1f}" for x, y in run)


def _area(run: list[tuple[float, float]]) -> str:
    first, last = run[0][0] * BOX, run[-1][0] * BOX
    return f"{first:.1f},{BOX} {_line(run)} {last:.1f},{BOX}"


def _ticks(highest: float) -> list[tuple[float, str]]:
    rough = highest / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= rough)
    decimals = max(0, -math.floor(math.log10(step)))
    return [
        (n * step, number_format(n * step, decimals, use_l10n=True))
        for n in range(int(highest / step) + 1)
    ]


def _times(curve: PowerCurve, length: dt.timedelta, zone: ZoneInfo) -> list[tuple[str, str]]:
    return [
        (_percent(share), _clock(curve.start + length * share, zone))
        for share in ((n + 0.5) / LABELS for n in range(LABELS))  # not at the edges: they are cut
    ]


def _rows(curve: PowerCurve, zone: ZoneInfo) -> list[tuple[str, str]]:
    points = curve.points
    step = max(1, math.ceil(len(points) / TABLE_ROWS))
    return [
        (date_format(point.at.astimezone(zone), "H:i:s"), kilowatts(point.kw))
        for point in points[::step]
    ]


def _summary(curve: PowerCurve, zone: ZoneInfo) -> str:
    points = curve.points
    if not points:
        return _("No power was measured in this time.")
    return _("Power from %(start)s to %(end)s: highest %(high)s, last %(last)s.") % {
        "start": _clock(points[0].at, zone), "end": _clock(points[-1].at, zone),
        "high": kilowatts(max(point.most_kw for point in points)),
        "last": kilowatts(points[-1].kw),
    }  # fmt: skip


def _clock(at: dt.datetime, zone: ZoneInfo) -> str:
    return date_format(at.astimezone(zone), "TIME_FORMAT")


def _percent(share: float) -> str:
    return f"{min(100.0, max(0.0, share * 100)):.2f}%"
