"""Reports of data quality: what is known how, what was decided, whether meters add up."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np
from django.utils.translation import gettext as _

from energy.lib.units import symbol
from metering.analysis.balance import Balance, MeterReading, Verdict, check_tree
from metering.analysis.local import first_quarter, quarter_at
from metering.ledger.kinds import Judgement
from metering.models import LedgerDecision, Meter, Quantity, Role
from metering.queries.series import meter_series
from metering.series import Series, to_decimal
from reports.content.consumption import name_step
from reports.content.figures import Buckets, Shares, cut_buckets, shares_of
from reports.content.subject import Subject, name_register
from reports.documents.content import (
    BarChart,
    Cell,
    ChartSeries,
    Column,
    KeyFigure,
    KeyFigures,
    Kind,
    Number,
    Row,
    Section,
    Table,
)

MAX_DECISIONS = 1_000

Known = Sequence[tuple[Meter, str, Series]]


def write_quality(subject: Subject) -> list[Section]:
    """Return the sections of a report of data quality."""
    period = subject.question.period
    first, last = (first_quarter(day, subject.zone) for day in (period.start, period.end))
    known = _read(subject, first, last)
    expected = max(min(last, quarter_at(subject.now)) - first, 0)
    shares = sum((shares_of(series, expected) for *_names, series in known), Shares(0))
    table = _share_table(known, expected, shares)
    if subject.is_table_only:
        return [table]
    buckets = cut_buckets(period, "1mo" if subject.question.width == "1mo" else "1d", subject.zone)
    sections: list[Section] = [_key_figures(shares, len(known)), _chart(known, buckets, subject)]
    return [*sections, table, *_balances(subject, known), _decision_table(subject, first, last)]


def _read(subject: Subject, first: int, last: int) -> Known:
    found = {
        quantity: meter_series(subject.meters, first, last - 1, quantity)
        for quantity in Quantity.values
    }
    return [
        (meter, quantity, found[quantity][meter.id])
        for meter in subject.meters
        for quantity in Quantity.values
        if meter.id in found[quantity]
    ]


def _key_figures(shares: Shares, count: int) -> KeyFigures:
    line = shares.line
    return KeyFigures([
        KeyFigure(_("Registers"), count, digits=0),
        KeyFigure(_("Measured"), line.measured if line else None, "%", digits=1),
        KeyFigure(_("Missing"), line.missing if line else None, "%", digits=1),
    ])  # fmt: skip


def _share_table(known: Known, expected: int, shares: Shares) -> Table:
    names = (_("Measured"), _("Shared out"), _("Estimated"), _("By hand"), _("Missing"))
    columns = [Column(_("Meter")), Column(_("Quarter hours"), Kind.NUMBER, "", 0)]
    columns += [Column(name, Kind.PERCENT, "", 2) for name in names]
    rows: list[Row] = []
    for meter, quantity, series in known:
        line = shares_of(series, expected).line
        parts: list[Cell] = [None] * len(names)
        if line:
            parts = [line.measured, line.prorated, line.estimated, line.manual, line.missing]
        rows.append([name_register(meter, quantity), expected, *parts])
    return Table(_("How amounts are known"), columns, rows, quality=shares.line)


def _chart(known: Known, buckets: Buckets, subject: Subject) -> BarChart:
    expected = buckets.expected(quarter_at(subject.now)) * max(len(known), 1)
    there = np.zeros(len(buckets), dtype=np.int64)
    for *_names, series in known:
        places = np.searchsorted(buckets.starts, series.numbers, side="right") - 1
        there += np.bincount(places, minlength=len(buckets))[: len(buckets)]
    values: list[Number | None] = [
        Decimal(max(int(asked) - int(count), 0)) * 100 / int(asked) if asked > 0 else None
        for asked, count in zip(expected, there, strict=True)
    ]
    names = [name_step(buckets, place) for place in range(len(buckets))]
    return BarChart(_("Missing quarter hours"), names, [ChartSeries(_("Missing"), values)], "%", 1)


def _balances(subject: Subject, known: Known) -> list[Section]:
    """Compare meters with the sum of their submeters; what production gives counts against it."""
    registers = {(meter.id, quantity): series for meter, quantity, series in known}
    readings = [
        reading
        for meter in subject.meters
        if not meter.is_virtual and (reading := _reading(meter, registers)) is not None
    ]
    balances = check_tree(readings)
    if not balances:
        return []
    meters = {str(meter.id): meter for meter in subject.meters}
    columns = [
        Column(_("Meter")), Column(_("Unit")), Column(_("Itself"), Kind.NUMBER, "", 3),
        Column(_("Its submeters"), Kind.NUMBER, "", 3),
        Column(_("Difference"), Kind.NUMBER, "", 3),
        Column(_("Uncertainty (±)"), Kind.NUMBER, "", 3), Column(_("Verdict")),
    ]  # fmt: skip
    rows: list[Row] = [_balance_row(meters[key], balance) for key, balance in balances.items()]
    return [Table(_("Meters and their submeters"), columns, rows)]


def _reading(
    meter: Meter, registers: Mapping[tuple[uuid.UUID, str], Series]
) -> MeterReading | None:
    """Return what a meter takes less what it gives; production counts what it gives."""
    taken, given = (registers.get((meter.id, name)) for name in (Quantity.IMPORT, Quantity.EXPORT))
    feeds = meter.role == Role.PRODUCTION
    if feeds:
        series = given or taken
    else:
        series = taken if given is None or taken is None else _subtract(taken, given)
    if series is None:
        return None
    parent = str(meter.parent_id) if meter.parent_id else None
    return MeterReading(str(meter.id), series, meter.accuracy, parent=parent, feeds=feeds)


def _subtract(taken: Series, given: Series) -> Series:
    """Return the difference of the quarters that both know."""
    numbers, ours, theirs = np.intersect1d(
        taken.numbers, given.numbers, assume_unique=True, return_indices=True
    )
    grades = np.maximum(taken.grades[ours], given.grades[theirs])
    return Series(numbers, taken.amounts[ours] - given.amounts[theirs], grades)


def _balance_row(meter: Meter, balance: Balance) -> list[Cell]:
    total = balance.total
    words = {
        Verdict.WITHIN_BAND: _("adds up"), Verdict.UNMETERED: _("a part is not metered"),
        Verdict.CHILDREN_EXCEED: _("submeters show more"), Verdict.UNKNOWN: _("not known"),
    }  # fmt: skip
    row: list[Cell] = [meter.name, symbol(meter.unit), total.parent, total.children, total.residual]
    return [*row, total.band, words[total.verdict]]


def _decision_table(subject: Subject, first: int, last: int) -> Table:
    """List what was decided about samples, at most a thousand."""
    start, end = (subject.buckets.local(place) for place in (0, len(subject.buckets)))
    rows = (
        LedgerDecision.objects.filter(
            register__meter__in=subject.meters, time__lt=end, until__gte=start,
            superseded_at__isnull=True,
        )
        .select_related("register__meter")
        .order_by("time", "id")[:MAX_DECISIONS]
    )  # fmt: skip
    columns = [
        Column(_("From"), Kind.TIME), Column(_("To"), Kind.TIME), Column(_("Meter")),
        Column(_("Decision")), Column(_("Booked"), Kind.NUMBER, "", 3),
        Column(_("Withheld"), Kind.NUMBER, "", 3), Column(_("Unit")),
    ]  # fmt: skip
    return Table(_("Decisions of the ledger"), columns, [_decision_row(row) for row in rows])


def _decision_row(row: LedgerDecision) -> list[Cell]:
    meter = row.register.meter
    return [
        row.time, row.until, name_register(meter, row.register.quantity), name_decision(row.kind),
        to_decimal(row.booked), to_decimal(row.withheld),
        symbol(meter.unit),
    ]  # fmt: skip


def name_decision(kind: str) -> str:
    """Say what was decided about samples that do not simply continue."""
    return {
        Judgement.FIRST: _("first reading"), Judgement.GLITCH: _("reading set aside"),
        Judgement.SPIKE: _("spike set aside"), Judgement.OUTLIER: _("outlier set aside"),
        Judgement.ROLLOVER: _("register began again"), Judgement.RESET: _("register was reset"),
        Judgement.JUMP: _("jump, withheld"), Judgement.GAP: _("gap"),
        Judgement.SCALE: _("readings in another unit"),
    }[Judgement(kind)]  # fmt: skip
