"""Reports as workbooks, written row by row: memory does not grow with the period.

Texts are written as texts, never as formulas or links.
"""

from __future__ import annotations

import datetime as dt
from itertools import islice
from typing import Any, BinaryIO

import xlsxwriter
from django.utils.translation import gettext as _
from xlsxwriter.worksheet import Worksheet

from reports.documents.content import (
    BarChart,
    Document,
    HeatMap,
    KeyFigures,
    LineChart,
    QualityLine,
    Table,
    Text,
    is_empty,
)
from reports.documents.wording import (
    Wording,
    no_data,
    printable,
    quality_text,
    speaking,
    unit_sign,
    wording_of,
)
from reports.documents.xlsx_book import Book
from reports.documents.xlsx_charts import write_chart
from reports.documents.xlsx_sheets import TableSheet

OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


def write_xlsx(document: Document, out: BinaryIO) -> None:
    """Write a first sheet to read, a sheet for each table and chart, and one with notes."""
    with speaking(document), xlsxwriter.Workbook(out, OPTIONS) as workbook:
        created = document.generated_at.astimezone(dt.UTC).replace(tzinfo=None)
        workbook.set_properties({
            "title": printable(document.title),
            "author": printable(document.organisation),
            "created": created,
        })  # fmt: skip
        book = Book(workbook, document)
        wording = wording_of(document)
        _write_front(book, wording)
        for section in document.sections:
            if isinstance(section, Table):
                _write_table(book, section)
            elif isinstance(section, BarChart | LineChart | HeatMap):
                write_chart(book, section)
        _write_notes(book, wording)


def _write_table(book: Book, table: Table) -> None:
    """Write a table, on more than one sheet where one is full."""
    rows = iter(table.rows)
    first = next(rows, None)
    sheet = TableSheet(book, table.title, table.columns)
    if first is None:
        sheet.write_nothing()
    while first is not None:
        sheet.write(first)
        for row in islice(rows, sheet.rows_left):
            sheet.write(row)
        first = next(rows, None)
        if first is not None:
            sheet.finish()
            sheet = TableSheet(book, table.title, table.columns)
    if table.totals is not None:
        sheet.write_totals(table.totals)
    sheet.finish()


class _Lines:
    """Writes a sheet for reading, line by line."""

    def __init__(self, book: Book, name: str) -> None:
        self.book = book
        self.sheet: Worksheet = book.add_sheet(name)
        self.sheet.set_column(0, 0, 34)
        self.sheet.set_column(1, 1, 22)
        self.sheet.set_column(2, 2, 50)
        self.row = 0

    def text(self, *texts: str, **style: Any) -> None:
        for column, text in enumerate(texts):
            self.sheet.write_string(self.row, column, text, self.book.style(**style))
        self.row += 1


def _write_front(book: Book, wording: Wording) -> None:
    document = book.document
    lines = _Lines(book, _("Report"))
    lines.text(document.title, bold=True, font_size=16)
    for text in (document.subtitle, document.organisation, document.site, document.period_label):
        if text:
            lines.text(text)
    shown = [one for one in document.sections if not is_empty(one)]
    if not shown:
        lines.text(no_data())
    for section in shown:
        if isinstance(section, KeyFigures):
            _write_figures(lines, section)
        elif isinstance(section, Text):
            lines.row += 1
            for paragraph in (section.title, *section.body.splitlines()):
                lines.text(paragraph)
        elif isinstance(section, QualityLine):
            lines.text(quality_text(section, wording), italic=True)


def _write_figures(lines: _Lines, section: KeyFigures) -> None:
    lines.row += 1
    if section.title:
        lines.text(section.title, bold=True)
    for figure in section.figures:
        row, plain = lines.row, lines.book.style()
        lines.sheet.write_string(row, 0, figure.label, plain)
        if figure.value is not None:
            form = lines.book.number_style(figure.digits, unit_sign(figure.unit), bold=True)
            lines.book.write_number(lines.sheet, row, 1, figure.value, form)
        lines.sheet.write_string(row, 2, figure.note, plain)
        lines.row += 1


def _write_notes(book: Book, wording: Wording) -> None:
    document = book.document
    lines = _Lines(book, _("Notes and data quality"))
    lines.text(_("Data quality"), bold=True)
    qualities = [
        (getattr(section, "title", ""), quality)
        for section in document.sections
        for quality in [section if isinstance(section, QualityLine) else _quality_of(section)]
        if quality is not None
    ]
    for title, quality in qualities:
        lines.text(title or document.title, quality_text(quality, wording))
    if not qualities:
        lines.text(_("Nothing is known about it."))
    lines.row += 1
    lines.text(_("Notes"), bold=True)
    for note in document.notes:
        lines.text(note)
    lines.text(_("Time zone"), document.zone.key)
    lines.text(_("Generated"), wording.time(document.generated_at))


def _quality_of(section: object) -> QualityLine | None:
    return getattr(section, "quality", None)
