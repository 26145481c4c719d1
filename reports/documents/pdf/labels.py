"""Names below an axis: in one line, in several, or upright, whatever fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.documents.axis import label_step
from reports.documents.pdf.fonts import REGULAR, shorten, text_width, wrap
from reports.documents.pdf.look import MARGIN, MUTED, Box
from reports.documents.pdf.pages import Pages

SMALL = 7.0
LEADING = 8.4
MOST_LINES = 3
LONGEST = 90.0
NARROW, WIDE = 8.0, 36.0  # of a category: upright from the one, in lines from the other


@dataclass(frozen=True, slots=True)
class Labels:
    """The lines of each name, every how many one is written, and the height of all."""

    lines: Sequence[Sequence[str]]
    step: int
    is_upright: bool
    height: float


def plan_labels(names: Sequence[str], slot: float) -> Labels:
    """Choose how names are written when each category has a slot of this width."""
    shown = [shorten(name, REGULAR, SMALL, LONGEST) for name in names]
    widths = [text_width(name, REGULAR, SMALL) for name in shown]
    step = label_step(widths, slot)
    longest = max(widths, default=0.0)
    if step > 1 and slot >= WIDE:
        lines = [_in_lines(name, slot - 4) for name in names]
        return Labels(lines, 1, False, 3 + LEADING * max(map(len, lines)))
    if step > 1 and slot >= NARROW and longest > WIDE:
        return Labels([[name] for name in shown], 1, True, longest + 8)
    return Labels([[name] for name in shown], step, False, 3 + LEADING)


def draw_labels(pages: Pages, box: Box, labels: Labels) -> None:
    """Draw the names below a field."""
    slot = box.width / max(len(labels.lines), 1)
    end = 0.0
    for number in range(0, len(labels.lines), labels.step):
        x = box.x + (number + 0.5) * slot
        if labels.is_upright:
            _draw_upright(pages, x, box.y - 4, labels.lines[number][0])
        else:
            end = _draw_lines(pages, box, x, labels.lines[number], end)


def _draw_lines(pages: Pages, box: Box, x: float, lines: Sequence[str], end: float) -> float:
    """Write a name unless it would touch the one before; return where it ends."""
    half = max(text_width(line, REGULAR, SMALL) for line in lines) / 2
    x = min(max(x, MARGIN + half), box.right + 12 - half)
    if x - half < end + 2:
        return end
    for number, line in enumerate(lines):
        y = box.y - 9.5 - number * LEADING
        pages.text(x, y, line, size=SMALL, colour=MUTED, align="centre")
    return x + half


def _draw_upright(pages: Pages, x: float, y: float, name: str) -> None:
    pages.canvas.saveState()
    pages.canvas.translate(x + 2.4, y)
    pages.canvas.rotate(90)
    pages.text(0, 0, name, size=SMALL, colour=MUTED, align="right")
    pages.canvas.restoreState()


def _in_lines(name: str, width: float) -> list[str]:
    lines = wrap(name, REGULAR, SMALL, width)
    if len(lines) <= MOST_LINES:
        return lines
    rest = " ".join(lines[MOST_LINES - 1 :])
    return [*lines[: MOST_LINES - 1], shorten(rest, REGULAR, SMALL, width)]
