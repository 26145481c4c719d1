"""Key figures as tiles beside each other."""

from __future__ import annotations

from collections.abc import Sequence

from reports.documents.content import KeyFigure, KeyFigures
from reports.documents.pdf.fonts import BOLD, REGULAR, text_width, wrap
from reports.documents.pdf.look import (
    ACCENT,
    CONTENT_WIDTH,
    INK,
    MARGIN,
    MUTED,
    SOFT,
)
from reports.documents.pdf.pages import Pages

IN_A_ROW = 4
GAP = 8.0
PAD = 8.0
LABEL, VALUE, NOTE = 7.5, 15.0, 7.0


def draw_figures(pages: Pages, section: KeyFigures) -> None:
    """Draw tiles in rows; none is cut by the end of a page."""
    if section.title:
        pages.heading(section.title, keep=70)
    figures = section.figures
    for start in range(0, len(figures), IN_A_ROW):
        _draw_row(pages, figures[start : start + IN_A_ROW], min(len(figures), IN_A_ROW))


def _draw_row(pages: Pages, figures: Sequence[KeyFigure], count: int) -> None:
    width = (CONTENT_WIDTH - GAP * (count - 1)) / count
    inner = width - 2 * PAD
    labels = [wrap(one.label, REGULAR, LABEL, inner) for one in figures]
    notes = [wrap(one.note, REGULAR, NOTE, inner) if one.note else [] for one in figures]
    label_height = max(map(len, labels)) * LABEL * 1.3
    height = label_height + VALUE * 1.35 + max(map(len, notes)) * NOTE * 1.35 + 12
    pages.ensure(height + GAP)
    pages.y -= height + GAP / 2
    for number, figure in enumerate(figures):
        x, y = MARGIN + number * (width + GAP), pages.y
        _draw_ground(pages, x, y, width, height)
        top = _write(pages, labels[number], x + PAD, y + height - 5, LABEL)
        top = y + height - 5 - label_height if top > y + height - 5 - label_height else top
        _write_value(pages, figure, x + PAD, top - VALUE, inner)
        _write(pages, notes[number], x + PAD, top - VALUE * 1.35, NOTE)
    pages.y -= GAP / 2


def _draw_ground(pages: Pages, x: float, y: float, width: float, height: float) -> None:
    pages.canvas.setFillColor(SOFT)
    pages.canvas.rect(x, y, width, height, stroke=0, fill=1)
    pages.canvas.setFillColor(ACCENT)
    pages.canvas.rect(x, y, 2, height, stroke=0, fill=1)


def _write(pages: Pages, lines: Sequence[str], x: float, top: float, size: float) -> float:
    """Write lines below `top`; return where they end."""
    for line in lines:
        top -= size * 1.3
        pages.text(x, top + size * 0.25, line, size=size, colour=MUTED)
    return top


def _write_value(pages: Pages, figure: KeyFigure, x: float, y: float, inner: float) -> None:
    text = pages.wording.amount(figure.value, figure.digits, figure.unit)
    size = min(VALUE, VALUE * inner / max(text_width(text, BOLD, VALUE), 1.0))
    pages.text(x, y, text, size=size, font=BOLD, colour=INK)
