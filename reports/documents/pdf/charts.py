"""Charts drawn as lines and fields: sharp at any size, with text that can be searched."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _
from reportlab.lib.colors import HexColor

from reports.documents.axis import includes_zero, make_axis, thin_out
from reports.documents.content import BarChart, Chart, ChartSeries, HeatMap, LineChart, is_empty
from reports.documents.parts import colour_of, has_split_bars, split_value
from reports.documents.pdf.frames import (
    DASH,
    Frame,
    LegendEntry,
    draw_frame,
    draw_hatched,
    draw_legend,
    draw_zero,
    legend_height,
    plan_frame,
)
from reports.documents.pdf.heat import draw_heat_map, heat_height
from reports.documents.pdf.look import CONTENT_WIDTH, MARGIN, MUTED, Box
from reports.documents.pdf.pages import Pages
from reports.documents.tabular import has_estimates
from reports.documents.wording import no_data, quality_text

QUALITY_HEIGHT = 14.0
FILLED = 0.74  # of the width of a category
LINE_POINTS = 2_000


def draw_chart(pages: Pages, chart: Chart) -> None:
    """Draw a chart under its title, on one page, with the quality of its data below."""
    if is_empty(chart):
        pages.heading(chart.title)
        pages.paragraph(no_data())
    elif isinstance(chart, HeatMap):
        _draw_heat(pages, chart)
    else:
        _draw_framed(pages, chart)
    if chart.quality is not None:
        pages.paragraph(quality_text(chart.quality, pages.wording), size=7.5, colour=MUTED)


def _draw_heat(pages: Pages, chart: HeatMap) -> None:
    height = heat_height(chart)
    pages.heading(chart.title, keep=height + QUALITY_HEIGHT)
    pages.y -= height
    draw_heat_map(pages, Box(MARGIN, pages.y, CONTENT_WIDTH, height), chart)


def _draw_framed(pages: Pages, chart: BarChart | LineChart) -> None:
    entries = _legend_of(chart)
    plan = plan_frame(pages, make_axis(*_range_of(chart)), chart.categories)
    height = legend_height(entries) + plan.height
    pages.heading(chart.title, keep=height + QUALITY_HEIGHT)
    draw_legend(pages, pages.y, entries)
    pages.y -= height
    frame = draw_frame(pages, pages.y, plan, chart.unit)
    if isinstance(chart, LineChart):
        _draw_lines(pages, frame, chart)
    else:
        _draw_bars(pages, frame, chart)
        draw_zero(pages, frame)


def _legend_of(chart: BarChart | LineChart) -> list[LegendEntry]:
    is_line = isinstance(chart, LineChart)
    entries = [
        LegendEntry(one.name, HexColor(colour_of(number)), is_line=is_line)
        for number, one in enumerate(chart.series)
    ]
    if any(has_estimates(one) for one in chart.series):
        entries.append(LegendEntry(_("estimated"), MUTED, is_estimated=True, is_line=is_line))
    return entries


def _range_of(chart: BarChart | LineChart) -> tuple[float, float]:
    """Return the lowest and the highest end of what is drawn."""
    if isinstance(chart, BarChart) and chart.is_stacked:
        stacks = [_stack_of(chart.series, index) for index in range(len(chart.categories))]
        return min(low for low, _h in stacks), max(high for _l, high in stacks)
    numbers = range(len(chart.categories))
    drawn = (one.value_at(number) for one in chart.series for number in numbers)
    values = [value for value in drawn if value is not None]
    low, high = min(values), max(values)
    if isinstance(chart, BarChart) or includes_zero(low, high):
        return min(low, 0.0), max(high, 0.0)
    return low, high


def _stack_of(series: Sequence[ChartSeries], index: int) -> tuple[float, float]:
    values = [one.value_at(index) or 0.0 for one in series]
    return sum(v for v in values if v < 0), sum(v for v in values if v > 0)


def _draw_bars(pages: Pages, frame: Frame, chart: BarChart) -> None:
    slot = frame.box.width / len(chart.categories)
    beside = 1 if has_split_bars(chart) else len(chart.series)
    width = slot * FILLED / beside
    for index in range(len(chart.categories)):
        up = down = 0.0
        left = frame.box.x + index * slot + slot * (1 - FILLED) / 2
        for number, one in enumerate(chart.series):
            parts = split_value(one, index)
            if parts is None:
                continue
            start = (up if sum(parts) > 0 else down) if chart.is_stacked else 0.0
            x = left + (0 if beside == 1 else number * width)
            _draw_bar(pages, frame, (x, width), start, parts, colour_of(number))
            up, down = up + max(sum(parts), 0), down + min(sum(parts), 0)


def _draw_bar(
    pages: Pages, frame: Frame, across: tuple[float, float], start: float,
    parts: tuple[float, float], colour: str,
) -> None:  # fmt: skip
    """Draw the measured part full and the estimated one hatched beyond it."""
    measured, estimated = parts
    x, width = across
    if measured:
        box = _box_between(x, width, frame.y(start), frame.y(start + measured))
        pages.canvas.setFillColor(HexColor(colour))
        pages.canvas.rect(box.x, box.y, box.width, box.height, stroke=0, fill=1)
    if estimated:
        end = start + measured
        box = _box_between(x, width, frame.y(end), frame.y(end + estimated))
        draw_hatched(pages, box, HexColor(colour))


def _box_between(x: float, width: float, one: float, other: float) -> Box:
    return Box(x, min(one, other), width, abs(one - other))


def _draw_lines(pages: Pages, frame: Frame, chart: LineChart) -> None:
    slot = frame.box.width / len(chart.categories)
    pages.canvas.setLineJoin(1)
    pages.canvas.setLineCap(1)
    for number, one in enumerate(chart.series):
        colour = HexColor(colour_of(number))
        pages.canvas.setStrokeColor(colour)
        pages.canvas.setLineWidth(1.3)
        values = [one.value_at(index) for index in range(len(chart.categories))]
        for is_estimated, run in _runs(thin_out(values, LINE_POINTS), one):
            points = [(frame.box.x + (n + 0.5) * slot, frame.y(v)) for n, v in run]
            pages.canvas.setDash(DASH if is_estimated else [])
            _draw_run(pages, points, colour)
    pages.canvas.setDash([])


def _runs(
    points: Sequence[tuple[int, float | None]], series: ChartSeries
) -> list[tuple[bool, list[tuple[int, float]]]]:
    """Return the stretches without a gap that are estimated throughout, or not at all.

    A stretch begins where the one before ends.
    """
    runs: list[tuple[bool, list[tuple[int, float]]]] = []
    last: tuple[int, float] | None = None
    for number, value in points:
        if value is None:
            last = None
            continue
        is_estimated = series.estimated_share(number) > 0
        if last is None:
            runs.append((is_estimated, []))
        elif runs[-1][0] != is_estimated:
            runs.append((is_estimated, [last]))
        last = (number, value)
        runs[-1][1].append(last)
    return runs


def _draw_run(pages: Pages, points: list[tuple[float, float]], colour: HexColor) -> None:
    if len(points) == 1:
        pages.canvas.setFillColor(colour)
        pages.canvas.circle(*points[0], 1.2, stroke=0, fill=1)
        return
    path = pages.canvas.beginPath()
    path.moveTo(*points[0])
    for point in points[1:]:
        path.lineTo(*point)
    pages.canvas.drawPath(path)
