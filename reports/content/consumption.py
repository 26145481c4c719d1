"""Reports of consumption: how much, when, compared with what."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from django.utils.formats import number_format
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from metering.analysis.compare import Period
from metering.models import Commodity, Quantity, Role
from metering.series import Ints, to_decimal
from reports.content.comparing import Compared, compare
from reports.content.figures import Buckets, MeterFigures, Shares, read_figures
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
from reports.documents.wording import day_pattern

MAX_BARS = 7  # meters with a colour of their own
MAX_PDF_CELLS = 4_000


@dataclass(frozen=True, slots=True)
class Flow:
    """What is summed up at the top: registers of which none is part of another one."""

    label: str
    registers: Sequence[MeterFigures]

    @property
    def unit(self) -> str:
        """Return the unit of all of them."""
        return self.registers[0].meter.unit


def write_consumption(subject: Subject) -> list[Section]:
    """Return the sections of a report of consumption."""
    figures = read_figures(
        subject.meters, subject.question.period, subject.buckets, now=subject.now
    )
    if subject.is_table_only:
        return [_step_table(subject, figures)]
    compared = compare(subject, figures)
    flows = find_flows(subject, figures)
    sections: list[Section] = [KeyFigures([_key_figure(flow, compared) for flow in flows])]
    sections += [_chart(subject.buckets, flow) for flow in flows]
    for commodity in Commodity:
        rows = [one for one in figures if one.meter.commodity == commodity]
        if rows:
            sections.append(_meter_table(str(commodity.label), rows, compared))
    cells = len(subject.buckets) * len(figures)
    if subject.question.format != "pdf" or cells <= MAX_PDF_CELLS:
        sections.append(_step_table(subject, figures))
    return sections


def find_flows(subject: Subject, figures: Sequence[MeterFigures]) -> list[Flow]:
    """Return what to add up: the grid where it is metered, else what is consumed."""
    flows = []
    for commodity in Commodity:
        rows = [one for one in figures if one.meter.commodity == commodity]
        flows += _flows_of(subject, rows, str(commodity.label))
    return [flow for flow in flows if flow.registers]


def _flows_of(subject: Subject, rows: Sequence[MeterFigures], name: str) -> list[Flow]:
    tops = {meter.id for meter in subject.tops(dict.fromkeys(one.meter for one in rows))}
    heads = [one for one in rows if one.meter.id in tops]
    grid = [one for one in heads if one.meter.role == Role.GRID]
    if grid:
        drawn = [one for one in grid if one.quantity == Quantity.IMPORT]
        fed = [one for one in grid if one.quantity == Quantity.EXPORT]
        flows = [Flow(_("%(name)s drawn") % {"name": name}, drawn),
                 Flow(_("%(name)s fed in") % {"name": name}, fed)]  # fmt: skip
    else:
        used = [one for one in heads if one.meter.role in {Role.LOAD, Role.CHARGING}]
        used = [one for one in used if one.quantity == Quantity.IMPORT]
        flows = [Flow(_("%(name)s consumed") % {"name": name}, used)]
    return [*flows, Flow(_("%(name)s produced") % {"name": name}, _production(subject, rows))]


def _production(subject: Subject, rows: Sequence[MeterFigures]) -> list[MeterFigures]:
    """Return what producers give: their export where it is counted, as some also draw."""
    makers = [one for one in rows if one.meter.role == Role.PRODUCTION]
    tops = {meter.id for meter in subject.tops(dict.fromkeys(one.meter for one in makers))}
    exporting = {one.meter.id for one in makers if one.quantity == Quantity.EXPORT}
    return [
        one
        for one in makers
        if one.meter.id in tops
        and (one.quantity == Quantity.EXPORT or one.meter.id not in exporting)
    ]


def _key_figure(flow: Flow, compared: Compared | None) -> KeyFigure:
    total = sum((one.total for one in flow.registers), Decimal())
    is_known = any(one.shares.known for one in flow.registers)
    return KeyFigure(
        flow.label, total if is_known else None, flow.unit, _note(flow, compared), digits=1
    )


def _note(flow: Flow, compared: Compared | None) -> str:
    if compared is None:
        return ""
    pairs = [compared.of(one) for one in flow.registers]
    if any(pair is None for pair in pairs):
        return _("nothing to compare with")
    known = [pair for pair in pairs if pair is not None]
    now = sum((pair.current.kwh for pair in known), Decimal())
    base = sum((pair.base.kwh for pair in known), Decimal())
    is_like = all(pair.is_like for pair in known)
    return write_change(now, base, write_days(compared.period), is_like=is_like)


def write_change(now: Decimal, base: Decimal | None, period: str, *, is_like: bool = True) -> str:
    """Say how a value differs from that of another period."""
    if not base:
        return _("nothing to compare with")
    percent = (now - base) / abs(base) * 100
    number = number_format(percent, 1, use_l10n=True, force_grouping=True)
    words = {"percent": f"{'+' if percent > 0 else ''}{number}", "period": period}
    if not is_like:
        return _("%(percent)s %% against %(period)s, of which less is known") % words
    return _("%(percent)s %% against %(period)s") % words


def write_days(period: Period) -> str:
    """Return the days of a period in the language that is active."""
    return f"{write_day(period.start)} – {write_day(period.end - dt.timedelta(days=1))}"


def write_day(day: dt.date) -> str:
    """Return a day in the language that is active."""
    return day.strftime(day_pattern(get_language() or "en"))


def _chart(buckets: Buckets, flow: Flow) -> BarChart:
    rows = sorted(flow.registers, key=lambda one: -one.total)
    series = [_bars(name_register(one.meter, one.quantity), [one]) for one in rows[:MAX_BARS]]
    if len(rows) > MAX_BARS:
        series.append(_bars(_("Others"), rows[MAX_BARS:]))
    names = [name_step(buckets, place) for place in range(len(buckets))]
    shares = sum((one.shares for one in rows), Shares(0))
    return BarChart(flow.label, names, series, flow.unit, 1, is_stacked=True, quality=shares.line)


def _bars(name: str, rows: Sequence[MeterFigures]) -> ChartSeries:
    amounts, known, guessed = (
        np.sum([getattr(one, field) for one in rows], axis=0)
        for field in ("amounts", "known", "guessed")
    )
    values: list[Number | None] = [
        to_decimal(int(amount)) if count else None
        for amount, count in zip(amounts, known, strict=True)
    ]
    return ChartSeries(name, values, [float(share) for share in guessed / np.maximum(known, 1)])


def name_step(buckets: Buckets, place: int) -> str:
    """Return the name of a step on an axis."""
    local = buckets.local(place)
    if buckets.width == "1mo":
        return f"{local:%Y-%m}"
    if buckets.width == "1d":
        is_day_first = day_pattern(get_language() or "en").startswith("%d")
        return f"{local:%d.%m.}" if is_day_first else f"{local:%m-%d}"
    return f"{local:%d. %H:%M}" if len(buckets) > 100 else f"{local:%H:%M}"


def _meter_table(title: str, figures: Sequence[MeterFigures], compared: Compared | None) -> Table:
    unit = figures[0].meter.unit
    columns = [Column(_("Meter")), Column(_("Amount"), Kind.NUMBER, unit, 3)]
    if compared is not None:
        name = write_days(compared.period)
        columns += [
            Column(name, Kind.NUMBER, unit, 3),
            Column(pgettext("amount", "Change"), Kind.PERCENT, "", 1),
        ]
    columns += [
        Column(_("Estimated"), Kind.PERCENT, "", 1),
        Column(_("Missing"), Kind.PERCENT, "", 1),
    ]
    shares = sum((one.shares for one in figures), Shares(0))
    rows: list[Row] = [_meter_row(one, compared) for one in figures]
    return Table(title, columns, rows, quality=shares.line)


def _meter_row(one: MeterFigures, compared: Compared | None) -> list[Cell]:
    row: list[Cell] = [name_register(one.meter, one.quantity)]
    row.append(one.total if one.shares.known else None)
    if compared is not None:
        other = compared.of(one)
        row += [other.base.kwh, other.percent] if other else [None, None]
    line = one.shares.line
    return row + ([_not_measured(one.shares), line.missing] if line else [None, None])


def _not_measured(shares: Shares) -> Decimal:
    guessed = shares.prorated + shares.estimated + shares.manual
    return Decimal(guessed) * 100 / shares.expected


def _step_table(subject: Subject, figures: Sequence[MeterFigures]) -> Table:
    """Return a row for each step with a column for each register."""
    kind = {"1d": Kind.DAY, "1mo": Kind.TEXT}.get(subject.buckets.width, Kind.TIME)
    columns = [Column(_("From"), kind)]
    columns += [
        Column(name_register(one.meter, one.quantity), Kind.NUMBER, one.meter.unit, 3)
        for one in figures
    ]
    columns += [
        Column(_("Estimated"), Kind.PERCENT, "", 1),
        Column(_("Missing"), Kind.PERCENT, "", 1),
    ]
    shares = sum((one.shares for one in figures), Shares(0))
    return Table(_("By time"), columns, _step_rows(subject, figures), quality=shares.line)


def _step_rows(subject: Subject, figures: Sequence[MeterFigures]) -> Iterator[Row]:
    buckets = subject.buckets
    expected = buckets.expected(int(subject.now.timestamp()) // 900) * len(figures)
    known = _sum(figures, "known", len(buckets))
    guessed = _sum(figures, "guessed", len(buckets))
    for place in range(len(buckets)):
        row: list[Cell] = [_moment(buckets, place), *(one.value(place) for one in figures)]
        asked = int(expected[place])
        parts = (int(guessed[place]), max(asked - int(known[place]), 0))
        yield row + [Decimal(part) * 100 / asked if asked > 0 else None for part in parts]


def _sum(figures: Sequence[MeterFigures], field: str, count: int) -> Ints:
    total = np.zeros(count, dtype=np.int64)
    for one in figures:
        total += getattr(one, field)
    return total


def _moment(buckets: Buckets, place: int) -> Cell:
    local = buckets.local(place)
    if buckets.width == "1mo":
        return f"{local:%Y-%m}"
    return local.date() if buckets.width == "1d" else local
