"""Documents as a month of a site gives them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

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
    QualityLine,
    Row,
    Section,
    Table,
    Text,
)

BERLIN = ZoneInfo("Europe/Berlin")
QUALITY = QualityLine(measured=Decimal("99.2"), estimated=Decimal("0.8"))
DAYS = [dt.date(2026, 3, 1) + dt.timedelta(days=number) for number in range(31)]


def make_document(*sections: Section, language: str = "en", **changes: object) -> Document:
    """Return a document with these sections."""
    document = Document(
        title="Energy report",
        subtitle="Consumption, cost and peaks",
        organisation="Nordhafen Werke GmbH",
        site="Hall 7",
        period_label="March 2026",
        zone=BERLIN,
        generated_at=dt.datetime(2026, 4, 1, 6, 30, tzinfo=dt.UTC),
        language=language,
        notes=["Amounts of the meter of the grid."],
        sections=sections,
    )
    return dataclasses.replace(document, **changes)  # type: ignore[arg-type]


def quarter_rows(count: int) -> Iterator[Row]:
    """Yield quarter hours with an amount."""
    start = dt.datetime(2025, 12, 31, 23, tzinfo=dt.UTC)
    for number in range(count):
        amount = Decimal(number % 997) / 1000
        yield (start + dt.timedelta(minutes=15 * number), amount, "measured")


QUARTER_COLUMNS = (
    Column("Time", Kind.TIME),
    Column("Grid", Kind.NUMBER, "kWh", 3),
    Column("Quality"),
)


def quarter_table(count: int) -> Table:
    """Return a table of quarter hours that can be written once."""
    return Table("Quarter hours", QUARTER_COLUMNS, quarter_rows(count))


def daily_bars(*, is_stacked: bool = False) -> BarChart:
    """Return 31 days of import and of export, which is negative; some are estimated."""
    imported = [Decimal(220 + 40 * math.sin(day)).quantize(Decimal("0.01")) for day in range(31)]
    exported = [-Decimal(60 + 5 * day).quantize(Decimal("0.01")) for day in range(31)]
    shares = [1 if 10 <= day < 12 else 0.35 if day == 12 else 0 for day in range(31)]
    series = [ChartSeries("Import", imported, shares), ChartSeries("Export", exported)]
    labels = [f"{day:%d}" for day in DAYS]
    return BarChart("Energy by day", labels, series, "kWh", 1, is_stacked, QUALITY)


def daily_line() -> LineChart:
    """Return the power of two days with a gap."""
    values = [None if 40 < n < 52 else 12 + 9 * math.sin(n / 12) for n in range(192)]
    labels = [f"{n // 4 % 24:02}:{n % 4 * 15:02}" for n in range(192)]
    other = [6 + 5 * math.cos(n / 20) for n in range(192)]
    series = [ChartSeries("Hall 7", values), ChartSeries("Year before", other)]
    return LineChart("Power", labels, series, "kW", 1, QUALITY)


def heat_map() -> HeatMap:
    """Return a month by day and hour; the last Sunday of March has no 02:00."""
    values = [
        [None if d == 28 and h == 2 else round(3 + 2 * math.sin(h / 4) + d / 20, 2)
         for h in range(24)]
        for d in range(31)
    ]  # fmt: skip
    days = [f"{day:%d.%m.}" for day in DAYS]
    return HeatMap("Load by hour", days, [f"{h:02}" for h in range(24)], values, "kWh", 1, QUALITY)


def meter_table(meters: int = 4, days: Sequence[dt.date] = DAYS) -> Table:
    """Return daily amounts and costs under a heading for each meter."""
    columns = (
        Column("Day", Kind.DAY),
        Column("Energy", Kind.NUMBER, "kWh", 3),
        Column("Cost", Kind.MONEY, "EUR", 2),
        Column("Measured", Kind.PERCENT, digits=1),
        Column("Remark"),
    )
    return Table(
        "Meters by day", columns, list(_meter_rows(meters, days)),
        totals=("Total", Decimal("123456.789"), Decimal("-42.5"), 99.2, ""), quality=QUALITY,
    )  # fmt: skip


def _meter_rows(meters: int, days: Sequence[dt.date]) -> Iterator[Row]:
    for meter in range(meters):
        yield Heading(f"Meter {meter + 1}: İstanbul şubesi, ılık su, ğ")
        for day in days:
            energy = Decimal(1000 * meter + day.day * 37) / 7
            remark = "one hour estimated" if day.day == 12 else ""
            yield (day, energy, energy * Decimal("0.31"), 96.4 if remark else 100, remark)


def full_document(language: str = "en", meters: int = 4) -> Document:
    """Return a report with every kind of section."""
    figures = KeyFigures(
        [
            KeyFigure("Consumption", Decimal("12345.678"), "kWh", "−3.4 % to March 2025", 1),
            KeyFigure("Cost", Decimal("3827.16"), "EUR", "taxes included", 2),
            KeyFigure("Peak", Decimal("48.2"), "kW", "12 March, 11:15", 1),
            KeyFigure("Credit", Decimal("-1204.5"), "TRY", "of the export", 2),
        ],
        "At a glance",
    )
    text = Text("The counter of meter 2 was exchanged on 14 March.\nNothing was lost.", "Remarks")
    return make_document(
        figures, QUALITY, daily_bars(), daily_line(), heat_map(), meter_table(meters), text,
        language=language,
    )  # fmt: skip
