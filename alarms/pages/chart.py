"""Draws what was measured around the beginning of an alarm, and says it in words."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from alarms.queries.chart import AlarmChart, Point
from devices.labels import name_channel
from energy.lib.units import symbol

BOX = 1000  # both sides of the box in which lines are drawn
MARGIN = 0.06  # above and below the values
TICKS = 4
TABLE_ROWS = 60
_STEPS = (5, 10, 15, 30, 60, 120)  # minutes between times below the chart
_LABELS = 6


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch without gaps, as points of SVG; `dot` is the place of a lone sample."""

    line: str
    band: str
    dot: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart as numbers of an SVG: places are percent, texts are for people.

    rows: (time, value) as a table, at most 60. width: how long it lasted.
    """

    title: str
    unit: str
    ticks: Sequence[tuple[str, str]]
    times: Sequence[tuple[str, str]]
    runs: Sequence[Run]
    limit: str
    limit_text: str
    raised: str
    ended: str
    width: str
    value: str
    summary: str
    note: str
    rows: Sequence[tuple[str, str]]


def draw_chart(chart: AlarmChart, *, zone: ZoneInfo) -> Drawing:
    """Return the drawing in the active language. Args: zone: of the times in it."""
    low, high = _range(chart)
    ends = chart.end - chart.start

    def across(at: dt.datetime) -> float:
        return (at - chart.start) / ends

    def down(value: float) -> float:
        return (high - value) / (high - low)

    steps = _ticks(low, high)
    decimals = max(0, -math.floor(math.log10(steps[1] - steps[0]))) if len(steps) > 1 else 0
    return Drawing(
        title=_name(chart),
        unit=symbol(chart.unit),
        ticks=[(_percent(down(value)), _number(value, decimals)) for value in steps],
        times=[(_percent(across(at)), _clock(at, zone)) for at in _times(chart, zone)],
        runs=[_run(run, across, down) for run in chart.runs],
        limit=_percent(down(chart.limit)) if chart.limit is not None else "",
        limit_text=_amount(chart.limit, chart) if chart.limit is not None else "",
        raised=_percent(across(chart.raised_at)),
        ended=_percent(across(chart.ended_at)) if chart.ended_at else "",
        width=_percent(across(chart.ended_at) - across(chart.raised_at)) if chart.ended_at else "",
        value=_percent(down(chart.value)) if chart.value is not None else "",
        summary=_summary(chart, zone),
        note=_("Quarter hours: single samples are not kept any more.")
        if chart.source == "15m" else "",
        rows=_rows(chart, zone),
    )  # fmt: skip


def _run(
    run: Sequence[Point],
    across: Callable[[dt.datetime], float],
    down: Callable[[float], float],
) -> Run:
    places = [across(point.at) for point in run]
    upper = [f"{_n(x)},{_n(down(point.high))}" for x, point in zip(places, run, strict=True)]
    lower = [f"{_n(x)},{_n(down(point.low))}" for x, point in zip(places, run, strict=True)]
    line = [f"{_n(x)},{_n(down(point.mean))}" for x, point in zip(places, run, strict=True)]
    is_lone = len(run) == 1
    has_band = any(point.high > point.low for point in run)
    return Run(
        line="" if is_lone else " ".join(line),
        band=" ".join([*upper, *reversed(lower)]) if has_band and not is_lone else "",
        dot=(_percent(places[0]), _percent(down(run[0].mean))) if is_lone else None,
    )


def _range(chart: AlarmChart) -> tuple[float, float]:
    values = [v for point in chart.points for v in (point.low, point.high)]
    values += [v for v in (chart.limit, chart.value) if v is not None and math.isfinite(v)]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if high <= low:
        low, high = low - (abs(low) or 1.0) / 10, high + (abs(high) or 1.0) / 10
    room = (high - low) * MARGIN
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= rough)
    first = math.ceil(low / step)
    return [n * step for n in range(first, math.floor(high / step) + 1)]


def _times(chart: AlarmChart, zone: ZoneInfo) -> list[dt.datetime]:
    minutes = (chart.end - chart.start).total_seconds() / 60
    step = next((n for n in _STEPS if minutes / n <= _LABELS), _STEPS[-1]) * 60
    # counted from local midnight, so that zones with half hours get round times
    local = chart.start.astimezone(zone)
    offset = local.utcoffset() or dt.timedelta()
    first = math.ceil((chart.start + offset).timestamp() / step)
    last = math.floor((chart.end + offset).timestamp() / step)
    return [dt.datetime.fromtimestamp(n * step, dt.UTC) - offset for n in range(first, last + 1)]


def _summary(chart: AlarmChart, zone: ZoneInfo) -> str:
    points = chart.points
    if not points:
        return _("No values are kept of that time.")
    parts = [
        _("%(name)s from %(start)s to %(end)s: lowest %(low)s, highest %(high)s.") % {
            "name": _name(chart), "start": _clock(chart.start, zone),
            "end": _clock(chart.end, zone),
            "low": _amount(min(point.low for point in points), chart),
            "high": _amount(max(point.high for point in points), chart),
        },
        _("Limit %(limit)s.") % {"limit": _amount(chart.limit, chart)}
        if chart.limit is not None else "",
        _("Raised at %(time)s.") % {"time": _clock(chart.raised_at, zone)},
        _("Ended at %(time)s.") % {"time": _clock(chart.ended_at, zone)}
        if chart.ended_at else "",
    ]  # fmt: skip
    return " ".join(part for part in parts if part)


def _rows(chart: AlarmChart, zone: ZoneInfo) -> list[tuple[str, str]]:
    points = chart.points
    step = max(1, math.ceil(len(points) / TABLE_ROWS))
    return [
        (date_format(point.at.astimezone(zone), "H:i:s"), _amount(point.mean, chart))
        for point in points[::step]
    ]


def _name(chart: AlarmChart) -> str:
    return name_channel(chart.name, chart.label).label


def _clock(at: dt.datetime, zone: ZoneInfo) -> str:
    return date_format(at.astimezone(zone), "TIME_FORMAT")


def _amount(value: float, chart: AlarmChart) -> str:
    return f"{_number(value, chart.decimals)} {symbol(chart.unit)}".strip()


def _number(value: float, decimals: int) -> str:
    rounded = round(value, decimals)
    return number_format(rounded or abs(rounded), decimals, use_l10n=True, force_grouping=True)


def _percent(share: float) -> str:
    return f"{min(100.0, max(0.0, share * 100)):.2f}%"


def _n(share: float) -> str:
    return f"{share * BOX:.1f}"
