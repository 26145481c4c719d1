"""Hostile and odd files: bombs, entities, encodings, numbers, guesses."""

import datetime as dt
import gzip
import io
import zipfile

import pytest
import xlsxwriter

from telemetry.imports.columns import unit_in
from telemetry.imports.espi import columns_of, read_series
from telemetry.imports.files import BoundedBytes, FileProblem, text_lines
from telemetry.imports.plan import Plan, PlanColumn, PlanError, check_plan, read_plan
from telemetry.imports.reading import FileReader, parse_number
from telemetry.imports.sniff import guess_plan

LATEST = 2_000_000_000_000_000


def opener(data, **more):
    return lambda: BoundedBytes(io.BytesIO(data), size=len(data), **more)


def guess(data, name="file.csv", zone="Europe/Istanbul"):
    return guess_plan(opener(data), file_name=name, zone=zone)


def rows_of(data, plan=None, **more):
    plan = plan or guess(data).plan
    return list(FileReader(opener(data), plan, latest=LATEST, **more).rows())


def test_a_bomb_is_stopped_at_the_bound():
    bomb = gzip.compress(b"time,value\n" + b"0" * 5_000_000)

    with pytest.raises(FileProblem) as caught:
        for _ in text_lines(opener(bomb, limit=1_000_000)(), "utf-8"):
            pass
    assert caught.value.code in {"too_large", "line_too_long"}


@pytest.mark.parametrize("cut", [5, 30])
def test_a_damaged_gzip_is_said(cut):
    packed = gzip.compress(b"time,value\n2026-01-01 00:00,1\n" * 50)[:-cut]
    with pytest.raises(FileProblem) as caught:
        rows_of(packed, Plan(columns=(PlanColumn(1, "x"),)))
    assert caught.value.code == "bad_gzip"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"\n\n \n", "empty"),
        (b"time,value\n", "no_times"),
        (b"a,b\nx,1\ny,2\n", "no_times"),
        (b"PK\x03\x04 this is no zip", "bad_xlsx"),
        (b"<feed><entry>", "bad_xml"),
        (b"<feed></feed>", "no_readings"),
        (b"x" * 2_000_000, "line_too_long"),
    ],
)
def test_what_is_no_table(data, code):
    with pytest.raises(FileProblem) as caught:
        guess(data)
    assert caught.value.code == code


def test_entities_are_refused_before_they_grow():
    bodies = ["lol", *(f"&l{n};" * 10 for n in range(8))]
    lol = "".join(f'<!ENTITY l{n} "{body}">' for n, body in enumerate(bodies))
    data = f'<?xml version="1.0"?><!DOCTYPE feed [{lol}]><feed>&l8;</feed>'.encode()
    with pytest.raises(FileProblem) as caught:
        read_series(opener(data)())
    assert caught.value.code == "unsafe_xml"


def test_a_spreadsheet_that_unpacks_to_gigabytes_is_refused(monkeypatch):
    monkeypatch.setattr("telemetry.imports.tables.MAX_SHEET_BYTES", 1000)
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/worksheets/sheet1.xml", b"0" * 5000)
    with pytest.raises(FileProblem) as caught:
        guess(data.getvalue())
    assert caught.value.code == "too_large"


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("1.5", ".", 1.5), ("-0,5", ",", -0.5), ("1.234,56", ",", 1234.56),
        ("1,234.56", ".", 1234.56), ("1 234,5", ",", 1234.5), ("1'234.5", ".", 1234.5),
        ("1e3", ".", 1000.0), ("+7", ".", 7.0),
    ],
)  # fmt: skip
def test_numbers(text, decimal, value):
    assert parse_number(text, decimal) == value


@pytest.mark.parametrize("text", ["1,5", "12,34", "1_000", "inf", "nan", "0x10", "", "1.2.3", "=1"])
def test_what_is_no_number(text):
    with pytest.raises(ValueError):
        parse_number(text)


def test_a_german_file():
    data = "Zeitpunkt;Verbrauch [kWh];Status\n31.12.2025 00:15;1.234,5;ok\n31.12.2025 00:30;?;ok\n"
    found = guess(data.encode("cp1252"))

    plan = found.plan
    assert (plan.delimiter, plan.decimal, plan.time_format) == (";", ",", "dmy")
    assert [(c.channel, c.unit) for c in plan.columns] == [("active_energy_import_interval", "kWh")]
    rows = rows_of(data.encode("cp1252"), plan)
    assert [(row.number, row.values, row.missing) for row in rows] == [
        (2, [(0, 1234.5)], 0),
        (3, [], 1),
    ]


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("Power [kW]", "kW"), ("energy (kWh)", "kWh"), ("Global_active_power", ""),
        ("temp °C", "Cel"), ("active_power_kW", "kW"), ("Wirkleistung W", ""),
    ],
)  # fmt: skip
def test_units_of_headers(header, unit):
    assert unit_in(header) == unit


def test_one_day_does_not_tell_the_order_of_dates():
    data = b"".join(b"5/2/2026 %02d:00,1\n" % hour for hour in range(24))
    found = guess(data)
    assert found.plan.time_format == ""
    assert "date_order_unknown" in dict(found.notes)
    with pytest.raises(PlanError) as caught:
        check_plan(found.plan)
    assert caught.value.code == "date_order_unknown"


def test_rows_that_cannot_be_used_are_named_by_their_line():
    good, bad = b"2026-01-01 00:00,1\n", b"not a time,2\n\n2026-01-01 01:00,oops\n"
    data = b"time,kWh\n" + good + bad + b"2026-01-01 02:00\n"
    rows = rows_of(data)
    assert [(row.number, [code for code, _ in row.problems]) for row in rows] == [
        (2, []), (3, ["bad_time"]), (5, ["bad_number"]), (6, []),
    ]  # fmt: skip
    assert rows[3].missing == 1


def test_it_goes_on_behind_a_row():
    data = b"time,kWh\n" + b"".join(b"2026-01-01 %02d:00,%d\n" % (n, n) for n in range(24))
    rows = rows_of(data, after=20)
    assert [row.number for row in rows] == [21, 22, 23, 24, 25]
    assert rows[0].values == [(0, 19.0)]


@pytest.mark.parametrize(
    "plan", [{"zonne": "UTC"}, {"columns": "x"}, [], {"skip_rows": "many"}, {"columns": [{"a": 1}]}]
)
def test_plans_of_another_shape(plan):
    with pytest.raises(PlanError):
        read_plan(plan)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"format": "pdf"}, "format"),
        ({"delimiter": ";;"}, "delimiter"),
        ({"stamp": "end"}, "interval_seconds"),
        ({"time_format": "time_of_day"}, "date"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"columns": []}, "columns"),
        ({"columns": [{"index": 1, "channel": "a"}, {"index": 2, "channel": "a"}]}, "columns"),
        ({"columns": [{"index": 1, "channel": "a", "unit": "furlong"}]}, "columns.1"),
        ({"columns": [{"index": 1, "channel": "a", "kind": "mood"}]}, "columns.1"),
        ({"columns": [{"index": 1, "channel": "a", "scale": 0}]}, "columns.1"),
    ],
)
def test_plans_that_cannot_be_followed(changes, path):
    plan = read_plan(Plan(columns=(PlanColumn(1, "power"),)).as_json() | changes)
    with pytest.raises(PlanError) as caught:
        check_plan(plan)
    assert caught.value.path == path


ESPI = """<feed xmlns="http://www.w3.org/2005/Atom">
<entry><link rel="self" href="M/1"/><link rel="related" href="R/1"/>
<content><MeterReading xmlns="http://naesb.org/espi"/></content><title>Solar</title></entry>
<entry><link rel="self" href="R/1"/><content><ReadingType xmlns="http://naesb.org/espi">
<accumulationBehaviour>{behaviour}</accumulationBehaviour><flowDirection>19</flowDirection>
<powerOfTenMultiplier>3</powerOfTenMultiplier><uom>{uom}</uom></ReadingType></content></entry>
<entry><link rel="up" href="M/1/IntervalBlock"/><content>
<IntervalBlock xmlns="http://naesb.org/espi"><IntervalReading>
<ReadingQuality><quality>17</quality></ReadingQuality>
<ReadingQuality><quality>8</quality></ReadingQuality>
<timePeriod><duration>900</duration><start>1700000000</start></timePeriod>
<value>5</value></IntervalReading></IntervalBlock></content></entry></feed>"""


def test_green_button_tells_multiplier_direction_kind_and_quality():
    data = ESPI.format(behaviour=4, uom=72).encode()
    found = guess(data)
    column = found.plan.columns[0]
    assert (column.channel, column.unit, column.scale) == (
        "active_energy_export_interval", "Wh", 1000.0,
    )  # fmt: skip
    [row] = rows_of(data, found.plan)
    assert (row.time, row.values, row.quality) == (1_700_000_000_000_000, [(0, 5.0)], 3)

    register = columns_of(read_series(opener(ESPI.format(behaviour=3, uom=72).encode())()))[0]
    assert (register.channel, register.kind) == ("active_energy_export", "total_increasing")


def test_a_unit_that_is_not_known_is_said():
    with pytest.raises(FileProblem) as caught:
        guess(ESPI.format(behaviour=4, uom=9999).encode())
    assert caught.value.code == "unknown_unit"


def workbook(rows, *, skip=0):
    data = io.BytesIO()
    book = xlsxwriter.Workbook(data, {"in_memory": True})
    days = book.add_format({"num_format": "dd.mm.yyyy hh:mm"})
    clock = book.add_format({"num_format": "hh:mm"})
    sheet = book.add_worksheet("Lastgang")
    for number, cells in enumerate(rows, start=skip):
        for index, cell in enumerate(cells):
            style = days if isinstance(cell, dt.datetime | dt.date) else None
            style = clock if isinstance(cell, dt.time) else style
            sheet.write(number, index, cell, style)
    book.close()
    return data.getvalue()


def test_a_spreadsheet_with_dates():
    start = dt.datetime(2026, 1, 1)  # noqa: DTZ001 (spreadsheets know no zones)
    rows = [(start + n * dt.timedelta(minutes=15), n / 4, "ok") for n in range(6)]
    data = workbook([("Zeit", "Energie [kWh]", "Status"), *rows, (start, "oops", "")], skip=2)

    plan = guess(data, name="x.xlsx", zone="Europe/Berlin").plan

    assert (plan.format, plan.sheet, plan.time_format, plan.interval_seconds) == (
        "xlsx", "Lastgang", "native", 900,
    )  # fmt: skip
    assert [(c.index, c.unit, c.kind) for c in plan.columns] == [(1, "kWh", "interval")]
    read = rows_of(data, plan)
    assert [row.number for row in read] == [4, 5, 6, 7, 8, 9, 10]
    assert read[1].values == [(0, 0.25)]
    assert read[0].time == 1_767_222_000_000_000
    assert [code for code, _ in read[-1].problems] == ["bad_number"]
    assert [row.number for row in rows_of(data, plan, after=8)] == [9, 10]


def test_a_spreadsheet_with_date_and_time_apart_and_texts():
    day = dt.date(2026, 1, 1)
    data = workbook([("Day", "Time", "kW"), *((day, dt.time(h), 1.5) for h in range(5))])
    plan = guess(data, zone="UTC").plan
    assert (plan.time_columns, plan.time_format) == ((0, 1), "native")
    assert [row.time for row in rows_of(data, plan)][1] == 1_767_229_200_000_000

    texts = workbook([("when", "kW"), ("2026-01-01 00:00", "1.5"), ("2026-01-01 01:00", "?")])
    plan = guess(texts, zone="UTC").plan
    assert (plan.time_format, [row.missing for row in rows_of(texts, plan)]) == ("iso", [0, 1])
