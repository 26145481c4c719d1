"""Reports of demand: its peaks, when they were, and the contracted power."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from metering.analysis.demand import (
    Excess,
    Peak,
    Windows,
    find_excess,
    find_peaks,
    find_windows,
    peak_per_day,
)
from metering.analysis.local import first_quarter, quarter_at
from metering.models import Meter
from metering.queries.series import meter_series
from metering.series import Grade
from reports.content.consumption import name_step, write_day
from reports.content.figures import Buckets, Shares, cut_buckets, shares_of
from reports.content.subject import Subject
from reports.documents.content import (
    Cell,
    ChartSeries,
    Column,
    KeyFigure,
    KeyFigures,
    Kind,
    LineChart,
    Row,
    Section,
    Table,
)
from reports.documents.wording import NBSP

MINUTES = 15
MAX_LINES = 8
_COUNT = 10


@dataclass(frozen=True, slots=True)
class Demand:
    """The demand of one meter, and the highest of each local day or month."""

    meter: Meter
    windows: Windows
    peaks: Sequence[Peak]
    by_step: Sequence[Peak | None]
    shares: Shares
    excess: Excess | None


def write_peaks(subject: Subject) -> list[Section]:
    """Return the sections of a report of peaks."""
    buckets = cut_buckets(
        subject.question.period, "1mo" if subject.question.width == "1mo" else "1d", subject.zone
    )
    demands = _read(subject, buckets)
    shares = sum((one.shares for one in demands), Shares(0))
    highest = _highest_table(demands, shares)
    if subject.is_table_only:
        return [highest]
    sections: list[Section] = [KeyFigures(_key_figures(demands, subject))]
    if demands:
        sections.append(_chart(demands, buckets, shares))
    if any(one.excess for one in demands):
        sections.append(_excess_table(demands))
    return [*sections, highest, _step_table(demands, buckets, shares)]


def _read(subject: Subject, buckets: Buckets) -> list[Demand]:
    """Only what is counted in kWh has a power."""
    meters = [meter for meter in subject.meters if meter.unit == "kWh"]
    period = subject.question.period
    first, last = (first_quarter(day, subject.zone) for day in (period.start, period.end))
    found = meter_series(meters, first, last - 1)
    expected = max(min(last, quarter_at(subject.now)) - first, 0)
    demands = []
    for meter in meters:
        if meter.id in found:
            windows = find_windows(found[meter.id], minutes=MINUTES, zone=subject.zone)
            limit = meter.contracted_kw
            demands.append(Demand(
                meter, windows, find_peaks(windows, count=_COUNT),
                _by_step(windows, buckets), shares_of(found[meter.id], expected),
                None if limit is None else find_excess(windows, limit_kw=limit),
            ))  # fmt: skip
    return demands


def _by_step(windows: Windows, buckets: Buckets) -> list[Peak | None]:
    found: list[Peak | None] = [None] * len(buckets)
    starts = [buckets.local(place).date() for place in range(len(buckets))]
    places = {day: place for place, day in enumerate(starts)}
    for day, peak in peak_per_day(windows, zone=buckets.zone).items():
        begin = day if day in places else day.replace(day=1)
        place = places.get(begin, 0)
        best = found[place]
        if best is None or peak.power_kw > best.power_kw:
            found[place] = peak
    return found


def _key_figures(demands: Sequence[Demand], subject: Subject) -> list[KeyFigure]:
    """Return the highest demand of each meter of the site, of at most six."""
    tops = {meter.id for meter in subject.tops(one.meter for one in demands)}
    shown = [one for one in demands if one.meter.id in tops and one.peaks][:6]
    return [
        KeyFigure(
            one.meter.name, one.peaks[0].power_kw, "kW",
            _moment(one.peaks[0].start.astimezone(subject.zone)), digits=1,
        )
        for one in shown
    ]  # fmt: skip


def _moment(local: dt.datetime) -> str:
    return f"{write_day(local.date())} {local:%H:%M}"


def _chart(demands: Sequence[Demand], buckets: Buckets, shares: Shares) -> LineChart:
    ranked = sorted(demands, key=lambda one: -(one.peaks[0].power_kw if one.peaks else 0))
    series = [
        ChartSeries(
            one.meter.name,
            [peak.power_kw if peak else None for peak in one.by_step],
            [float(peak is not None and peak.grade >= Grade.PRORATED) for peak in one.by_step],
        )
        for one in ranked[:MAX_LINES]
    ]
    names = [name_step(buckets, place) for place in range(len(buckets))]
    return LineChart(_("Highest demand"), names, series, "kW", 1, quality=shares.line)


def _highest_table(demands: Sequence[Demand], shares: Shares) -> Table:
    columns = [
        Column(_("Meter")), Column(_("Rank"), Kind.NUMBER, "", 0), Column(_("From"), Kind.TIME),
        Column(_("Demand"), Kind.NUMBER, "kW", 3), Column(_("Known as")),
    ]  # fmt: skip
    rows: list[Row] = [
        [one.meter.name, rank, peak.start, peak.power_kw, name_grade(peak.grade)]
        for one in demands
        for rank, peak in enumerate(one.peaks, start=1)
    ]
    title = _("Highest demands, mean of %(minutes)s minutes") % {"minutes": f"{MINUTES}{NBSP}"}
    return Table(title.replace(f"{NBSP} ", NBSP), columns, rows, quality=shares.line)


def _excess_table(demands: Sequence[Demand]) -> Table:
    columns = [
        Column(_("Meter")), Column(_("Contracted"), Kind.NUMBER, "kW", 1),
        Column(_("Highest"), Kind.NUMBER, "kW", 1), Column(_("Times above"), Kind.NUMBER, "", 0),
        Column(_("Drawn above"), Kind.NUMBER, "kWh", 3),
        Column(_("Not judged, incomplete"), Kind.NUMBER, "", 0),
    ]  # fmt: skip
    rows: list[Row] = [
        [
            one.meter.name, one.excess.limit_kw, one.peaks[0].power_kw if one.peaks else None,
            len(one.excess.peaks), one.excess.energy_kwh, one.excess.incomplete,
        ]
        for one in demands
        if one.excess
    ]  # fmt: skip
    return Table(_("Contracted power"), columns, rows)


def _step_table(demands: Sequence[Demand], buckets: Buckets, shares: Shares) -> Table:
    kind = Kind.TEXT if buckets.width == "1mo" else Kind.DAY
    columns = [Column(_("From"), kind)]
    columns += [Column(one.meter.name, Kind.NUMBER, "kW", 3) for one in demands]
    rows: list[Row] = []
    for place in range(len(buckets)):
        day = buckets.local(place).date()
        row: list[Cell] = [f"{day:%Y-%m}" if kind is Kind.TEXT else day]
        peaks = [one.by_step[place] for one in demands]
        rows.append([*row, *(peak.power_kw if peak else None for peak in peaks)])
    return Table(_("Highest demand by time"), columns, rows, quality=shares.line)


def name_grade(grade: Grade) -> str:
    """Say how an amount is known."""
    return {
        Grade.MEASURED: _("measured"), Grade.PRORATED: _("shared out evenly"),
        Grade.ESTIMATED: _("estimated"), Grade.MANUAL: _("entered by hand"),
    }[grade]  # fmt: skip
