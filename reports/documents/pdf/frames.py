"""What charts share: the frame with its axes, the legend, hatching."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from reportlab.lib.colors import Color

from reports.documents.axis import Axis
from reports.documents.pdf.fonts import REGULAR, shorten, text_width
from reports.documents.pdf.labels import SMALL, Labels, draw_labels, plan_labels
from reports.documents.pdf.look import (
    CONTENT_WIDTH,
    GRID,
    MARGIN,
    MUTED,
    WHITE,
    Box,
)
from reports.documents.pdf.pages import Pages
from reports.documents.wording import unit_sign

FIELD_HEIGHT = 146.0
UNIT_HEIGHT = 18.0
HATCH_STEP = 3.2
DASH = [2.4, 2.0]
LEGEND_ROW = 12.0
LONGEST_NAME = 220.0


@dataclass(frozen=True, slots=True)
class Frame:
    """The field of a chart and its scale from bottom to top."""

    box: Box
    axis: Axis

    def y(self, value: float) -> float:
        """Return the height of a value."""
        return self.box.y + self.axis.place(value) * self.box.height


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """A name beside a field of its colour, or a line where `is_line`."""

    name: str
    colour: Color
    is_estimated: bool = False
    is_line: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What stands around the field of a chart; `gutter` is the width of the ticks."""

    axis: Axis
    ticks: Sequence[str]
    gutter: float
    labels: Labels

    @property
    def height(self) -> float:
        """Return the height of the chart with everything."""
        return FIELD_HEIGHT + UNIT_HEIGHT + self.labels.height


def plan_frame(pages: Pages, axis: Axis, categories: Sequence[str]) -> Plan:
    """Choose how the ticks and the categories of a chart are written."""
    ticks = [pages.wording.number(tick, axis.digits) for tick in axis.ticks]
    gutter = max(text_width(tick, REGULAR, SMALL) for tick in ticks) + 6
    slot = (CONTENT_WIDTH - gutter) / max(len(categories), 1)
    return Plan(axis, ticks, gutter, plan_labels(categories, slot))


def draw_frame(pages: Pages, bottom: float, plan: Plan, unit: str) -> Frame:
    """Draw ticks, grid and categories; return the field that is left."""
    box = Box(
        MARGIN + plan.gutter, bottom + plan.labels.height,
        CONTENT_WIDTH - plan.gutter, FIELD_HEIGHT,
    )  # fmt: skip
    frame = Frame(box, plan.axis)
    pages.text(MARGIN, box.top + 11, unit_sign(unit), size=SMALL, colour=MUTED)
    pages.canvas.setLineWidth(0.5)
    for tick, label in zip(plan.axis.ticks, plan.ticks, strict=True):
        y = frame.y(float(tick))
        pages.canvas.setStrokeColor(GRID if tick else MUTED)
        pages.canvas.line(box.x, y, box.right, y)
        pages.text(box.x - 4, y - 2.4, label, size=SMALL, colour=MUTED, align="right")
    draw_labels(pages, box, plan.labels)
    return frame


def draw_zero(pages: Pages, frame: Frame) -> None:
    """Draw the line of zero above the bars."""
    pages.canvas.setStrokeColor(MUTED)
    pages.canvas.setLineWidth(0.7)
    pages.canvas.line(frame.box.x, frame.y(0), frame.box.right, frame.y(0))


def place_legend(entries: Sequence[LegendEntry]) -> list[tuple[float, int, LegendEntry]]:
    """Return for each entry how far right it stands and in which row."""
    placed = []
    x, row = 0.0, 0
    for entry in entries:
        name = shorten(entry.name, REGULAR, SMALL + 0.5, LONGEST_NAME)
        width = 12 + text_width(name, REGULAR, SMALL + 0.5) + 14
        if x and x + width > CONTENT_WIDTH:
            x, row = 0.0, row + 1
        placed.append((x, row, replace(entry, name=name)))
        x += width
    return placed


def legend_height(entries: Sequence[LegendEntry]) -> float:
    """Return the height of the rows of a legend."""
    return (place_legend(entries)[-1][1] + 1) * LEGEND_ROW if entries else 0.0


def draw_legend(pages: Pages, top: float, entries: Sequence[LegendEntry]) -> None:
    """Draw names beside their colours, in as many rows as they need."""
    for offset, row, entry in place_legend(entries):
        y = top - (row + 1) * LEGEND_ROW
        box = Box(MARGIN + offset, y + 2.5, 8, 7)
        _draw_sample(pages, box, entry)
        pages.text(box.right + 4, y + 3.5, entry.name, size=SMALL + 0.5)


def _draw_sample(pages: Pages, box: Box, entry: LegendEntry) -> None:
    if entry.is_line:
        pages.canvas.setStrokeColor(entry.colour)
        pages.canvas.setLineWidth(1.6)
        pages.canvas.setDash(DASH if entry.is_estimated else [])
        middle = box.y + box.height / 2
        pages.canvas.line(box.x, middle, box.right, middle)
        pages.canvas.setDash([])
    elif entry.is_estimated:
        draw_hatched(pages, box, entry.colour)
    else:
        pages.canvas.setFillColor(entry.colour)
        pages.canvas.rect(box.x, box.y, box.width, box.height, stroke=0, fill=1)


def draw_hatched(pages: Pages, box: Box, colour: Color) -> None:
    """Draw a field with strokes from bottom left to top right: what is not measured."""
    if box.width <= 0 or box.height <= 0:
        return
    pages.canvas.setFillColor(WHITE)
    pages.canvas.setStrokeColor(colour)
    pages.canvas.setLineWidth(0.6)
    pages.canvas.rect(box.x, box.y, box.width, box.height, stroke=1, fill=1)
    pages.canvas.setLineWidth(0.8)
    pages.canvas.lines(list(hatch_lines(box, HATCH_STEP)))


def hatch_lines(box: Box, step: float) -> Iterator[tuple[float, float, float, float]]:
    """Yield strokes (x1, y1, x2, y2) that rise by 45° and stay in a rectangle.

    They lie on one grid for the whole page, so that fields beside each other match.
    """
    first = (box.x - box.top) // step + 1
    last = (box.right - box.y) // step
    for number in range(int(first), int(last) + 1):
        offset = number * step  # the stroke is where x - y is this
        x1, x2 = max(box.x, box.y + offset), min(box.right, box.top + offset)
        if x2 > x1:
            yield x1, x1 - offset, x2, x2 - offset
