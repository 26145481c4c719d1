"""Charts of a workbook: Excel's own, beside the numbers that they show."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from xlsxwriter.chart import Chart as ExcelChart

from reports.documents.content import (
    BarChart,
    Cell,
    Chart,
    Column,
    HeatMap,
    Kind,
    LineChart,
    finite,
    is_empty,
)
from reports.documents.parts import colour_of, has_split_bars, split_value
from reports.documents.tabular import has_estimates, table_of
from reports.documents.wording import printable, unit_sign
from reports.documents.xlsx_book import Book, number_format
from reports.documents.xlsx_sheets import TableSheet

HATCHING = "wide_upward_diagonal"
WORD_JOINER = "\u2060"  # is not seen
SIZE = {"width": 900, "height": 420}


def write_chart(book: Book, chart: Chart) -> None:
    """Write the numbers of a chart and the chart; a heat map colours its cells."""
    if is_empty(chart):
        sheet = TableSheet(book, chart.title, [Column(chart.title)])
        sheet.write_nothing()
        sheet.finish()
    elif isinstance(chart, HeatMap):
        _write_heat_map(book, chart)
    else:
        _write_drawn(book, chart)


def _write_heat_map(book: Book, chart: HeatMap) -> None:
    table = table_of(chart)
    sheet = TableSheet(book, chart.title, table.columns)
    for row in table.rows:
        sheet.write(row)
    scale = {"type": "2_color_scale", "min_color": "#f3f8fa", "max_color": "#0a5c74"}
    if any((finite(value) or 0) < 0 for day in chart.values for value in day):
        scale = {"type": "3_color_scale", "min_color": "#e08a1e", "mid_color": "#ffffff",
                 "max_color": "#0a5c74", "mid_type": "num", "mid_value": "0"}  # fmt: skip
    sheet.sheet.conditional_format(1, 1, len(chart.days), len(chart.hours), scale)
    sheet.finish()


def _write_drawn(book: Book, chart: BarChart | LineChart) -> None:
    table = table_of(chart)
    parts = _parts_of(chart)
    sheet = TableSheet(book, chart.title, [*table.columns, *(column for column, _v in parts)])
    for index, row in enumerate(table.rows):
        sheet.write([*row, *(values[index] for _column, values in parts)])  # type: ignore[misc]
    sheet.finish()
    drawing = _new_drawing(book, chart)
    if isinstance(chart, BarChart) and has_split_bars(chart) and parts:
        _add_parts(drawing, sheet, chart, len(table.columns))
    else:
        _add_whole(drawing, sheet, chart)
    _dress(drawing, chart)
    sheet.sheet.insert_chart(1, sheet.width + 1, drawing, {"description": printable(chart.title)})


def _new_drawing(book: Book, chart: BarChart | LineChart) -> ExcelChart:
    if isinstance(chart, LineChart):
        return book.workbook.add_chart({"type": "line"})
    kind = {"subtype": "stacked"} if has_split_bars(chart) else {}
    return book.workbook.add_chart({"type": "column", **kind})


def _parts_of(chart: BarChart | LineChart) -> list[tuple[Column, list[Cell]]]:
    """Return the columns of measured and estimated parts, where a bar is drawn of both."""
    if not (isinstance(chart, BarChart) and has_split_bars(chart)):
        return []
    if not any(has_estimates(one) for one in chart.series):
        return []
    columns: list[tuple[Column, list[Cell]]] = []
    for one in chart.series:
        halves = [split_value(one, index) for index in range(len(chart.categories))]
        names = (one.name, _("%(name)s, estimated") % {"name": one.name})
        for half, name in enumerate(names):
            column = Column(name, Kind.NUMBER, chart.unit, chart.digits)
            columns.append((column, [pair[half] if pair else None for pair in halves]))
    return columns


def _add_parts(drawing: ExcelChart, sheet: TableSheet, chart: BarChart, first_column: int) -> None:
    for number in range(2 * len(chart.series)):
        colour = colour_of(number // 2)
        look: dict[str, Any] = {"fill": {"color": colour}}
        if number % 2:
            look = {"pattern": _hatching(colour), "border": {"color": colour}}
        drawing.add_series({**_place(sheet, chart, first_column + number), **look, "gap": 60})


def _add_whole(drawing: ExcelChart, sheet: TableSheet, chart: BarChart | LineChart) -> None:
    column = 1
    for number, one in enumerate(chart.series):
        colour = colour_of(number)
        look: dict[str, Any] = {"line": {"color": colour, "width": 1.75}}
        marked: dict[str, Any] = {"line": {**look["line"], "dash_type": "dash"}}
        if isinstance(chart, BarChart):
            marked = {"pattern": _hatching(colour)}
            look = {"fill": {"color": colour}, "gap": 60}
        if has_estimates(one):
            shares = (one.estimated_share(index) for index in range(len(chart.categories)))
            look["points"] = [marked if share else None for share in shares]
        drawing.add_series({**_place(sheet, chart, column), **look})
        column += 2 if has_estimates(one) else 1


def _hatching(colour: str) -> dict[str, str]:
    return {"pattern": HATCHING, "fg_color": colour, "bg_color": "#ffffff"}


def _place(sheet: TableSheet, chart: BarChart | LineChart, column: int) -> dict[str, Any]:
    """Return where name, categories and values stand: a name in a cell is never a formula."""
    name, last = sheet.sheet.get_name(), len(chart.categories)
    return {
        "name": [name, 0, column],
        "categories": [name, 1, 0, last, 0],
        "values": [name, 1, column, last, column],
    }


def _dress(drawing: ExcelChart, chart: BarChart | LineChart) -> None:
    drawing.set_title({"name": _literal(chart.title), "name_font": {"size": 13}})
    drawing.set_y_axis({
        "name": _literal(unit_sign(chart.unit)),
        "num_format": number_format(0 if chart.digits == 0 else min(chart.digits, 2)),
        "major_gridlines": {"visible": True, "line": {"color": "#e4eaec"}},
    })  # fmt: skip
    drawing.set_x_axis({"label_position": "low"})
    drawing.set_legend({"position": "bottom"})
    drawing.show_blanks_as("gap")
    drawing.set_size(SIZE)


def _literal(text: str) -> str:
    """Keep a title such as Hall!A1 a text: XlsxWriter takes it for a reference to a cell."""
    return printable(text).replace("!", f"!{WORD_JOINER}")
