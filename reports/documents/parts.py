"""A value split into what was measured and what was not, and the colours of series."""

from __future__ import annotations

from reports.documents.content import BarChart, ChartSeries

# told apart also without seeing red and green; the first is the colour of the pages
PALETTE = ("#2b87a1", "#e08a1e", "#5b5ea6", "#7a9e3b", "#b8446a", "#8c6d4f", "#4fb0a5", "#6f7b85")


def colour_of(number: int) -> str:
    """Return the colour of a series by its place."""
    return PALETTE[number % len(PALETTE)]


def split_value(series: ChartSeries, index: int) -> tuple[float, float] | None:
    """Return the measured and the estimated part of a value; None for a gap."""
    value = series.value_at(index)
    if value is None:
        return None
    estimated = value * series.estimated_share(index)
    return value - estimated, estimated


def has_split_bars(chart: BarChart) -> bool:
    """Say whether bars lie on top of each other, so that one can be cut in two parts."""
    return chart.is_stacked or len(chart.series) == 1
