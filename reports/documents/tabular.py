"""The numbers of a chart as a table, for those who count on."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from reports.documents.content import (
    BarChart,
    Cell,
    Chart,
    ChartSeries,
    Column,
    HeatMap,
    Kind,
    LineChart,
    Table,
)


def table_of(chart: Chart) -> Table:
    """Return a row for each category or day; shares of what is estimated stand beside it."""
    if isinstance(chart, HeatMap):
        return _heat_table(chart)
    columns = [Column(_("Period"))]
    for one in chart.series:
        columns.append(Column(one.name, Kind.NUMBER, chart.unit, chart.digits))
        if has_estimates(one):
            name = _("%(name)s, estimated share") % {"name": one.name}
            columns.append(Column(name, Kind.PERCENT, digits=1))
    return Table(chart.title, columns, _chart_rows(chart), quality=chart.quality)


def has_estimates(series: ChartSeries) -> bool:
    """Say whether any value is estimated, be it in part."""
    return any(series.estimated)


def _chart_rows(chart: BarChart | LineChart) -> Iterator[list[Cell]]:
    for index, category in enumerate(chart.categories):
        row: list[Cell] = [category]
        for one in chart.series:
            value = one.values[index] if index < len(one.values) else None
            row.append(value)
            if has_estimates(one):
                row.append(None if value is None else round(100 * one.estimated_share(index), 6))
        yield row


def _heat_table(chart: HeatMap) -> Table:
    columns = [Column(_("Day"))]
    columns += [Column(hour, Kind.NUMBER, chart.unit, chart.digits) for hour in chart.hours]
    rows = ([day, *values] for day, values in zip(chart.days, chart.values, strict=True))
    return Table(chart.title, columns, rows, quality=chart.quality)
