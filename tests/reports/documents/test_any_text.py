"""Names come from people and from devices: no text may break a file."""

from __future__ import annotations

import csv
import io
import zipfile
from decimal import Decimal
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from reports.documents.content import (
    BarChart,
    ChartSeries,
    Column,
    Document,
    Heading,
    HeatMap,
    KeyFigure,
    KeyFigures,
    Kind,
    LineChart,
    Number,
    Table,
    Text,
)
from reports.documents.csv_files import CsvOptions, Layout, write_csv
from reports.documents.pdf_files import write_pdf
from reports.documents.xlsx_files import write_xlsx
from tests.reports.documents.samples import make_document

TEXTS = st.text(max_size=40)  # without halves of surrogates, which PostgreSQL does not hold
NUMBERS = st.one_of(
    st.sampled_from([None, float("nan"), float("inf"), Decimal("-Infinity"), Decimal("sNaN")]),
    st.floats(-1e15, 1e15),
    st.decimals(-(10**15), 10**15, places=6),
)


def _document(t: str, n: Number | None) -> Document:
    series = [ChartSeries(t, [n, 1], [0.5, 0]), ChartSeries(t, [2, n])]
    columns = (Column(t), Column(t, Kind.NUMBER, t), Column(t, Kind.MONEY, t))
    return make_document(
        KeyFigures([KeyFigure(t, n, t, t)], t),
        BarChart(t, [t, t], series, t),
        BarChart(t, [t, t], series, t, is_stacked=True),
        LineChart(t, [t, t], series, t),
        HeatMap(t, [t, t], [t, t], [[n, 1], [2, n]], t),
        Table(t, columns, [Heading(t), (t, n, n), (t, 1, 2)], totals=(t, n, n)),
        Text(t, t),
        title=t, subtitle=t, organisation=t, site=t, period_label=t, notes=[t],
    )  # fmt: skip


@settings(max_examples=12, deadline=None)
@given(TEXTS, NUMBERS)
def test_a_workbook_is_whole_whatever_the_names(text: str, value: Number | None) -> None:
    out = io.BytesIO()

    write_xlsx(_document(text, value), out)

    with zipfile.ZipFile(out) as book:
        for name in book.namelist():
            ElementTree.fromstring(book.read(name))


@settings(max_examples=12, deadline=None)
@given(TEXTS, NUMBERS)
def test_a_pdf_is_whole_whatever_the_names(text: str, value: Number | None) -> None:
    out = io.BytesIO()

    write_pdf(_document(text, value), out)

    for page in PdfReader(out, strict=True).pages:
        assert "Europe/Berlin" in page.extract_text()


@settings(max_examples=12, deadline=None)
@given(TEXTS, NUMBERS)
def test_a_long_csv_has_the_same_columns_in_each_row(text: str, value: Number | None) -> None:
    out = io.BytesIO()

    write_csv(_document(text, value), out, options=CsvOptions(Layout.LONG))

    rows = list(csv.reader(io.StringIO(out.getvalue().decode(), newline="")))
    assert len(rows) == 5
    assert {len(row) for row in rows} == {6}
