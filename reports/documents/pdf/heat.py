"""Heat maps: a field for each day and hour, darker for more."""

from __future__ import annotations

from django.utils.translation import gettext as _
from reportlab.lib.colors import Color, HexColor

from reports.documents.axis import label_step
from reports.documents.content import HeatMap, finite
from reports.documents.pdf.fonts import REGULAR, text_width
from reports.documents.pdf.labels import SMALL
from reports.documents.pdf.look import BOTTOM, LINE, MUTED, TOP, WHITE, Box, blend
from reports.documents.pdf.pages import Pages
from reports.documents.wording import unit_sign

ROW_HEIGHT = 9.0
HOURS_HEIGHT, SCALE_HEIGHT = 13.0, 24.0
TALLEST = TOP - BOTTOM - 170  # fits also below the title of a report
SHADES = 48
SEAM = 0.2  # fields overlap, or viewers show hairlines between them
PALE, MIDDLE, DARK = HexColor("#f1f7f9"), HexColor("#3e9cb6"), HexColor("#083f50")
BELOW_ZERO = HexColor("#b4650a")


def heat_height(chart: HeatMap) -> float:
    """Return the height of a heat map with its scale."""
    return min(len(chart.days) * ROW_HEIGHT + HOURS_HEIGHT + SCALE_HEIGHT, TALLEST)


def draw_heat_map(pages: Pages, outer: Box, chart: HeatMap) -> None:
    """Draw days from top to bottom, hours from left to right, and the scale of colours."""
    gutter = max(text_width(day, REGULAR, SMALL) for day in chart.days) + 6
    height = outer.height - HOURS_HEIGHT - SCALE_HEIGHT
    box = Box(outer.x + gutter, outer.y + SCALE_HEIGHT, outer.width - gutter, height)
    values = [n for day in chart.values for v in day if (n := finite(v)) is not None]
    low, high = min(values), max(values)
    _draw_fields(pages, box, chart, low, high)
    _draw_hours(pages, box, chart)
    _draw_days(pages, box, chart)
    _draw_scale(pages, Box(box.x, outer.y + 10, 150, 7), chart, low, high)


def colour_at(value: float, low: float, high: float) -> Color:
    """Return the colour of a value; where some are negative, zero is pale."""
    if low >= 0:
        share = (value - low) / (high - low) if high > low else 0.5
    else:
        share = value / max(abs(low), abs(high))
    share = round(share * SHADES) / SHADES
    if share < 0:
        return blend(PALE, BELOW_ZERO, -share)
    if share < 0.5:
        return blend(PALE, MIDDLE, 2 * share)
    return blend(MIDDLE, DARK, 2 * share - 1)


def _draw_fields(pages: Pages, box: Box, chart: HeatMap, low: float, high: float) -> None:
    width, height = box.width / len(chart.hours), box.height / len(chart.days)
    missing: list[tuple[float, float]] = []
    for row, day in enumerate(chart.values):
        y = box.top - (row + 1) * height
        for column, value in enumerate(map(finite, day)):
            x = box.x + column * width
            if value is None:
                missing.append((x, y))
                continue
            pages.canvas.setFillColor(colour_at(value, low, high))
            pages.canvas.rect(x, y, width + SEAM, height + SEAM, stroke=0, fill=1)
    for x, y in missing:
        _draw_missing(pages, Box(x, y, width, height))


def _draw_missing(pages: Pages, box: Box) -> None:
    pages.canvas.setFillColor(WHITE)
    pages.canvas.setStrokeColor(LINE)
    pages.canvas.setLineWidth(0.4)
    pages.canvas.rect(box.x, box.y, box.width, box.height, stroke=1, fill=1)


def _draw_hours(pages: Pages, box: Box, chart: HeatMap) -> None:
    slot = box.width / len(chart.hours)
    step = label_step([text_width(hour, REGULAR, SMALL) for hour in chart.hours], slot)
    for number in range(0, len(chart.hours), step):
        x = box.x + (number + 0.5) * slot
        pages.text(x, box.top + 4, chart.hours[number], size=SMALL, colour=MUTED, align="centre")


def _draw_days(pages: Pages, box: Box, chart: HeatMap) -> None:
    slot = box.height / len(chart.days)
    step = label_step([SMALL], slot, gap=0.6)
    for number in range(0, len(chart.days), step):
        y = box.top - (number + 0.5) * slot - 2.4
        pages.text(box.x - 4, y, chart.days[number], size=SMALL, colour=MUTED, align="right")


def _draw_scale(pages: Pages, box: Box, chart: HeatMap, low: float, high: float) -> None:
    slot = box.width / SHADES
    for number in range(SHADES):
        value = low + (high - low) * number / (SHADES - 1)
        pages.canvas.setFillColor(colour_at(value, low, high))
        pages.canvas.rect(box.x + number * slot, box.y, slot + 0.2, box.height, stroke=0, fill=1)
    first = pages.wording.number(low, chart.digits)
    last = pages.wording.amount(high, chart.digits, unit_sign(chart.unit))
    pages.text(box.x, box.y - 8, first, size=SMALL, colour=MUTED)
    pages.text(box.right, box.y - 8, last, size=SMALL, colour=MUTED, align="right")
    if any(finite(value) is None for day in chart.values for value in day):
        _draw_missing(pages, Box(box.right + 16, box.y, 10, box.height))
        pages.text(box.right + 30, box.y + 1, _("no value"), size=SMALL, colour=MUTED)
