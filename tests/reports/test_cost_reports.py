"""Reports of costs are sums of the cost lines, to the last digit."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from accounts.tenancy import all_tenants
from metering.models import CostLine, Tariff
from metering.services.cost_following import follow_costs
from metering.services.tariffs import add_version, assign_tariff, create_tariff
from reports.documents.content import BarChart, KeyFigures, Table
from tests.reports.ledger_rows import NOW, ReportSite

SPLIT = {"components": [
    {"kind": "flat", "name": "energy", "price": "0.313333"},
    {"kind": "fixed", "name": "base fee", "price": "12", "per": "month"},
]}  # fmt: skip

TAXED = {"components": [
    {"kind": "flat", "name": "energy", "price": "0.25"},
    {"kind": "percent", "name": "vat", "percent": "19"},
]}  # fmt: skip

DAYS = (dt.date(2026, 10, 19), dt.date(2026, 11, 1))


@pytest.fixture
def billed(berlin: ReportSite) -> ReportSite:
    with berlin.red.scope():
        tariff: Tariff = create_tariff(name="Office hours", currency="EUR", now=NOW)
        add_version(tariff_id=tariff.id, definition=SPLIT, valid_from=dt.date(2026, 1, 1), now=NOW)
        assign_tariff(
            site_id=berlin.site.id, tariff_id=tariff.id, meter_id=berlin.meters["Grid"].id,
            valid_from=dt.date(2026, 1, 1), now=NOW,
        )  # fmt: skip
    with all_tenants():
        follow_costs(now=NOW, seconds=20)
    return berlin


def lines() -> list[CostLine]:
    with all_tenants():
        return list(CostLine.objects.filter(superseded_at=None, day__range=DAYS))


def test_what_a_tax_is_on_is_an_amount_of_money(billed):
    with billed.red.scope():
        tariff = Tariff.objects.get()
        add_version(
            tariff_id=tariff.id, definition=TAXED, valid_from=dt.date(2026, 10, 1),
            now=NOW + dt.timedelta(seconds=1),
        )  # fmt: skip
    with all_tenants():
        follow_costs(now=NOW + dt.timedelta(minutes=1), seconds=20)

    document = billed.document(kind="cost", language="en")

    tables = {s.title: s for s in document.sections if isinstance(s, Table)}
    rows = {row[0]: row for row in tables["Costs by component"].rows}
    assert rows["vat"][1:3] == [rows["energy"][3], "EUR"]
    assert rows["energy"][2] == "kWh"


@pytest.mark.parametrize(("first", "tells"), [(26, False), (24, True)])
def test_a_period_of_which_less_is_known_is_named_as_such(billed, first, tells):
    """Readings begin on 19 October: of the nine days before the 24th some are missing."""
    document = billed.document(
        kind="cost", language="en", compare="previous_period", first_day=dt.date(2026, 10, first)
    )

    (figure,) = next(s for s in document.sections if isinstance(s, KeyFigures)).figures
    assert "% against" in figure.note
    assert ("of which less is known" in figure.note) is tells


def test_costs_are_those_of_the_lines(billed):
    document = billed.document(kind="cost")

    total = sum(line.amount for line in lines())
    assert total > Decimal(100)
    (figure,) = next(s for s in document.sections if isinstance(s, KeyFigures)).figures
    assert (figure.value, figure.unit) == (total, "EUR")
    tables = {s.title: s for s in document.sections if isinstance(s, Table)}
    by_component = {row[0]: row[3] for row in tables["Costs by component"].rows}
    assert sum(by_component.values()) == total
    assert set(by_component) == {"energy", "base fee"}
    assert tables["Costs by component"].totals[3] == total
    by_day: dict[dt.date, Decimal] = {}
    for line in lines():
        by_day[line.day] = by_day.get(line.day, Decimal()) + line.amount
    assert {row[0]: row[1] for row in tables["Costs by time"].rows} == by_day
    assert next(s for s in document.sections if isinstance(s, BarChart)).quality.measured == 100


def test_costs_compared_with_days_that_cost_nothing(billed):
    document = billed.document(kind="cost", compare="previous_year")

    (figure,) = next(s for s in document.sections if isinstance(s, KeyFigures)).figures
    assert figure.note == "nothing to compare with"


def test_a_site_without_tariffs_has_no_costs(berlin):
    _run, data = berlin.make(kind="cost", format="pdf")
    assert data.startswith(b"%PDF")
    _run, data = berlin.make(kind="cost", format="csv_wide")
    assert data.decode("utf-8-sig").splitlines()[0] == "From"
