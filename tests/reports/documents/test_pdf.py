"""PDF files are read back: texts, places, outline, metadata, strokes."""

from __future__ import annotations

import io
import re
import time
import tracemalloc
from decimal import Decimal

import pytest
from pypdf import PdfReader

from reports.documents.content import (
    BarChart,
    ChartSeries,
    Column,
    Document,
    HeatMap,
    KeyFigures,
    Kind,
    LineChart,
    Table,
    Text,
)
from reports.documents.pdf.fonts import REGULAR, register_fonts, text_width, wrap
from reports.documents.pdf.frames import HATCH_STEP, hatch_lines
from reports.documents.pdf.heat import colour_at
from reports.documents.pdf.labels import plan_labels
from reports.documents.pdf.look import CONTENT_WIDTH, MARGIN, PAGE_WIDTH, Box
from reports.documents.pdf_files import write_pdf
from tests.pace import assert_within
from tests.reports.documents.samples import (
    QUALITY,
    daily_bars,
    full_document,
    heat_map,
    make_document,
    meter_table,
    quarter_table,
)


def _bytes(document: Document) -> bytes:
    out = io.BytesIO()
    write_pdf(document, out)
    return out.getvalue()


def _read(document: Document) -> PdfReader:
    return PdfReader(io.BytesIO(_bytes(document)))


def _texts(document: Document) -> list[str]:
    return [page.extract_text() for page in _read(document).pages]


def _places(document: Document, page: int = 0) -> list[tuple[str, float, float]]:
    """Return the texts of a page with where they begin."""
    found: list[tuple[str, float, float]] = []

    def note(text: str, cm: list[float], tm: list[float], _font: object, _size: float) -> None:
        if text.strip():
            found.append((text.strip(), tm[4] + cm[4], tm[5] + cm[5]))

    _read(document).pages[page].extract_text(visitor_text=note)
    return found


def _strokes(document: Document) -> int:
    """Return how many straight lines a page draws."""
    content = _read(document).pages[0].get_contents()
    assert content is not None
    return len(re.findall(rb" l\b", content.get_data()))


def test_says_everything_in_the_language_of_the_document() -> None:
    english, turkish = "\n".join(_texts(full_document())), "\n".join(_texts(full_document("tr")))

    assert "Meter 2: İstanbul şubesi, ılık su, ğ" in english
    assert "12,345.7 kWh" in english
    assert "3,827.16 €" in english
    assert "−1,204.50 ₺" in english
    assert "99.2 % measured, 0.8 % estimated" in english
    assert "123,456.789" in english
    assert "12.345,7 kWh" in turkish
    assert "123.456,789" in turkish
    assert "01.03.2026" in turkish


def test_counts_its_pages_and_repeats_header_columns_and_group() -> None:
    pages = _texts(full_document(meters=6))

    assert len(pages) > 4
    for number, text in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in text
        assert "Generated 2026-04-01 08:30, times in Europe/Berlin" in text
    for text in pages[1:]:
        assert "Nordhafen Werke GmbH · Hall 7" in text
        assert "Energy report · March 2026" in text
    for text in pages[3:-1]:
        assert "Energy (kWh)" in text
    assert any("(continued)" in text for text in pages)


def test_writes_each_row_once() -> None:
    rows = [(f"row-{number:05}", number) for number in range(400)]
    table = Table("T", (Column("A"), Column("N", Kind.NUMBER, digits=0)), iter(rows))

    text = "\n".join(_texts(make_document(table)))

    assert re.findall(r"row-\d{5}", text) == [name for name, _number in rows]


def test_aligns_numbers_to_the_right() -> None:
    rows = [(1,), (1234567.25,)]
    table = Table("T", (Column("Amount", Kind.NUMBER, "kWh"),), rows)
    register_fonts()

    ends = [
        x + text_width(text, REGULAR, 8.0)
        for text, x, _y in _places(make_document(table))
        if text in {"1.00", "1,234,567.25"}
    ]

    assert len(ends) == 2
    assert ends[0] == pytest.approx(ends[1], abs=0.05)


def test_wraps_long_names_inside_the_page() -> None:
    name = "Hauptverteilung Erdgeschoss " * 8 + "x" * 200
    columns = (Column(name), Column("Value", Kind.NUMBER), Column(name), Column(name))
    table = Table(name, columns, [(name, 1, name, name)] * 3)
    document = make_document(table, Text(name, name), title=name, site=name, organisation=name)
    register_fonts()

    for page in range(len(_read(document).pages)):
        for text, x, y in _places(document, page):
            assert x >= MARGIN - 1
            assert x + text_width(text, REGULAR, 6.2) <= PAGE_WIDTH - MARGIN + 2 or y > 770


def test_breaks_words_that_are_too_long() -> None:
    register_fonts()

    lines = wrap("a " + "ğ" * 60 + "\nb", REGULAR, 8, 100)

    assert "".join(lines) == "a" + "ğ" * 60 + "b"
    assert all(text_width(line, REGULAR, 8) <= 100 for line in lines)


def test_draws_a_table_that_is_too_wide_in_parts() -> None:
    columns = (Column("Day"), *(Column(f"Meter{n:02}", Kind.NUMBER) for n in range(40)))
    rows = ((f"day-{day}", *(1_000_000 + n for n in range(40))) for day in range(5))

    text = "\n".join(_texts(make_document(Table("Wide", columns, rows))))

    assert sorted(set(re.findall(r"Meter\d\d", text))) == [f"Meter{n:02}" for n in range(40)]
    assert text.count("1,000,039.00") == 5
    assert text.count("day-4") == text.count("day-0") > 1


def test_hatches_what_is_estimated() -> None:
    measured = BarChart("B", ["a", "b"], [ChartSeries("S", [5, 5])], "kWh")
    estimated = BarChart("B", ["a", "b"], [ChartSeries("S", [5, 5], [0, 1])], "kWh")

    assert _strokes(make_document(estimated)) > _strokes(make_document(measured)) + 30
    assert "estimated" in _texts(make_document(estimated))[0]
    assert "estimated" not in _texts(make_document(measured))[0]


def test_hatching_stays_inside_and_meets_its_neighbour() -> None:
    box = Box(10.3, -7.7, 21.4, 33.9)

    strokes = list(hatch_lines(box, HATCH_STEP))

    assert len(strokes) == pytest.approx((box.width + box.height) / HATCH_STEP, abs=1)
    for x1, y1, x2, y2 in strokes:
        assert box.x <= x1 < x2 <= box.right
        assert box.y - 1e-9 <= y1 < y2 <= box.top + 1e-9
        assert y2 - y1 == pytest.approx(x2 - x1)
        assert (x1 - y1) / HATCH_STEP == pytest.approx(round((x1 - y1) / HATCH_STEP))


def test_draws_credits_below_the_axis() -> None:
    places = {text: y for text, _x, y in _places(make_document(daily_bars()))}
    content = _read(make_document(daily_bars())).pages[0].get_contents()
    assert content is not None

    zero = places["0"] + 2.4
    bars = [
        (float(y), float(height))
        for y, width, height in re.findall(
            rb"n [\d.]+ ([\d.]+) ([\d.]+) ([\d.]+) re f", content.get_data()
        )
        if 4 < float(width) < 8 and float(height) > 10
    ]
    above = [bar for bar in bars if bar[0] == pytest.approx(zero, abs=0.1)]
    below = [bar for bar in bars if sum(bar) == pytest.approx(zero, abs=0.1)]
    assert places["−100"] < places["0"] < places["100"]
    assert len(below) == 31
    assert len(above) == 29  # the measured parts of import


def test_colours_zero_pale_where_some_values_are_negative() -> None:
    assert colour_at(0, -5, 10) == colour_at(0, 0, 10)
    assert colour_at(-5, -5, 10).red > colour_at(5, -5, 10).red
    assert colour_at(10, 0, 10).rgb() < colour_at(5, 0, 10).rgb()


def test_draws_lines_dashed_where_they_are_estimated() -> None:
    measured = LineChart("L", list("abcd"), [ChartSeries("S", [1, 2, 3, 4])])
    part = LineChart("L", list("abcd"), [ChartSeries("S", [1, 2, 3, 4], [0, 0, 1, 0])])

    dashes = [
        len(re.findall(rb"\[2\.4 2\] 0 d", page.get_contents().get_data()))  # type: ignore[union-attr]
        for page in (_read(make_document(measured)).pages[0], _read(make_document(part)).pages[0])
    ]

    assert dashes == [0, 2]  # one of the legend, one from b to c
    assert "estimated" in _texts(make_document(part))[0]


@pytest.mark.parametrize(
    ("count", "is_upright", "most_lines"), [(4, False, 1), (10, False, 2), (50, True, 1)]
)
def test_names_every_meter_below_its_bar(count: int, is_upright: bool, most_lines: int) -> None:
    register_fonts()
    names = [f"Makine dairesi {number}" for number in range(count)]

    labels = plan_labels(names, 480 / count)

    assert (labels.step, labels.is_upright) == (1, is_upright)
    assert max(map(len, labels.lines)) == most_lines
    text = "".join(_texts(make_document(BarChart("B", names, [ChartSeries("S", [1] * count)]))))
    assert sum(f"dairesi {number}" in text for number in range(count)) == count


def test_leaves_gaps_for_what_is_no_number() -> None:
    values = [1, float("nan"), Decimal("Infinity"), None, 2]
    chart = LineChart("L", list("abcde"), [ChartSeries("S", values)])

    assert "no data" not in _texts(make_document(chart))[0].casefold()
    assert _strokes(make_document(chart)) == _strokes(
        make_document(LineChart("L", list("abcde"), [ChartSeries("S", [1, None, None, None, 2])]))
    )


def test_memory_is_small_for_a_long_table() -> None:
    tracemalloc.start()
    _bytes(make_document(quarter_table(4_000)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 8_000_000


def test_lists_its_sections_and_names_itself() -> None:
    reader = _read(full_document("tr"))

    assert [entry.title for entry in reader.outline] == [  # type: ignore[union-attr]
        "Energy report", "At a glance", "Energy by day", "Power", "Load by hour",
        "Meters by day", "Remarks",
    ]  # fmt: skip
    assert reader.metadata is not None
    assert reader.metadata.title == "Energy report"
    assert reader.metadata.author == "Nordhafen Werke GmbH"
    assert reader.metadata.creation_date is not None
    assert reader.metadata.creation_date.isoformat() == "2026-04-01T06:30:00+00:00"
    assert reader.trailer["/Root"]["/Lang"] == "tr"
    assert reader.pages[0].mediabox.height == pytest.approx(841.89, abs=0.01)


def test_embeds_its_fonts() -> None:
    fonts = _read(full_document()).pages[0]["/Resources"]["/Font"]

    names = [str(font.get_object()["/BaseFont"]) for font in fonts.values()]
    embedded = [
        font.get_object()["/FontDescriptor"]["/FontFile2"]
        for font in fonts.values()
        if "DejaVu" in str(font.get_object()["/BaseFont"])
    ]
    assert len(embedded) >= 2
    assert any("Bold" in name for name in names)


def test_gives_the_same_bytes_for_the_same_document() -> None:
    assert _bytes(full_document()) == _bytes(full_document())
    assert _bytes(full_document()) != _bytes(full_document("tr"))


@pytest.mark.parametrize(
    "sections",
    [
        (),
        (KeyFigures([]),),
        (BarChart("B", [], [], quality=QUALITY),),
        (LineChart("L", ["a"], [ChartSeries("S", [None])]),),
        (HeatMap("H", ["1"], ["00"], [[None]]),),
        (Table("T", (Column("A"),), []),),
        (Text(""),),
    ],
)
def test_says_that_there_is_no_data(sections: tuple[object, ...]) -> None:
    assert "No data in this period." in _texts(make_document(*sections))[0]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "chart",
    [
        BarChart("B", ["a"], [ChartSeries("S", [0])]),
        BarChart("B", ["a", "b"], [ChartSeries("S", [1])], is_stacked=True),
        LineChart("L", ["a", "b"], [ChartSeries("S", [7, None]), ChartSeries("", [])]),
        LineChart("L", [str(n) for n in range(35_040)], [ChartSeries("S", [1.5] * 35_040)]),
        HeatMap("H", [str(n) for n in range(365)], ["00"], [[-1.0]] * 365),
    ],
)
def test_draws_what_is_unusual(chart: BarChart | LineChart | HeatMap) -> None:
    assert len(_read(make_document(chart)).pages) == 1


def test_a_month_of_fifty_meters_is_fast() -> None:
    _bytes(make_document())
    began = time.process_time()

    _bytes(full_document(meters=50))

    assert_within(time.process_time() - began, 2)


def test_keeps_a_chart_with_its_title_on_a_page() -> None:
    pages = _texts(make_document(*[heat_map()] * 4))

    for text in pages:
        assert text.count("Load by hour") == text.count("99.2 % measured") > 0


def test_a_long_table_goes_through() -> None:
    pages = _texts(make_document(quarter_table(2_000), meter_table(1)))

    assert "2026-01-21 19:45" in "\n".join(pages)


def test_the_page_is_as_wide_as_its_margins_leave() -> None:
    assert pytest.approx(PAGE_WIDTH) == CONTENT_WIDTH + 2 * MARGIN
