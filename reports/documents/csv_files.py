"""Reports as CSV, written row by row: memory does not grow with the period."""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import zoneinfo
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, BinaryIO

from django.utils.translation import gettext as _

from reports.documents.content import (
    AMOUNTS,
    BarChart,
    Cell,
    Column,
    Document,
    Heading,
    HeatMap,
    KeyFigures,
    Kind,
    LineChart,
    Number,
    Row,
    Table,
)
from reports.documents.tabular import table_of
from reports.documents.wording import heading_of, no_data, speaking, to_decimal, unit_sign
from telemetry.renderers import BYTE_ORDER_MARK, SEPARATORS, escape


class Layout(StrEnum):
    """Wide: a column for each series. Long: a row for each value."""

    WIDE = "wide"
    LONG = "long"


@dataclass(frozen=True, slots=True)
class CsvOptions:
    """`separator` is a name of `SEPARATORS`; the decimal mark a point or a comma."""

    layout: Layout = Layout.WIDE
    separator: str = "comma"
    decimal_mark: str = "."
    has_mark: bool = False


DEFAULT_OPTIONS = CsvOptions()


def write_csv(document: Document, out: BinaryIO, *, options: CsvOptions = DEFAULT_OPTIONS) -> None:
    """Write the tables of a document; if it has none, the numbers of its charts.

    Totals are left out: whoever reads a file adds up himself.
    """
    text = codecs.getwriter("utf-8")(out)
    if options.has_mark:
        text.write(BYTE_ORDER_MARK)
    writer = csv.writer(text, delimiter=SEPARATORS[options.separator])
    cells = _Cells(document.zone, options.decimal_mark)
    with speaking(document):
        tables = _tables_of(document)
        write = _long_rows if options.layout is Layout.LONG else _wide_rows
        writer.writerows(write(tables, cells) if tables else [[no_data()]])


@dataclass(frozen=True, slots=True)
class _Cells:
    """Turns values into cells: texts are made harmless, numbers are exact."""

    zone: zoneinfo.ZoneInfo
    decimal_mark: str

    def write(self, value: Cell) -> str:
        if value is None:
            return ""
        if isinstance(value, str):
            return escape(value)
        if isinstance(value, dt.datetime):
            return value.astimezone(self.zone).isoformat(timespec="seconds")
        if isinstance(value, dt.date):
            return value.isoformat()
        return self._number(value)

    def _number(self, value: Number) -> str:
        exact = to_decimal(value)
        return "" if exact is None else f"{exact:f}".replace(".", self.decimal_mark)


def _tables_of(document: Document) -> list[Table]:
    tables = [section for section in document.sections if isinstance(section, Table)]
    if tables:
        return tables
    charts = (s for s in document.sections if isinstance(s, BarChart | LineChart | HeatMap))
    figures = (s for s in document.sections if isinstance(s, KeyFigures) and s.figures)
    return [table_of(chart) for chart in charts] or [_figure_table(one) for one in figures]


def _figure_table(section: KeyFigures) -> Table:
    columns = [Column(_("Figure")), Column(_("Value"), Kind.NUMBER), Column(_("Unit"))]
    rows = [(one.label, one.value, unit_sign(one.unit)) for one in section.figures]
    return Table(section.title, columns, rows)


def _wide_rows(tables: Sequence[Table], cells: _Cells) -> Iterator[Sequence[Any]]:
    """Several tables stand below each other, each under its title."""
    for number, table in enumerate(tables):
        if number:
            yield ()
        if len(tables) > 1:
            yield (escape(table.title),)
        has_groups, rows = _look_for_groups(table.rows)
        group = [escape(_("Group"))] if has_groups else []
        yield [*group, *(escape(heading_of(column)) for column in table.columns)]
        for heading, row in _grouped(rows):
            start = [escape(heading)] if has_groups else []
            yield [*start, *map(cells.write, row)]


def _long_rows(tables: Sequence[Table], cells: _Cells) -> Iterator[Sequence[Any]]:
    """The columns that say what a row is about come first, then one amount a row."""
    keys = list(dict.fromkeys(c.name for t in tables for c in t.columns if c.kind not in AMOUNTS))
    names = [_("Table"), _("Group"), *keys, _("Series"), _("Unit"), _("Value")]
    yield [escape(name) for name in names]
    for table in tables:
        for heading, row in _grouped(table.rows):
            about = {c.name: v for c, v in _cells_of(table, row) if c.kind not in AMOUNTS}
            start = [escape(table.title), escape(heading)]
            start += [cells.write(about.get(key)) for key in keys]
            for column, value in _cells_of(table, row):
                if column.kind in AMOUNTS:
                    unit = "%" if column.kind is Kind.PERCENT else column.unit
                    yield [*start, escape(column.name), escape(unit), cells.write(value)]


def _cells_of(table: Table, row: Sequence[Cell]) -> Iterator[tuple[Column, Cell]]:
    return zip(table.columns, row, strict=True)


def _grouped(rows: Iterable[Row]) -> Iterator[tuple[str, Sequence[Cell]]]:
    heading = ""
    for row in rows:
        if isinstance(row, Heading):
            heading = row.title
        else:
            yield heading, row


def _look_for_groups(rows: Iterable[Row]) -> tuple[bool, Iterator[Row]]:
    """Say whether the rows begin with the heading of a group; none of them is lost."""
    following = iter(rows)
    first = next(following, None)
    if first is None:
        return False, iter(())
    return isinstance(first, Heading), _with_first(first, following)


def _with_first(first: Row, rows: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rows
