"""What is written as CSV is what a program or a spreadsheet reads back."""

from __future__ import annotations

import csv
import datetime as dt
import io
import tracemalloc
from decimal import Decimal

import pytest

from reports.documents.content import Column, Document, Kind, Table
from reports.documents.csv_files import CsvOptions, Layout, write_csv
from tests.reports.documents.samples import (
    daily_bars,
    heat_map,
    make_document,
    meter_table,
    quarter_table,
)


def _text(document: Document, options: CsvOptions) -> str:
    out = io.BytesIO()
    write_csv(document, out, options=options)
    return out.getvalue().decode()


def _read(
    document: Document, options: CsvOptions | None = None, delimiter: str = ","
) -> list[list[str]]:
    text = _text(document, options or CsvOptions())
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def test_writes_a_column_for_each_meter() -> None:
    columns = (
        Column("Time", Kind.TIME),
        Column("Hall", Kind.NUMBER, "kWh"),
        Column("Office", Kind.NUMBER, "kWh"),
    )
    at = dt.datetime(2026, 7, 1, 10, tzinfo=dt.UTC)
    rows = [(at, Decimal("1.250000"), None), (at, 0.1, float("nan"))]

    written = _read(make_document(Table("Meters", columns, rows)))

    assert written == [
        ["Time", "Hall (kWh)", "Office (kWh)"],
        ["2026-07-01T12:00:00+02:00", "1.250000", ""],
        ["2026-07-01T12:00:00+02:00", "0.1", ""],
    ]


def test_writes_a_row_for_each_amount_with_the_marks_of_the_reader() -> None:
    options = CsvOptions(Layout.LONG, separator="semicolon", decimal_mark=",", has_mark=True)
    document = make_document(meter_table(1))

    text = _text(document, options)
    written = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";"))

    assert text.startswith("\ufeff")
    assert len(written) == 31 * 3
    assert written[1] == {
        "Table": "Meters by day",
        "Group": "Meter 1: İstanbul şubesi, ılık su, ğ",
        "Day": "2026-03-01",
        "Remark": "",
        "Series": "Cost",
        "Unit": "EUR",
        "Value": written[1]["Value"],
    }
    assert written[1]["Value"].startswith("1,6385714")
    assert written[2]["Unit"] == "%"


def test_quotes_a_decimal_comma_between_commas() -> None:
    table = Table("T", (Column("A", Kind.NUMBER), Column("B", Kind.NUMBER)), [(1.5, -2.5)])

    assert _read(make_document(table), CsvOptions(decimal_mark=","))[1] == ["1,5", "-2,5"]


@pytest.mark.parametrize("layout", list(Layout))
@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_makes_texts_harmless_and_leaves_numbers_alone(start: str, layout: Layout) -> None:
    evil = f'{start}HYPERLINK("http://x";1)'
    columns = (Column(evil), Column(evil, Kind.NUMBER, evil))
    table = Table(evil, columns, [(evil, -5), (evil, Decimal("-0.000001"))])

    for row in _read(make_document(table, table), CsvOptions(layout, "tab"), "\t"):
        harmful = [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
        assert all(cell in {"-5", "-0.000001"} for cell in harmful)


def test_tells_the_hour_that_comes_twice_apart() -> None:
    times = [dt.datetime(2026, 10, 25, hour, 30, tzinfo=dt.UTC) for hour in (0, 1)]
    table = Table("T", (Column("Time", Kind.TIME),), [(time,) for time in times])

    written = _read(make_document(table))

    assert written[1:] == [["2026-10-25T02:30:00+02:00"], ["2026-10-25T02:30:00+01:00"]]


def test_puts_tables_below_each_other_under_their_titles() -> None:
    one = Table("One", (Column("A"),), [("x",)])
    two = Table("Two", (Column("B"),), [])

    assert _read(make_document(one, two)) == [["One"], ["A"], ["x"], [], ["Two"], ["B"]]


def test_writes_the_numbers_of_charts_where_there_is_no_table() -> None:
    bars = _read(make_document(daily_bars()))
    heat = _read(make_document(heat_map()))

    assert bars[0] == ["Period", "Import (kWh)", "Import, estimated share (%)", "Export (kWh)"]
    assert [row[2] for row in bars[10:15]] == ["0.0", "100.0", "100.0", "35.0", "0.0"]
    assert heat[29][:4] == ["29.03.", "4.4", heat[29][2], ""]


def test_says_that_there_is_no_data() -> None:
    assert _read(make_document()) == [["No data in this period."]]


@pytest.mark.parametrize("layout", list(Layout))
def test_memory_does_not_grow_with_the_rows(layout: Layout) -> None:
    out = _Nowhere()
    peaks = []
    for count in (10, 1_000, 10_000):
        tracemalloc.start()
        write_csv(make_document(quarter_table(count)), out, options=CsvOptions(layout))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert out.written > 300_000
    assert peaks[2] - peaks[1] < 20_000


class _Nowhere(io.BytesIO):
    written = 0

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.written += len(data)
        return len(data)
