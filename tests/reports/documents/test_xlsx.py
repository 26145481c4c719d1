"""Workbooks are read back as Excel would: cells, formats, charts."""

from __future__ import annotations

import datetime as dt
import io
import re
import tracemalloc
import zipfile
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from python_calamine import CalamineWorkbook

from reports.documents import xlsx_sheets
from reports.documents.content import (
    BarChart,
    ChartSeries,
    Column,
    Document,
    KeyFigure,
    KeyFigures,
    Kind,
    LineChart,
    Table,
    Text,
)
from reports.documents.xlsx_files import write_xlsx
from tests.reports.documents.samples import (
    daily_bars,
    full_document,
    heat_map,
    make_document,
    meter_table,
    quarter_table,
)

NS = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
EVIL = "=1+cmd|' /C calc'!A0"


def _bytes(document: Document) -> bytes:
    out = io.BytesIO()
    write_xlsx(document, out)
    return out.getvalue()


def _part(content: bytes, name: str) -> str:
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        return book.read(name).decode()


def _rows(content: bytes, sheet: str) -> list[list[object]]:
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    return book.get_sheet_by_name(sheet).to_python()


def _formats(content: bytes, sheet_number: int, row: int) -> list[str]:
    """Return the codes of the number formats of a row, counted from 1."""
    styles = ElementTree.fromstring(_part(content, "xl/styles.xml"))
    codes = {
        one.get("numFmtId"): one.get("formatCode") for one in styles.iter(f"{{{NS['m']}}}numFmt")
    }
    used = [one.get("numFmtId") for one in styles.find("m:cellXfs", NS) or []]
    sheet = ElementTree.fromstring(_part(content, f"xl/worksheets/sheet{sheet_number}.xml"))
    cells = sheet.findall(f".//m:row[@r='{row}']/m:c", NS)
    return [codes.get(used[int(cell.get("s", 0))], used[int(cell.get("s", 0))]) for cell in cells]


def test_writes_a_sheet_for_each_table_and_chart_between_report_and_notes() -> None:
    book = CalamineWorkbook.from_filelike(io.BytesIO(_bytes(full_document())))

    assert book.sheet_names == [
        "Report", "Energy by day", "Power", "Load by hour", "Meters by day",
        "Notes and data quality",
    ]  # fmt: skip


def test_writes_numbers_as_numbers_with_the_format_of_their_unit() -> None:
    content = _bytes(make_document(meter_table(1)))

    rows = _rows(content, "Meters by day")
    assert rows[0] == ["Day", "Energy (kWh)", "Cost (€)", "Measured (%)", "Remark"]
    assert rows[1][0] == "Meter 1: İstanbul şubesi, ılık su, ğ"
    assert rows[2][0] == dt.date(2026, 3, 1)
    assert rows[2][1] == pytest.approx(37 / 7)
    assert rows[13][3] == pytest.approx(0.964)
    assert rows[-1][:3] == ["Total", pytest.approx(123456.789), pytest.approx(-42.5)]
    assert _formats(content, 2, 3)[:4] == ["yyyy-mm-dd", "#,##0.000", '#,##0.00" €"', "#,##0.0%"]


def test_freezes_the_header_and_fits_the_columns() -> None:
    sheet = _part(_bytes(make_document(quarter_table(10))), "xl/worksheets/sheet2.xml")

    assert '<pane ySplit="1" topLeftCell="A2"' in sheet
    widths = [float(width) for width in re.findall(r'<col [^>]*width="([\d.]+)"', sheet)]
    assert widths[0] > 16
    assert '<autoFilter ref="A1:D11"/>' in sheet


def test_writes_local_times_with_their_offset() -> None:
    times = [dt.datetime(2026, 10, 25, hour, 30, tzinfo=dt.UTC) for hour in (0, 1)]
    table = Table("T", (Column("Time", Kind.TIME),), [(time,) for time in times])

    local = dt.datetime(2026, 10, 25, 2, 30)  # noqa: DTZ001 - as Excel keeps it
    assert _rows(_bytes(make_document(table)), "T") == [
        ["Time", "UTC offset"], [local, "+02:00"], [local, "+01:00"],
    ]  # fmt: skip


def test_never_writes_a_formula_from_a_text() -> None:
    columns = (Column(EVIL), Column(EVIL, Kind.NUMBER, EVIL))
    series = [ChartSeries(EVIL, [1, 2], [0, 1])]
    content = _bytes(
        make_document(
            Table(EVIL, columns, [(EVIL, 1), ("http://x.example", 2)], totals=(EVIL, 3)),
            BarChart(EVIL, [EVIL, EVIL], series, EVIL),
            KeyFigures([KeyFigure(EVIL, 1, EVIL, EVIL)], EVIL),
            Text(EVIL, EVIL),
            title=EVIL, subtitle=EVIL, organisation=EVIL, notes=[EVIL],
        )
    )  # fmt: skip

    with zipfile.ZipFile(io.BytesIO(content)) as book:
        sheets = [name for name in book.namelist() if "worksheets/sheet" in name]
        assert len(sheets) == 4
        for name in sheets:
            assert b"<f>" not in book.read(name)
            assert b"<hyperlink" not in book.read(name)
        chart = book.read("xl/charts/chart1.xml").decode()
    # the name of the sheet, as a text in quotes, and cells of it
    cells = re.compile(r"'=1\+cmd\|''  C calc''!A0 \(2\)'!\$[A-Z]\$\d(:\$[A-Z]\$\d)?")
    assert all(cells.fullmatch(reference) for reference in re.findall("<c:f>(.*?)<", chart))
    assert re.findall("<a:t>(.*?)<", chart) == [EVIL.replace("!", "!\u2060")] * 2


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("a/b:c*d?[e]\\f", "a b c d  e  f"),
        ("'quoted'", "quoted"),
        ("x" * 40, "x" * 31),
        ("", "Sheet"),
        ("🔌" * 20, "🔌" * 15),
        ("History", "History (2)"),
        ("REPORT", "REPORT (2)"),
    ],
)
def test_names_sheets_as_excel_accepts_them(wanted: str, name: str) -> None:
    content = _bytes(make_document(Table(wanted, (Column("A"),), [("x",)])))

    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    assert book.sheet_names[1] == name


def test_draws_estimated_parts_hatched_in_a_chart_of_excel() -> None:
    bars = daily_bars(is_stacked=True)

    chart = _part(_bytes(make_document(bars)), "xl/charts/chart1.xml")

    assert '<c:grouping val="stacked"/>' in chart
    assert chart.count("<c:ser>") == 4
    assert '<a:pattFill prst="wdUpDiag">' in chart
    assert "'Energy by day'!$E$2:$E$32" in chart
    rows = _rows(_bytes(make_document(bars)), "Energy by day")
    assert rows[13][4] + rows[13][5] == pytest.approx(rows[13][1])
    assert rows[13][5] == pytest.approx(0.35 * rows[13][1])


def test_marks_the_estimated_bars_where_they_stand_beside_each_other() -> None:
    chart = _part(_bytes(make_document(daily_bars())), "xl/charts/chart1.xml")

    assert '<c:grouping val="clustered"/>' in chart
    assert re.findall(r'<c:dPt><c:idx val="(\d+)"/>', chart) == ["10", "11", "12"]


def test_colours_the_cells_of_a_heat_map() -> None:
    sheet = _part(_bytes(make_document(heat_map())), "xl/worksheets/sheet2.xml")

    assert '<conditionalFormatting sqref="B2:Y32"><cfRule type="colorScale"' in sheet


def test_goes_on_in_another_sheet_when_one_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_sheets, "MAX_ROWS", 5)
    rows = [(number,) for number in range(7)]
    table = Table("T", (Column("N", Kind.NUMBER, digits=0),), rows, totals=(21,))

    content = _bytes(make_document(table))

    assert _rows(content, "T") == [["N"], [0], [1], [2]]
    assert _rows(content, "T (2)") == [["N"], [3], [4], [5]]
    assert _rows(content, "T (3)") == [["N"], [6], [21]]


def test_says_what_the_data_is_worth_and_that_there_is_none() -> None:
    content = _bytes(make_document(LineChart("Power", [], []), daily_bars()))

    assert ["Energy by day", "99.2 % measured, 0.8 % estimated"] in [
        row[:2] for row in _rows(content, "Notes and data quality")
    ]
    assert _rows(content, "Power")[1] == ["No data in this period."]
    assert ["No data in this period."] in _rows(_bytes(make_document()), "Report")


def test_writes_the_same_bytes_for_the_same_document() -> None:
    assert _bytes(full_document()) == _bytes(full_document())


def test_memory_hardly_grows_with_the_rows() -> None:
    _bytes(make_document(quarter_table(10)))
    peaks = []
    for count in (1_000, 10_000):
        tracemalloc.start()
        _bytes(make_document(quarter_table(count)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] - peaks[0] < 1_500_000


def test_leaves_out_what_is_no_number() -> None:
    columns = (Column("A", Kind.NUMBER), Column("B", Kind.MONEY, "TRY"))
    table = Table("T", columns, [(float("inf"), Decimal("NaN")), (None, Decimal(1))])

    assert _rows(_bytes(make_document(table)), "T")[1:] == [["", ""], ["", 1.0]]
