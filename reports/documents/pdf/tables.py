"""Tables that break over pages, with their header on each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from django.utils.translation import gettext as _

from reports.documents.content import AMOUNTS, Cell, Column, Heading, Kind, Row, Table
from reports.documents.pdf.fonts import BOLD, REGULAR, text_width, wrap
from reports.documents.pdf.look import (
    ACCENT_SOFT,
    BOTTOM,
    CONTENT_WIDTH,
    GRID,
    INK,
    LINE,
    MARGIN,
    SOFT,
    TOP,
)
from reports.documents.pdf.pages import Pages
from reports.documents.wording import Wording, heading_of, no_data

SAMPLE_ROWS = 300  # looked at to choose the widths
SIZE, SMALLEST = 8.0, 6.2
PAD = 5.0
LONGEST = 230.0  # of a text before it wraps
SHORTEST = 46.0
LONGEST_AMOUNT = 110.0  # wider ones get smaller
HEADER_LINES = 3
STRETCH, AT_MOST = 1.5, 1.8  # few narrow columns are not torn over the page


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns stand beside each other, how wide, at which size of letters."""

    places: Sequence[int]
    widths: Sequence[float]
    size: float

    @property
    def leading(self) -> float:
        """Return the height of a line."""
        return self.size * 1.3

    @property
    def pad(self) -> float:
        """Return the space beside a text."""
        return PAD * self.size / SIZE


@dataclass(frozen=True, slots=True)
class _Span:
    """What a column needs: at least, and to show all in one line."""

    least: float
    full: float


def draw_table(pages: Pages, table: Table) -> None:
    """Draw a table under its title; one that is too wide, in parts below each other."""
    rows = iter(table.rows)
    sample = list(islice(rows, SAMPLE_ROWS))
    if table.title:
        pages.heading(table.title, keep=60)
    if not sample:
        pages.paragraph(no_data())
        return
    shown = [*sample, *([table.totals] if table.totals is not None else [])]
    layouts = plan_layouts(table.columns, shown, pages.wording)
    all_rows: Iterable[Row] = chain(sample, rows)
    if len(layouts) > 1:
        all_rows = list(all_rows)
    for number, layout in enumerate(layouts):
        if number:
            pages.y -= 10
        _Drawing(pages, table, layout).draw(all_rows)


def plan_layouts(columns: Sequence[Column], rows: Iterable[Row], wording: Wording) -> list[Layout]:
    """Choose widths; where even small letters do not fit, repeat the first column."""
    spans = _measure(columns, rows, wording)
    places = range(len(columns))
    for size in (SIZE, 7.2, SMALLEST):
        widths = _fit([spans[place] for place in places], size / SIZE)
        if widths:
            return [Layout(list(places), widths, size)]
    return [_forced(block, spans) for block in _blocks(spans)]


def _measure(columns: Sequence[Column], rows: Iterable[Row], wording: Wording) -> list[_Span]:
    """Measure at the usual size."""
    bodies = [0.0] * len(columns)
    for row in rows:
        if isinstance(row, Heading):
            continue
        for place, (column, value) in enumerate(zip(columns, row, strict=True)):
            width = text_width(wording.cell(value, column), BOLD, SIZE)
            bodies[place] = max(bodies[place], width)
    return [_span(column, body) for column, body in zip(columns, bodies, strict=True)]


def _span(column: Column, body: float) -> _Span:
    name = heading_of(column)
    word = max((text_width(part, BOLD, SIZE) for part in name.split()), default=0.0)
    can_wrap = column.kind is Kind.TEXT
    body = body if can_wrap else min(body, LONGEST_AMOUNT)
    least = min(body, SHORTEST) if can_wrap else body
    part = text_width(name, BOLD, SIZE) / HEADER_LINES
    full = max(min(body, LONGEST) if can_wrap else body, min(text_width(name, BOLD, SIZE), 90.0))
    return _Span(max(least, min(max(word, part), 70.0)) + 2 * PAD, max(full, word) + 2 * PAD)


def _fit(spans: Sequence[_Span], scale: float) -> list[float] | None:
    """Return widths that fill the page as far as it looks good; None if they do not fit."""
    least = [span.least * scale for span in spans]
    full = [span.full * scale for span in spans]
    spare = CONTENT_WIDTH - sum(least)
    if spare < 0:
        return None
    wanted = sum(full) - sum(least)
    if spare < wanted:
        return [a + (b - a) * spare / wanted for a, b in zip(least, full, strict=True)]
    growth = CONTENT_WIDTH / sum(full)
    growth = growth if growth <= AT_MOST else STRETCH
    return [width * growth for width in full]


def _blocks(spans: Sequence[_Span]) -> Iterator[list[int]]:
    scale = SMALLEST / SIZE
    first = min(spans[0].least * scale, CONTENT_WIDTH / 3)
    block, used = [0], first
    for place in range(1, len(spans)):
        width = spans[place].least * scale
        if len(block) > 1 and used + width > CONTENT_WIDTH:
            yield block
            block, used = [0], first
        block.append(place)
        used += width
    yield block


def _forced(block: list[int], spans: Sequence[_Span]) -> Layout:
    scale = SMALLEST / SIZE
    widths = _fit([spans[place] for place in block], scale)
    if widths is None:
        least = [spans[place].least for place in block]
        widths = [width * CONTENT_WIDTH / sum(least) for width in least]
    return Layout(block, widths, SMALLEST)


class _Drawing:
    """Draws the rows of a table by one layout."""

    def __init__(self, pages: Pages, table: Table, layout: Layout) -> None:
        self.pages = pages
        self.layout = layout
        self.columns = [table.columns[place] for place in layout.places]
        self.totals = table.totals
        self.width = sum(layout.widths)
        self.group: str | None = None
        self._header = [
            wrap(heading_of(column), BOLD, layout.size, width - 2 * layout.pad)
            for column, width in zip(self.columns, layout.widths, strict=True)
        ]
        self._header_height = self._height(self._header)
        self._most_lines = int((TOP - BOTTOM - self._header_height) / layout.leading) - 1

    def draw(self, rows: Iterable[Row]) -> None:
        self.pages.ensure(self._header_height + 3 * self.layout.leading)
        self._draw_header()
        for row in rows:
            if isinstance(row, Heading):
                self.group = None
                self._draw_group(row.title)
                self.group = row.title
            else:
                self._draw_row(row, REGULAR)
        if self.totals is not None:
            self._draw_totals(self.totals)

    def _draw_header(self) -> None:
        top = self.pages.y
        self._fill(top, self._header_height, ACCENT_SOFT)
        self._write(self._header, BOLD, at_bottom=True)
        self._rule(self.pages.y, LINE, 0.8)

    def _draw_group(self, title: str) -> None:
        size = self.layout.size
        lines = wrap(title, BOLD, size, self.width - 2 * self.layout.pad)[: self._most_lines]
        height = len(lines) * self.layout.leading + 5
        self._need(height + 2 * self.layout.leading)
        self._fill(self.pages.y, height, SOFT)
        for number, line in enumerate(lines, start=1):
            y = self.pages.y - number * self.layout.leading - 0.5
            self.pages.text(MARGIN + self.layout.pad, y, line, size=size, font=BOLD)
        self.pages.y -= height

    def _draw_row(self, row: Sequence[Cell], font: str) -> None:
        cells = self._lines_of(row, font)
        self._need(self._height(cells))
        self._write(cells, font)
        self._rule(self.pages.y, GRID, 0.4)

    def _draw_totals(self, row: Sequence[Cell]) -> None:
        self.group = None
        cells = self._lines_of(row, BOLD)
        self._need(self._height(cells))
        self._rule(self.pages.y, INK, 0.9)
        self._write(cells, BOLD)

    def _lines_of(self, row: Sequence[Cell], font: str) -> list[list[str]]:
        cells = []
        for place, column, width in zip(
            self.layout.places, self.columns, self.layout.widths, strict=True
        ):
            text = self.pages.wording.cell(row[place], column)
            if column.kind in AMOUNTS:
                cells.append([text])
            else:
                lines = wrap(text, font, self.layout.size, width - 2 * self.layout.pad)
                cells.append(lines[: self._most_lines])
        return cells

    def _write(self, cells: list[list[str]], font: str, *, at_bottom: bool = False) -> None:
        """Write the lines of a row and go below it."""
        height, leading = self._height(cells), self.layout.leading
        x = MARGIN
        for column, width, lines in zip(self.columns, self.layout.widths, cells, strict=True):
            top = self.pages.y - (height - len(lines) * leading - 4 if at_bottom else 0)
            for number, line in enumerate(lines, start=1):
                self._write_line(column, x, width, top - number * leading - 0.5, line, font)
            x += width
        self.pages.y -= height

    def _write_line(
        self, column: Column, x: float, width: float, y: float, line: str, font: str
    ) -> None:
        """Write a line of a cell; an amount that is wider than those measured gets smaller."""
        size, room = self.layout.size, width - 2 * self.layout.pad
        if column.kind not in AMOUNTS:
            self.pages.text(x + self.layout.pad, y, line, size=size, font=font)
            return
        needed = text_width(line, font, size)
        size = size * room / needed if needed > room else size
        self.pages.text(x + width - self.layout.pad, y, line, size=size, font=font, align="right")

    def _height(self, cells: list[list[str]]) -> float:
        return max(map(len, cells)) * self.layout.leading + 4

    def _need(self, height: float) -> None:
        if height > self.pages.room:
            self.pages.break_page()
            self._draw_header()
            if self.group is not None:
                self._draw_group(_("%(group)s (continued)") % {"group": self.group})

    def _fill(self, top: float, height: float, colour: object) -> None:
        self.pages.canvas.setFillColor(colour)
        self.pages.canvas.rect(MARGIN, top - height, self.width, height, stroke=0, fill=1)

    def _rule(self, y: float, colour: object, weight: float) -> None:
        self.pages.canvas.setStrokeColor(colour)
        self.pages.canvas.setLineWidth(weight)
        self.pages.canvas.line(MARGIN, y, MARGIN + self.width, y)
