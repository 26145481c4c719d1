"""Figures of reports are those of the ledger, in every format; files and what may go wrong."""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from python_calamine import CalamineWorkbook

from accounts.tenancy import all_tenants
from metering.models import Meter
from reports.content.subject import ReportImpossible
from reports.documents.content import BarChart, KeyFigures, LineChart, Table
from reports.models import ReportRun
from reports.services.asking import (
    delete_old_reports,
    delete_report,
    open_report,
)
from reports.services.making import LEASE, claim_run, run_report
from reports.services.refusals import ReportGone, TooManyReports, UnknownMeters, WrongDays
from telemetry.exports import store
from tests.reports.ledger_rows import NOW, work

LONG_DAY = dt.date(2026, 10, 25)


def table_of(document, title):
    return next(s for s in document.sections if isinstance(s, Table) and s.title == title)


def rows_of(data: bytes, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig")), delimiter=delimiter))


def test_csv_has_the_days_of_the_ledger_to_the_last_digit(berlin):
    run, data = berlin.make(format="csv_wide", step="1d")

    head, *rows = rows_of(data)
    assert head[:3] == ["From", "Grid (kWh)", "Grid, Export (kWh)"]
    for column, name, quantity in ((1, "Grid", "import"), (2, "Grid", "export"),
                                   (3, "Hall", "import"), (4, "Office", "import")):  # fmt: skip
        days = berlin.ledger(name, quantity)
        found = {dt.date.fromisoformat(row[0]): Decimal(row[column]) for row in rows}
        assert found == days
        assert len(days) == 14
    assert run.file_name == "two-weeks-2026-10-19-2026-11-01.csv"
    assert run.size == len(data)


def test_the_long_day_has_a_hundred_quarters_and_25_hours(berlin):
    given = {"format": "csv_wide", "first_day": LONG_DAY, "last_day": LONG_DAY}
    _run, quarters = berlin.make(step="15m", **given)
    _run, hours = berlin.make(step="1h", **given)

    quarters, hours = rows_of(quarters)[1:], rows_of(hours)[1:]
    assert (len(quarters), len(hours)) == (100, 25)
    assert [row[0] for row in hours[2:4]] == [
        "2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"
    ]  # fmt: skip
    for rows in (quarters, hours):
        assert sum(Decimal(row[1]) for row in rows) == berlin.ledger("Grid")[LONG_DAY]


def test_separator_decimal_mark_and_long_layout(berlin):
    _run, data = berlin.make(format="csv_long", separator="semicolon", decimal_mark=",", step="1mo")

    rows = rows_of(data, ";")
    found = {(row[2], row[3]): row[-1] for row in rows[1:]}
    october = sum((v for d, v in berlin.ledger("Hall").items() if d.month == 10), Decimal())
    assert Decimal(found["2026-10", "Hall"].replace(",", ".")) == october
    assert "," in found["2026-10", "Hall"]


def test_xlsx_has_the_same_numbers(berlin):
    _run, data = berlin.make(format="xlsx", step="1d")

    rows = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_name("By time").to_python()
    head = next(row for row in rows if row[0] == "From")
    column = next(i for i, name in enumerate(head) if str(name).startswith("Office"))
    found = {row[0]: row[column] for row in rows if isinstance(row[0], dt.date)}
    days = berlin.ledger("Office")
    assert found == {day: pytest.approx(float(value)) for day, value in days.items()}


def test_a_meter_named_like_a_formula_is_a_text_in_csv_and_xlsx(berlin):
    with berlin.red.scope():
        Meter.objects.filter(name="Hall").update(name='=HYPERLINK("http://x","a")')
        berlin.site.name = "=1+2"
        berlin.site.save()
    _run, plain = berlin.make(format="csv_wide")
    _run, book = berlin.make(format="xlsx", title="=cmd|' /C calc'!A0")

    assert "\"'=HYPERLINK(" in plain.decode()
    with zipfile.ZipFile(io.BytesIO(book)) as parts:
        sheets = [name for name in parts.namelist() if "worksheets/sheet" in name]
        assert sheets
        assert all(b"<f>" not in parts.read(name) for name in sheets)


def test_totals_count_no_submeter_twice_and_know_what_is_estimated(berlin):
    document = berlin.document()

    figures = next(s for s in document.sections if isinstance(s, KeyFigures)).figures
    assert {one.label: one.value for one in figures} == {
        "Electricity drawn": sum(berlin.ledger("Grid").values()),
        "Electricity fed in": sum(berlin.ledger("Grid", "export").values()),
    }
    chart = next(s for s in document.sections if isinstance(s, BarChart))
    assert [series.name for series in chart.series] == ["Grid"]
    assert (chart.quality.measured, chart.quality.missing) == (100, 0)


def test_what_is_missing_is_a_gap_and_told(berlin):
    document = berlin.document(first_day=dt.date(2026, 10, 18), last_day=dt.date(2026, 10, 21))

    _first, second = list(table_of(document, "By time").rows)[:2]
    assert _first[1] is None
    assert _first[-1] == 100
    assert second[-1] == 0
    assert table_of(document, "Electricity").quality.missing == pytest.approx(25, abs=0.5)


def test_a_running_period_expects_only_what_is_over(berlin):
    """Up to noon of the day of the report; data of later quarters is not missing."""
    moment = dt.datetime(2026, 10, 26, 11, tzinfo=dt.UTC)

    document = berlin.document(now=moment, first_day=dt.date(2026, 10, 26), step="15m",
                               last_day=dt.date(2026, 10, 27))  # fmt: skip

    assert list(table_of(document, "By time").rows)[60][-1] is None
    assert any("not over" in note for note in document.notes)


def test_compared_with_the_week_before(berlin):
    document = berlin.document(
        first_day=dt.date(2026, 10, 26), last_day=dt.date(2026, 11, 1), compare="previous_period"
    )

    hall = next(row for row in table_of(document, "Electricity").rows if row[0] == "Hall")
    days = berlin.ledger("Hall")
    before = sum(v for d, v in days.items() if d < dt.date(2026, 10, 26))
    after = sum(v for d, v in days.items() if d >= dt.date(2026, 10, 26))
    assert hall[1:3] == [after, before]
    assert hall[3] == (after - before) / before * 100


def test_a_running_week_is_compared_up_to_the_same_hour(berlin):
    moment = dt.datetime(2026, 10, 28, 11, tzinfo=dt.UTC)  # Wednesday noon
    document = berlin.document(
        now=moment, first_day=dt.date(2026, 10, 26), last_day=dt.date(2026, 11, 1),
        compare="previous_period",
    )  # fmt: skip

    hall = next(row for row in table_of(document, "Electricity").rows if row[0] == "Hall")
    assert hall[2] == Decimal("0.125") * (2 * 96 + 48)


def test_peaks_name_the_quarter_and_what_exceeds_the_contract(berlin):
    document = berlin.document(kind="peak", language="en")

    highest = table_of(document, "Highest demands, mean of 15\N{NO-BREAK SPACE}minutes")
    grid = [row for row in highest.rows if row[0] == "Grid"]
    assert grid[0][3] == Decimal("1.920004")  # 0.480001 kWh in a quarter of 23 o'clock
    assert grid[0][2].astimezone(document.zone).hour == 23
    over = table_of(document, "Contracted power")
    assert over.rows[0][:4] == ["Grid", Decimal(1), Decimal("1.920004"), 14 * 96 + 4]
    assert any(isinstance(section, LineChart) for section in document.sections)


def test_quality_counts_quarters_and_adds_meters_up(berlin):
    document = berlin.document(kind="quality")

    shares = table_of(document, "How amounts are known")
    assert {row[1] for row in shares.rows} == {14 * 96 + 4}
    assert all(row[2] == 100 for row in shares.rows)
    balance = next(iter(table_of(document, "Meters and their submeters").rows))
    grid, hall, office = (sum(berlin.ledger(n).values()) for n in ("Grid", "Hall", "Office"))
    net = grid - sum(berlin.ledger("Grid", "export").values())
    assert balance[2:5] == [net, hall + office, net - hall - office]
    assert balance[6] == "a part is not metered"


def test_what_a_roof_gives_is_no_part_that_exceeds_its_meter(berlin):
    """The circuits take what the grid and the roof bring together."""
    berlin.add("Roof", {"export": lambda at: 400_000}, parent="Grid", role="production")
    berlin.add("Kitchen", {"import": lambda at: 300_000}, parent="Grid")
    document = berlin.document(kind="quality", language="en")

    balance = next(iter(table_of(document, "Meters and their submeters").rows))
    taken, roof = (
        sum(sum(berlin.ledger(name, quantity).values()) for name in names)
        for names, quantity in ((("Hall", "Office", "Kitchen"), "import"), (("Roof",), "export"))
    )
    net = sum(berlin.ledger("Grid").values()) - sum(berlin.ledger("Grid", "export").values())
    assert balance[3] == taken - roof
    assert balance[4] == net + roof - taken
    assert balance[6] == "a part is not metered"


def test_reports_of_a_tenant_are_made_in_order_one_at_a_time(berlin):
    first, second = berlin.request(), berlin.request()

    running = claim_run(now=NOW)
    assert running is not None
    assert running.id == first.id
    assert claim_run(now=NOW) is None
    with pytest.raises(IntegrityError), transaction.atomic(), berlin.red.scope():
        ReportRun.objects.filter(id=second.id).update(state="running")
    run_report(running, clock=lambda: NOW)
    assert claim_run(now=NOW).id == second.id


def test_a_worker_that_is_killed_leaves_a_report_that_is_made_again(berlin):
    run = berlin.request(format="csv_wide")
    dead = claim_run(now=NOW)
    with store.new_file(dead) as file:
        file.write(b"half of a report" * 100_000)
    later = NOW + LEASE + dt.timedelta(seconds=1)

    assert work(NOW) == 0
    assert work(later) == 1

    with berlin.red.scope():
        run.refresh_from_db()
        assert (run.state, run.attempts) == ("done", 2)
        _run, file = open_report(run.id, now=later)
        with file:
            assert file.read().startswith(b"\xef\xbb\xbfFrom,")
    run_report(dead, clock=lambda: later)  # the dead one wakes up: nothing of it counts
    with berlin.red.scope():
        assert ReportRun.objects.get(id=run.id).attempts == 2


def test_three_deaths_are_enough(berlin):
    run = berlin.request()
    moment = NOW
    for _ in range(3):
        assert claim_run(now=moment)
        moment += LEASE + dt.timedelta(seconds=1)
    work(moment)

    with berlin.red.scope():
        run.refresh_from_db()
    assert (run.state, run.error_code) == ("failed", "internal_error")


def test_what_cannot_be_made_says_why(berlin):
    with berlin.red.scope():
        with pytest.raises(UnknownMeters):
            berlin.request(meter_ids=[berlin.red.owner.id])
        with pytest.raises(WrongDays):
            berlin.request(first_day=dt.date(2026, 1, 2), last_day=dt.date(2026, 1, 1))
        gone = berlin.request()
        question = {**gone.question, "site_id": str(berlin.red.owner.id)}
        ReportRun.objects.filter(id=gone.id).update(question=question)
    work(NOW)
    with berlin.red.scope():
        gone.refresh_from_db()
    assert (gone.state, gone.error_code) == ("failed", "site_gone")
    with pytest.raises(ReportImpossible, match="too_large"):
        berlin.document(first_day=dt.date(2000, 1, 1), step="15m")


def test_the_queue_of_a_tenant_is_bounded(berlin, monkeypatch):
    monkeypatch.setattr("reports.services.asking.MAX_OPEN", 2)
    berlin.request()
    berlin.request()
    with pytest.raises(TooManyReports):
        berlin.request()


def test_files_are_private_and_go_with_their_report(
    berlin, folder: Path, django_capture_on_commit_callbacks
):
    run, _data = berlin.make()
    path = folder / str(berlin.red.tenant.id) / str(run.id)
    assert path.stat().st_mode & 0o777 == 0o600
    other, _data = berlin.make()

    with berlin.red.scope(), django_capture_on_commit_callbacks(execute=True):
        delete_report(run.id, now=NOW)
    assert not path.exists()
    assert delete_old_reports(now=NOW + dt.timedelta(days=89)) == 0
    assert delete_old_reports(now=NOW + dt.timedelta(days=91)) == 1
    assert not list((folder / str(berlin.red.tenant.id)).iterdir())
    with berlin.red.scope(), pytest.raises(ReportGone):
        open_report(other.id, now=NOW)


def test_another_tenant_finds_nothing(berlin, blue):
    run, _data = berlin.make()
    with blue.scope():
        with pytest.raises(ReportGone):
            open_report(run.id, now=NOW)
        with pytest.raises(ReportGone):
            delete_report(run.id, now=NOW)
    with all_tenants():
        assert ReportRun.objects.filter(id=run.id).exists()


@pytest.mark.parametrize("kind", ["consumption", "peak", "quality"])
def test_more_meters_need_no_more_queries(berlin, kind):
    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            berlin.document(kind=kind, compare="previous_period")
        return len(queries)

    few = count()
    for number in range(4):
        berlin.add(f"More {number}", {"import": lambda at: 100_000}, parent="Grid")

    assert count() == few
