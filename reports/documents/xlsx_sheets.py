"""A table on a sheet: frozen header, widths, formats, times with their offset."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.utils.translation import gettext as _
from xlsxwriter.format import Format

from reports.documents.content import Cell, Column, Heading, Kind, Row
from reports.documents.wording import heading_of, no_data, round_half_up, to_decimal, write_offset
from reports.documents.xlsx_book import Book

MAX_ROWS = 1_048_576  # of Excel
MAX_WIDTH, MIN_WIDTH = 60, 8
MAX_TEXT = 32_767
HEADER = {"bold": True, "bg_color": "#dceef3", "text_wrap": True, "valign": "top", "bottom": 1}
TOTALS: dict[str, object] = {"bold": True, "top": 1}
WIDE = 8  # columns from which a sheet prints in landscape


class TableSheet:
    """Writes rows in their order; Excel knows no time zone, so local times get a column
    with their offset from UTC beside them."""

    def __init__(self, book: Book, title: str, columns: Sequence[Column]) -> None:
        self.book = book
        self.columns = columns
        self.sheet = book.add_sheet(title)
        self.row = 0
        self.has_groups = False
        self._places = self._place_columns()
        self._widths = [MIN_WIDTH] * self.width
        self._formats = {name: self._make_formats(style) for name, style in _ROW_STYLES.items()}
        self._write_header()

    @property
    def width(self) -> int:
        """How many columns the sheet has."""
        return len(self.columns) + sum(column.kind is Kind.TIME for column in self.columns)

    @property
    def rows_left(self) -> int:
        """How many rows fit, besides the one for totals."""
        return MAX_ROWS - 1 - self.row

    def place_of(self, index: int) -> int:
        """Return where a column of the table stands on the sheet."""
        return self._places[index]

    def write(self, row: Row) -> None:
        """Write a row or the heading of a group."""
        if isinstance(row, Heading):
            self.has_groups = True
            style = self.book.style(bold=True, bg_color="#eef3f5")
            for column in range(self.width):
                self.sheet.write_blank(self.row, column, None, style)
            self.sheet.write_string(self.row, 0, row.title[:MAX_TEXT], style)
            self.row += 1
        else:
            self._write_cells(row, "body")

    def write_totals(self, row: Sequence[Cell]) -> None:
        """Write the last row."""
        self._write_cells(row, "totals")

    def write_nothing(self) -> None:
        """Say in words that there are no rows."""
        self.sheet.write_string(self.row, 0, no_data(), self.book.style(italic=True))
        self._note_width(0, len(no_data()))
        self.row += 1

    def finish(self) -> None:
        """Set what is known after the last row."""
        for column, width in enumerate(self._widths):
            self.sheet.set_column(column, column, width + 2)
        if self.row > 1 and not self.has_groups:
            self.sheet.autofilter(0, 0, self.row - 1, self.width - 1)

    def _place_columns(self) -> list[int]:
        places, place = [], 0
        for column in self.columns:
            places.append(place)
            place += 2 if column.kind is Kind.TIME else 1
        return places

    def _make_formats(self, properties: dict[str, object]) -> list[Format]:
        return [self.book.column_style(column, **properties) for column in self.columns]

    def _write_header(self) -> None:
        if self.width >= WIDE:
            self.sheet.set_landscape()
        self.sheet.freeze_panes(1, 0)
        self.sheet.repeat_rows(0)
        for place, column in zip(self._places, self.columns, strict=True):
            self._write_heading(place, heading_of(column))
            if column.kind is Kind.TIME:
                self._write_heading(place + 1, _("UTC offset"))
        self.row = 1

    def _write_heading(self, place: int, name: str) -> None:
        self.sheet.write_string(0, place, name[:MAX_TEXT], self.book.style(**HEADER))
        self._note_width(place, max(map(len, name.split()), default=0))

    def _write_cells(self, row: Sequence[Cell], style: str) -> None:
        formats = self._formats[style]
        for place, column, form, value in zip(
            self._places, self.columns, formats, row, strict=True
        ):
            self._write_cell(place, column, form, value)
        self.row += 1

    def _write_cell(self, place: int, column: Column, form: Format, value: Cell) -> None:
        if value is None:
            self.sheet.write_blank(self.row, place, None, form)
        elif isinstance(value, str):
            self.sheet.write_string(self.row, place, value[:MAX_TEXT], form)
            self._note_width(place, len(value))
        elif isinstance(value, dt.datetime):
            self._write_time(place, form, value)
        elif isinstance(value, dt.date):
            self.sheet.write_datetime(self.row, place, value, form)
            self._note_width(place, 10)
        else:
            divisor = 100 if column.kind is Kind.PERCENT else 1
            self.book.write_number(self.sheet, self.row, place, value, form, divisor)
            exact = to_decimal(value)
            shown = "" if exact is None else f"{round_half_up(exact, column.digits):,f}"
            self._note_width(place, len(shown) + 2)

    def _write_time(self, place: int, form: Format, value: dt.datetime) -> None:
        local = value.astimezone(self.book.document.zone)
        self.sheet.write_datetime(self.row, place, local.replace(tzinfo=None), form)
        self.sheet.write_string(self.row, place + 1, write_offset(local))
        self._note_width(place, 16)

    def _note_width(self, place: int, width: int) -> None:
        self._widths[place] = min(max(self._widths[place], width), MAX_WIDTH)


_ROW_STYLES: dict[str, dict[str, object]] = {"body": {}, "totals": TOTALS}
