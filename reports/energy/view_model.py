"""The energy page as its template wants it: every number written, every address made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from django.utils.translation import gettext as _

from energy.lib.units import symbol
from metering.queries.energy import Band, Summary
from metering.queries.frames import Frame, Step, Unit, write_day
from metering.series import MICRO
from reports.energy.chart import Bar, Chart, Layer, band_css, draw_bars
from reports.energy.words import axis_label, band_label, bucket_label, hours_label
from reports.templatetags.ui import number

# every how many bars a label stands below them
_LABELS = {
    (Unit.DAY, Step.HOUR): 3, (Unit.DAY, Step.QUARTER): 12, (Unit.WEEK, Step.HOUR): 24,
    (Unit.MONTH, Step.DAY): 5,
}  # fmt: skip
Address = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Legend:
    """A band: its colour, name, sum and share of all above the line (%, blank below it)."""

    css: str
    label: str
    total: str
    share: str
    guessed: str
    href: str


@dataclass(frozen=True, slots=True)
class BarView:
    """A bar with what it says and where it leads."""

    bar: Bar
    label: str
    lines: tuple[str, ...]
    href: str
    cells: tuple[str, ...]
    note: str

    @property
    def text(self) -> str:
        """Return all it says, for those who hear the page."""
        return f"{self.label}: {'; '.join(self.lines)}"


@dataclass(frozen=True, slots=True)
class AxisLabel:
    """A label below the bars; `css` tells at which end it stands."""

    x: str
    text: str
    css: str


@dataclass(frozen=True, slots=True)
class ChartView:
    """The drawing with its words."""

    chart: Chart
    bars: tuple[BarView, ...]
    ticks: tuple[tuple[str, str], ...]
    labels: tuple[AxisLabel, ...]
    legend: tuple[Legend, ...]
    columns: tuple[str, ...]
    unit: str
    guess_label: str
    has_gaps: bool


def digits_for(amounts: Sequence[float]) -> int:
    """Return after how many digits a number of this size may end."""
    largest = max((abs(amount) for amount in amounts), default=0.0)
    return 0 if largest >= 1000 else 1 if largest >= 10 else 2


def view_chart(summary: Summary, bands: Sequence[Band], address: Address) -> ChartView:
    """Put words and links to the bars."""
    before = summary.compared.amounts / MICRO if summary.compared else None
    known = np.minimum(summary.use.known, summary.expected)
    chart = draw_bars(_layers(bands), before, (known < summary.expected).tolist())
    unit = symbol(summary.scope.unit)
    digits = digits_for([float(amount) / MICRO for amount in summary.use.amounts])
    starts = summary.frame.starts()
    bars = tuple(
        _bar_view(at, start, bar, summary, bands, unit, digits, address)
        for at, (start, bar) in enumerate(zip(starts, chart.bars, strict=True))
    )
    return ChartView(
        chart=chart,
        bars=bars,
        ticks=tuple((mark.at, number(mark.value, chart.digits)) for mark in chart.ticks),
        labels=axis_labels(summary.frame, starts),
        legend=_legend(bands, unit, address),
        columns=_columns(summary, bands),
        unit=unit,
        guess_label=_("Estimated") if any(bool(band.guessed.any()) for band in bands) else "",
        has_gaps=any(bar.is_incomplete for bar in chart.bars),
    )


def _layers(bands: Sequence[Band]) -> list[Layer]:
    """Put what leaves the site below the line; each side counts its own colours."""
    layers = []
    places = {False: 0, True: 0}
    for band in bands:
        amounts = np.maximum(band.amounts, 0) / MICRO
        css = band_css(band, places[band.below])
        layers.append(Layer(css, -amounts if band.below else amounts, band.guessed / MICRO))
        places[band.below] += 1
    return layers


def _columns(summary: Summary, bands: Sequence[Band]) -> tuple[str, ...]:
    columns = [_("Consumption"), *(band_label(band) for band in bands if band.kind != "use")]
    if summary.compared:
        columns.append(_("Before"))
    return tuple(columns)


def _bar_view(
    at: int,
    start: dt.datetime,
    bar: Bar,
    summary: Summary,
    bands: Sequence[Band],
    unit: str,
    digits: int,
    address: Address,
) -> BarView:
    def amount(value: float) -> str:
        return number(value / MICRO, digits)

    shown = [band for band in bands if band.kind != "use"]
    values = [summary.use.amounts[at], *(band.amounts[at] for band in shown)]
    lines = [f"{amount(values[0])} {unit}"]
    lines += [
        f"{band_label(band)} {amount(band.amounts[at])} {unit}"
        for band in shown
        if band.amounts[at]
    ]
    if summary.compared and at < len(summary.compared.amounts):
        values.append(summary.compared.amounts[at])
        lines.append(_("Before: %s") % f"{amount(values[-1])} {unit}")
    note = _note(at, bar, summary, unit, digits)
    has_data = bool(summary.use.known[at] or summary.use.amounts[at])
    cells = tuple(amount(value) if has_data or value else "–" for value in values)
    return BarView(
        bar=bar,
        label=bucket_label(summary, at, start),
        lines=tuple([*lines, note] if note else lines),
        href=drill_url(summary.frame, start, address),
        cells=cells,
        note=note,
    )


def _note(at: int, bar: Bar, summary: Summary, unit: str, digits: int) -> str:
    """Say what is odd about a bucket."""
    notes = []
    if guessed := min(int(summary.use.guessed_amounts[at]), int(summary.use.amounts[at])):
        notes.append(_("estimated: %s") % f"{number(guessed / MICRO, digits)} {unit}")
    if bar.is_incomplete:
        expected = int(summary.expected[at])
        missing = 100 * (expected - min(int(summary.use.known[at]), expected)) / expected
        notes.append(_("%s %% missing") % number(missing, 1))
    return ", ".join(notes)


def drill_url(frame: Frame, start: dt.datetime, address: Address) -> str:
    """Return where a bar leads: year → month → day → quarter hours."""
    day = start.date()
    if frame.step is Step.MONTH:
        return address(period=Unit.MONTH.value, date=write_day(Unit.MONTH, day), step="")
    if frame.step is Step.DAY:
        return address(period=Unit.DAY.value, date=write_day(Unit.DAY, day), step="")
    if frame.unit is Unit.WEEK:
        return address(period=Unit.DAY.value, date=write_day(Unit.DAY, day), step="")
    return address(step=Step.QUARTER.value) if frame.step is Step.HOUR else ""


def axis_labels(frame: Frame, starts: Sequence[dt.datetime]) -> tuple[AxisLabel, ...]:
    """Write the labels that stand below the bars."""
    every = _LABELS.get((frame.unit, frame.step), 1)
    count = len(starts)
    is_month = frame.unit is Unit.MONTH
    chosen = [
        at for at in range(count)
        if (starts[at].day == 1 or (starts[at].day % 5 == 0 and at < count - 1) if is_month
            else _is_labelled(frame, starts, at, every))
    ]  # fmt: skip
    return tuple(
        AxisLabel(f"{(at + 0.5) / count * 100:.3f}%", axis_label(frame, starts[at]), "")
        for at in chosen
    )


def _is_labelled(frame: Frame, starts: Sequence[dt.datetime], at: int, every: int) -> bool:
    """Tell whether a label stands here: on even hours of the clock, whatever the day's length."""
    if frame.step in (Step.HOUR, Step.QUARTER):
        clock = starts[at].hour * 60 + starts[at].minute
        width = 60 if frame.step is Step.HOUR else 15
        return clock % (every * width) == 0 and (at == 0 or starts[at - 1].hour != starts[at].hour)
    return at % every == 0


def _legend(bands: Sequence[Band], unit: str, address: Address) -> tuple[Legend, ...]:
    above = sum(float(band.total) for band in bands if not band.below)
    found = []
    places = {False: 0, True: 0}
    for band in bands:
        total = float(band.total)
        share = f"{number(100 * total / above, 1)} %" if above > 0 and not band.below else ""
        guessed = int(band.guessed.sum())
        found.append(
            Legend(
                css=band_css(band, places[band.below]),
                label=band_label(band),
                total=f"{number(total, digits_for([total]))} {unit}",
                share=share,
                guessed=f"{number(guessed / MICRO, 1)} {unit}" if guessed else "",
                href=address(meter=str(band.meter.id), by="circuit") if band.meter else "",
            )
        )
        places[band.below] += 1
    return tuple(found)


def odd_day(frame: Frame) -> str:
    """Say that a day is longer or shorter than others; blank for a usual one."""
    hours = int(frame.widths.sum()) / 4
    return hours_label(hours) if frame.unit is Unit.DAY and hours != 24 else ""
