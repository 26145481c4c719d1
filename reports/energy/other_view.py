"""The bars in money or in CO₂: every number written, every address made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from django.utils.translation import gettext as _

from metering.queries.emissions import Emissions
from metering.queries.energy import Summary
from metering.queries.energy_costs import CostBand, EnergyCosts
from metering.series import MICRO
from reports.energy.chart import Bar, Floats, Layer, draw_bars
from reports.energy.view_model import (
    Address,
    BarView,
    ChartView,
    Legend,
    axis_labels,
    digits_for,
    drill_url,
)
from reports.energy.words import bucket_label
from reports.templatetags.ui import number

GRAMS = 1000  # of a kg


@dataclass(frozen=True, slots=True)
class Shown:
    """A part of every bar in the unit that is shown; `css` is its colour."""

    css: str
    label: str
    amounts: Floats
    guessed: Floats
    href: str = ""


@dataclass(frozen=True, slots=True)
class Amounts:
    """What is drawn: parts, their sums by bucket, those of the other period, odd buckets."""

    parts: Sequence[Shown]
    totals: Floats
    before: Floats | None
    notes: Sequence[str]
    unit: str
    total_label: str
    guess_label: str


def view_costs(
    summary: Summary, costs: EnergyCosts, *, by_meter: bool, address: Address
) -> ChartView:
    """Draw costs by component or by meter; what is provisional is hatched."""
    bands = costs.meters if by_meter else costs.components
    parts = [_cost_part(place, band, address) for place, band in enumerate(bands)]
    open_part = np.where(costs.amounts > 0, np.clip(costs.open, 0, costs.amounts), 0) / MICRO
    amounts = Amounts(
        parts=_hatch_top(parts, open_part),
        totals=costs.amounts / MICRO,
        before=costs.compared.amounts / MICRO if costs.compared else None,
        notes=[_cost_note(*row) for row in zip(costs.open, costs.unpriced, strict=True)],
        unit=costs.currency,
        total_label=_("Cost"),
        guess_label=_("Provisional") if open_part.any() else "",
    )
    return _view(summary, amounts, address)


def view_emissions(summary: Summary, found: Emissions, address: Address) -> ChartView:
    """Draw kilograms of CO₂ by meter; what comes from estimated energy is hatched."""
    parts = [
        Shown(
            "bar-co2" if len(found.bands) == 1 else f"bar-circuit-{place % 8}",
            band.meter.name,
            band.amounts / GRAMS,
            band.guessed / GRAMS,
            address(meter=str(band.meter.id)),
        )
        for place, band in enumerate(found.bands)
    ]
    amounts = Amounts(
        parts=parts,
        totals=found.amounts / GRAMS,
        before=found.compared.amounts / GRAMS if found.compared else None,
        notes=[_("no factor for %s h") % number(n / 4, 2) if n else "" for n in found.unknown],
        unit="kg",
        total_label=_("CO₂"),
        guess_label=_("Estimated") if any(part.guessed.any() for part in parts) else "",
    )
    return _view(summary, amounts, address)


def money_digits(amounts: Sequence[float]) -> int:
    """Return after how many digits money of this size may end; never less than cents."""
    largest = max((abs(amount) for amount in amounts), default=0.0)
    return 2 if largest >= 0.1 or not largest else 4


def _cost_part(place: int, band: CostBand, address: Address) -> Shown:
    amounts = band.amounts / MICRO
    label = band.name or _("Others")
    href = address(meter=str(band.meter.id)) if band.meter else ""
    return Shown(f"bar-circuit-{place % 8}", label, amounts, np.zeros(len(amounts)), href)


def _hatch_top(parts: Sequence[Shown], hatched: Floats) -> list[Shown]:
    """Lay the hatching over the tops of the bars, from the last part downwards."""
    found: list[Shown] = []
    left = hatched
    for part in reversed(parts):
        own = np.minimum(np.maximum(part.amounts, 0), left)
        left = left - own
        found.append(Shown(part.css, part.label, part.amounts, own, part.href))
    return found[::-1]


def _cost_note(provisional: int, unpriced: int) -> str:
    notes = []
    if provisional:
        notes.append(_("provisional"))
    if unpriced:
        notes.append(_("no price for %s h") % number(int(unpriced) / 4, 2))
    return ", ".join(notes)


def _view(summary: Summary, shown: Amounts, address: Address) -> ChartView:
    layers = [Layer(part.css, part.amounts, part.guessed) for part in shown.parts]
    gaps = [bool(note) and note != _("provisional") for note in shown.notes]
    chart = draw_bars(layers, shown.before, gaps)
    starts = summary.frame.starts()
    digits = _digits(shown, [float(value) for value in shown.totals])
    columns = [shown.total_label, *(part.label for part in shown.parts if len(shown.parts) > 1)]
    return ChartView(
        chart=chart,
        bars=tuple(
            _bar(at, start, bar, summary, shown, digits, address)
            for at, (start, bar) in enumerate(zip(starts, chart.bars, strict=True))
        ),
        ticks=tuple((mark.at, number(mark.value, chart.digits)) for mark in chart.ticks),
        labels=axis_labels(summary.frame, starts),
        legend=tuple(_legend(shown)),
        columns=tuple(columns if shown.before is None else [*columns, _("Before")]),
        unit=shown.unit,
        guess_label=shown.guess_label,
        has_gaps=any(gaps),
    )


def _digits(shown: Amounts, amounts: Sequence[float]) -> int:
    return digits_for(amounts) if shown.unit == "kg" else money_digits(amounts)


def _bar(
    at: int,
    start: dt.datetime,
    bar: Bar,
    summary: Summary,
    shown: Amounts,
    digits: int,
    address: Address,
) -> BarView:
    def amount(value: float) -> str:
        return f"{number(value, digits)} {shown.unit}"

    parts = shown.parts if len(shown.parts) > 1 else ()
    values = [float(shown.totals[at]), *(float(part.amounts[at]) for part in parts)]
    lines = [amount(values[0])]
    lines += [f"{part.label} {amount(part.amounts[at])}" for part in parts if part.amounts[at]]
    if shown.before is not None:
        known = at < len(shown.before)
        values.append(float(shown.before[at]) if known else 0.0)
        lines += [_("Before: %s") % amount(values[-1])] if known else []
    note = shown.notes[at]
    return BarView(
        bar=bar,
        label=bucket_label(summary, at, start),
        lines=tuple([*lines, note] if note else lines),
        href=drill_url(summary.frame, start, address),
        cells=tuple(number(value, digits) if value else "–" for value in values),
        note=note,
    )


def _legend(shown: Amounts) -> Iterator[Legend]:
    whole = float(shown.totals.sum())
    for part in shown.parts:
        total = float(part.amounts.sum())
        share = f"{number(100 * total / whole, 1)} %" if whole > 0 and total > 0 else ""
        text = f"{number(total, _digits(shown, [total]))} {shown.unit}"
        yield Legend(part.css, part.label, text, share, "", part.href)
