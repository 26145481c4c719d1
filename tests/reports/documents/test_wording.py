"""Numbers, times and shares as readers write them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from reports.documents.content import Cell, Column, Kind, Number, QualityLine
from reports.documents.wording import (
    Wording,
    heading_of,
    quality_text,
    speaking,
    wording_of,
)
from tests.reports.documents.samples import make_document


def _wording(language: str = "en") -> Wording:
    document = make_document(language=language)
    with speaking(document):
        return wording_of(document)


@pytest.mark.parametrize(
    ("value", "digits", "english", "turkish"),
    [
        (Decimal("1234.56"), 2, "1,234.56", "1.234,56"),
        (-1234567.5, 1, "−1,234,567.5", "−1.234.567,5"),
        (1.005, 2, "1.01", "1,01"),
        (Decimal("-0.001"), 2, "0.00", "0,00"),
        (12, 0, "12", "12"),
        (None, 2, "–", "–"),
        (float("nan"), 2, "–", "–"),
        (Decimal("Infinity"), 2, "–", "–"),
    ],
)
def test_writes_numbers(value: Number | None, digits: int, english: str, turkish: str) -> None:
    assert _wording().number(value, digits) == english
    assert _wording("tr").number(value, digits) == turkish


def test_writes_units_and_currencies() -> None:
    assert _wording("tr").amount(Decimal("12.5"), 2, "TRY") == "12,50\u00a0₺"
    assert _wording().amount(21.5, 1, "Cel") == "21.5\u00a0°C"
    assert _wording().amount(None, 1, "kWh") == "–"


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (dt.datetime(2026, 7, 1, 22, 15, tzinfo=dt.UTC), Kind.TIME, "2026-07-02 00:15"),
        (dt.datetime(2026, 10, 25, 0, 30, tzinfo=dt.UTC), Kind.TIME, "2026-10-25 02:30 +02:00"),
        (dt.datetime(2026, 10, 25, 1, 30, tzinfo=dt.UTC), Kind.TIME, "2026-10-25 02:30 +01:00"),
        (dt.datetime(2026, 10, 25, 2, 30, tzinfo=dt.UTC), Kind.TIME, "2026-10-25 03:30"),
        (dt.date(2026, 3, 1), Kind.DAY, "2026-03-01"),
        (None, Kind.TEXT, ""),
        (None, Kind.MONEY, "–"),
        ("Total", Kind.DAY, "Total"),
    ],
)
def test_writes_cells(value: Cell, kind: Kind, text: str) -> None:
    assert _wording().cell(value, Column("A", kind)) == text


def test_writes_days_as_turks_do() -> None:
    assert _wording("tr").cell(dt.date(2026, 3, 1), Column("Gün", Kind.DAY)) == "01.03.2026"


def test_heads_columns_with_their_unit() -> None:
    assert heading_of(Column("Cost", Kind.MONEY, "EUR")) == "Cost (€)"
    assert heading_of(Column("Share", Kind.PERCENT)) == "Share (%)"
    assert heading_of(Column("Name")) == "Name"


@pytest.mark.parametrize(
    ("quality", "text"),
    [
        (QualityLine(100), "100.0 % measured"),
        (QualityLine(99.2, 0.8), "99.2 % measured, 0.8 % estimated"),
        (QualityLine(Decimal("99.999"), Decimal("0.001")), "99.9 % measured, 0.1 % estimated"),
        (QualityLine(99.96, missing=0.04), "99.9 % measured, 0.1 % missing"),
        (
            QualityLine(90, 4, 3, 2, 1),
            "90.0 % measured, 3.0 % shared out evenly, 4.0 % estimated, "
            "2.0 % entered by hand, 1.0 % missing",
        ),
        (QualityLine(0, 100), "0.0 % measured, 100.0 % estimated"),
    ],
)
def test_never_rounds_away_what_is_not_measured(quality: QualityLine, text: str) -> None:
    assert quality_text(quality, _wording()) == text
