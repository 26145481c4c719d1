"""Reports of costs: what meters cost as now known, by component, by meter, by time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal

from django.utils.translation import gettext as _

from energy.lib.units import symbol
from metering.analysis.compare import LIKE_SHARE, Against, Period, find_base
from metering.analysis.local import quarter_at
from metering.models import Meter
from metering.queries.costs import CostRow, cost_rows, known_quality, totals
from reports.content.consumption import name_step, write_change, write_days
from reports.content.figures import Shares, cut_buckets
from reports.content.subject import Subject
from reports.documents.content import (
    BarChart,
    Cell,
    ChartSeries,
    Column,
    KeyFigure,
    KeyFigures,
    Kind,
    QualityLine,
    Row,
    Section,
    Table,
)

Key = Callable[[CostRow], list[Cell]]


def write_costs(subject: Subject) -> list[Section]:
    """Return the sections of a report of costs; each currency stands by itself."""
    period, width = subject.question.period, _width(subject)
    steps = cost_rows(
        subject.meters, period.start, period.end, by="day" if width == "1d" else "month"
    )
    by_meter = cost_rows(subject.meters, period.start, period.end, by="meter")
    quality = _quality(subject, by_meter)
    currencies = list(dict.fromkeys(row.currency for row in by_meter))
    if subject.is_table_only:
        return [_step_table(steps, currencies, width, quality)]
    sections: list[Section] = [KeyFigures(_key_figures(subject, currencies, by_meter))]
    sections += [_chart(subject, steps, currency, width, quality) for currency in currencies]
    names = {str(meter.id): meter.name for meter in subject.meters}
    components = cost_rows(subject.meters, period.start, period.end, by="component")
    for currency in currencies:
        sections.append(_component_table(components, currency, quality))
        sections.append(_meter_table(by_meter, currency, names, quality))
    return [*sections, _step_table(steps, currencies, width, quality)]


def _width(subject: Subject) -> str:
    """Costs are known by local day; shorter steps are days."""
    return "1mo" if subject.question.width == "1mo" else "1d"


def _key_figures(
    subject: Subject, currencies: Sequence[str], charged: Sequence[CostRow]
) -> list[KeyFigure]:
    period = subject.question.period
    sums = totals(subject.meters, period.start, period.end)
    base: dict[str, Decimal] = {}
    note, is_like = "", True
    is_over = period.end <= subject.now.astimezone(subject.zone).date()
    if subject.question.compare != "none" and is_over:
        other = find_base(period, Against(subject.question.compare))
        base = totals(subject.meters, other.start, other.end)
        note, is_like = write_days(other), _is_known(_quality(subject, charged, other))
    return [
        KeyFigure(
            _("Costs"), sums[currency], currency,
            write_change(sums[currency], base.get(currency), note, is_like=is_like) if note else "",
        )
        for currency in currencies
    ]  # fmt: skip


def _is_known(quality: QualityLine | None) -> bool:
    return quality is not None and quality.missing <= 100 * (1 - LIKE_SHARE)


def _quality(
    subject: Subject, rows: Sequence[CostRow], period: Period | None = None
) -> QualityLine | None:
    """Return how well the consumption behind the costs is known; by default of the report."""
    charged = {row.key for row in rows}
    meters: list[Meter] = [meter for meter in subject.meters if str(meter.id) in charged]
    period = period or subject.question.period
    buckets = cut_buckets(period, "1d", subject.zone)
    quarters = int(buckets.expected(quarter_at(subject.now)).sum())
    known = known_quality(meters, period.start, period.end, quarters)
    expected = known.measured + known.prorated + known.estimated + known.missing
    return Shares(expected, known.measured, known.prorated, known.estimated).line


def _chart(
    subject: Subject, rows: Sequence[CostRow], currency: str, width: str,
    quality: QualityLine | None,
) -> BarChart:  # fmt: skip
    buckets = cut_buckets(subject.question.period, width, subject.zone)
    amounts = {row.key: row.amount for row in rows if row.currency == currency}
    days = [buckets.local(place).date() for place in range(len(buckets))]
    keys = [str(day if width == "1d" else day.replace(day=1)) for day in days]
    names = [name_step(buckets, place) for place in range(len(buckets))]
    series = [ChartSeries(_("Costs"), [amounts.get(key) for key in keys])]
    return BarChart(_("Costs"), names, series, currency, 2, quality=quality)


def _component_table(rows: Sequence[CostRow], currency: str, quality: QualityLine | None) -> Table:
    columns = [Column(_("Component")), Column(_("Quantity"), Kind.NUMBER, "", 3), Column(_("Unit"))]
    return _table(
        _("Costs by component"), columns, rows, currency, quality,
        lambda row: [row.component, row.quantity, _unit_of(row)],
    )  # fmt: skip


def _unit_of(row: CostRow) -> str:
    """Return the unit of a quantity; that of a percentage is an amount of money."""
    return row.currency if row.unit == "%" else symbol(row.unit)


def _meter_table(
    rows: Sequence[CostRow], currency: str, names: dict[str, str], quality: QualityLine | None
) -> Table:
    return _table(
        _("Costs by meter"), [Column(_("Meter"))], rows, currency, quality,
        lambda row: [names[row.key]],
    )  # fmt: skip


def _table(
    title: str, columns: Sequence[Column], rows: Sequence[CostRow], currency: str,
    quality: QualityLine | None, about: Key,
) -> Table:  # fmt: skip
    """Return rows of one currency with their sum; `about` fills the columns before."""
    own = [row for row in rows if row.currency == currency]
    ends = [
        Column(_("Costs"), Kind.MONEY, currency, 2),
        Column(_("Lines that may change"), Kind.NUMBER, "", 0),
        Column(_("Quarters without a price"), Kind.NUMBER, "", 0),
    ]
    cells: list[Row] = [
        [*about(row), row.amount, row.provisional, row.missing_quarters] for row in own
    ]
    blank: list[Cell] = [None] * (len(columns) - 1)
    sums: list[Cell] = [
        _("Total"), *blank, sum((row.amount for row in own), Decimal()),
        sum(row.provisional for row in own), sum(row.missing_quarters for row in own),
    ]  # fmt: skip
    return Table(title, [*columns, *ends], cells, totals=sums, quality=quality)


def _step_table(
    rows: Sequence[CostRow], currencies: Sequence[str], width: str, quality: QualityLine | None
) -> Table:
    columns = [Column(_("From"), Kind.DAY if width == "1d" else Kind.TEXT)]
    columns += [Column(_("Costs"), Kind.MONEY, currency, 2) for currency in currencies]
    amounts = {(row.key, row.currency): row.amount for row in rows}
    cells: list[Row] = []
    for key in sorted({row.key for row in rows}):
        day = dt.date.fromisoformat(key)
        values = [amounts.get((key, currency)) for currency in currencies]
        cells.append([day if width == "1d" else f"{day:%Y-%m}", *values])
    return Table(_("Costs by time"), columns, cells, quality=quality)
