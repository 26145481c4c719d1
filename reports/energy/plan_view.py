"""The page on budgets and savings as its template wants it: every number written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from energy.lib.units import symbol
from metering.analysis.forecast import BudgetLine, BudgetVerdict, Forecast, Method
from metering.analysis.kept import Verdict, judge_fit
from metering.analysis.savings import Savings
from metering.models import Driver, Measure
from metering.queries.plans import BudgetAnswer, SavedMonth, SavingsAnswer
from reports.energy.chart import Bar, Chart, Layer, draw_bands, draw_bars
from reports.energy.facts import Fact
from reports.energy.view_model import AxisLabel, BarView, ChartView, Legend, digits_for
from reports.energy.words import (
    budget_verdict_label,
    fit_verdict_label,
    month_name,
    month_short,
)
from reports.templatetags.ui import number

BADGES = {
    BudgetVerdict.MET: "good", BudgetVerdict.ON_TRACK: "good", BudgetVerdict.EXCEEDED: "bad",
    BudgetVerdict.WILL_EXCEED: "bad", BudgetVerdict.MAY_EXCEED: "uncertain",
    BudgetVerdict.UNKNOWN: "missing",
}  # fmt: skip
FIT_BADGES = {Verdict.GOOD: "good", Verdict.LOOSE: "uncertain", Verdict.POOR: "bad"}


@dataclass(frozen=True, slots=True)
class Row:
    """A month of a table; `badge` is the kind of it, `state` its text."""

    label: str
    cells: tuple[str, ...]
    state: str = ""
    badge: str = ""


@dataclass(frozen=True, slots=True)
class PlanView:
    """A budget or savings: tiles, chart, rows of the table and the row of the sum."""

    tiles: tuple[Fact, ...]
    chart: ChartView | None
    rows: tuple[Row, ...]
    total: Row | None


@dataclass(frozen=True, slots=True)
class FitView:
    """What a baseline is worth; `badge` is the kind of it."""

    badge: str
    label: str
    period: str
    driver: str
    formula: str
    figures: tuple[tuple[str, str], ...]
    warning: str


def view_budget(answer: BudgetAnswer) -> PlanView:
    """Write a budget beside what was used or spent."""
    unit = symbol(answer.unit)
    is_cost = answer.budget.measure == Measure.COST
    lines = (answer.year, *answer.months)
    digits = 2 if is_cost else digits_for([float(line.plan_kwh) for line in answer.months])
    rows = tuple(_budget_row(month_name(line.month.month), line, digits) for line in answer.months)
    return PlanView(
        tiles=_budget_tiles(answer.year, unit, digits),
        chart=_budget_chart(answer, rows, unit, digits),
        rows=rows,
        total=_budget_row(_("Year"), lines[0], digits),
    )


def _budget_row(label: str, line: BudgetLine, digits: int) -> Row:
    found = line.forecast
    is_known = found.method is not Method.NONE
    cells = (
        number(float(line.plan_kwh), digits),
        number(float(found.actual_kwh), digits) if found.actual_kwh else "–",
        number(float(found.total_kwh), digits) if is_known else "–",
        _signed(line.difference_kwh, digits) if is_known else "–",
    )
    return Row(label, cells, budget_verdict_label(line.verdict), BADGES[line.verdict])


def _signed(amount: Decimal | float, digits: int) -> str:
    shown = round(float(amount), digits)
    sign = "+" if shown > 0 else "−" if shown < 0 else ""
    return f"{sign}{number(abs(shown), digits)}"


def _budget_tiles(year: BudgetLine, unit: str, digits: int) -> tuple[Fact, ...]:
    found = year.forecast
    plan = float(year.plan_kwh)
    used = float(found.actual_kwh)
    share = _("%s %% of the budget") % number(100 * used / plan, 1) if plan else ""
    tiles = [
        Fact(_("Budget of the year"), number(plan, digits), unit, ""),
        Fact(_("So far"), number(used, digits), unit, share),
    ]
    if found.method is not Method.NONE:
        more = year.difference_kwh
        kind = "more" if more > 0 else "less" if more < 0 else ""
        total = number(float(found.total_kwh), digits)
        tiles.append(Fact(_("Expected in the end"), total, unit, _band(found, digits), ""))
        state = budget_verdict_label(year.verdict)
        tiles.append(Fact(_("Difference"), _signed(more, digits), unit, state, kind))
    return tuple(tiles)


def _band(found: Forecast, digits: int) -> str:
    if found.method is Method.OVER:
        return ""
    if found.low_kwh is None or found.high_kwh is None:
        return _("No range can be given yet.")
    return _("between %(low)s and %(high)s") % {
        "low": number(float(found.low_kwh), digits), "high": number(float(found.high_kwh), digits),
    }  # fmt: skip


def _budget_chart(answer: BudgetAnswer, rows: Sequence[Row], unit: str, digits: int) -> ChartView:
    months = answer.months
    used = np.array([float(line.forecast.actual_kwh) for line in months])
    ahead = np.array([float(line.forecast.total_kwh) for line in months]) - used
    plan = np.array([float(line.plan_kwh) for line in months])
    nothing = np.zeros(len(months))
    layers = [Layer("bar-use", used, nothing), Layer("bar-rest", ahead, nothing)]
    chart = draw_bars(layers, plan, [False] * len(months))
    names = (_("Budget"), _("So far"), _("Expected in the end"))
    lines = [
        tuple(f"{name}: {cell} {unit}" for name, cell in zip(names, row.cells, strict=False))
        for row in rows
    ]
    rest = number(ahead.sum(), digits)
    legend = [
        Legend("bar-use", _("So far"), f"{number(used.sum(), digits)} {unit}", "", "", ""),
        Legend("bar-rest", _("Still expected"), f"{rest} {unit}", "", "", ""),
        Legend("bar-before", _("Budget"), f"{number(plan.sum(), digits)} {unit}", "", "", ""),
    ]
    dates = [line.month for line in months]
    return _chart(chart, dates, [row.label for row in rows], lines, legend, unit)


def _chart(
    chart: Chart, dates: Sequence[dt.date], names: Sequence[str],
    lines: Sequence[tuple[str, ...]], legend: Sequence[Legend], unit: str,
) -> ChartView:  # fmt: skip
    count = len(dates)
    every = 1 + (count - 1) // 12
    labels = tuple(
        AxisLabel(f"{(at + 0.5) / count * 100:.3f}%", month_short(day.month), "")
        for at, day in enumerate(dates) if at % every == 0
    )  # fmt: skip
    bars = tuple(
        _bar_view(bar, name, said) for bar, name, said in zip(chart.bars, names, lines, strict=True)
    )
    ticks = tuple((mark.at, number(mark.value, chart.digits)) for mark in chart.ticks)
    return ChartView(
        chart=chart, bars=bars, ticks=ticks, labels=labels, legend=tuple(legend), columns=(),
        unit=unit, guess_label="", has_gaps=False,
    )  # fmt: skip


def _bar_view(bar: Bar, name: str, lines: tuple[str, ...]) -> BarView:
    return BarView(bar=bar, label=name, lines=lines, href="", cells=(), note="")


def view_savings(answer: SavingsAnswer, unit: str) -> PlanView:
    """Write what was saved since a measure."""
    unit = symbol(unit)
    sizes = [month.savings.expected_kwh for month in answer.months if month.savings]
    digits = digits_for(sizes)
    rows = tuple(_saved_row(month, digits) for month in answer.months)
    total = answer.total
    return PlanView(
        tiles=_saved_tiles(total, unit, digits) if total else (),
        chart=_savings_chart(answer, rows, unit, digits) if total else None,
        rows=rows,
        total=Row(_("Together"), _saved_cells(total, "", digits)) if total else None,
    )


def _saved_row(month: SavedMonth, digits: int) -> Row:
    label = date_format(month.month, "YEAR_MONTH_FORMAT")
    if month.savings is None:
        return Row(label, ("–", "–", "–", "–", _("0 of %s") % month.days))
    days = _("%(known)s of %(days)s") % {"known": month.savings.days, "days": month.days}
    return Row(label, _saved_cells(month.savings, days, digits))


def _saved_cells(found: Savings, days: str, digits: int) -> tuple[str, ...]:
    unsure = found.uncertainty_kwh
    return (
        number(found.expected_kwh, digits), number(found.actual_kwh, digits),
        _signed(found.avoided_kwh, digits),
        "–" if unsure is None else f"± {number(unsure, digits)}", days or str(found.days),
    )  # fmt: skip


def _saved_tiles(total: Savings, unit: str, digits: int) -> tuple[Fact, ...]:
    unsure = total.uncertainty_kwh
    kind = ("less" if total.avoided_kwh > 0 else "more") if total.is_certain else ""
    note = (
        "" if unsure is None else _("± %s, nine times in ten") % f"{number(unsure, digits)} {unit}"
    )
    tiles = [
        Fact(
            _("Saved"), _signed(total.avoided_kwh, digits), unit, note, kind
        )
    ]  # fmt: skip
    if total.avoided_share is not None:
        share = _signed(100 * total.avoided_share, 1)
        sure = (
            _("more than the uncertainty")
            if total.is_certain else _("no more than the uncertainty: it may be chance")
        )  # fmt: skip
        tiles.append(Fact(_("Of what was to be expected"), share, "%", sure))
    expected, actual = number(total.expected_kwh, digits), number(total.actual_kwh, digits)
    tiles.append(Fact(_("Without the measure"), expected, unit, _("by the baseline")))
    tiles.append(Fact(_("Used"), actual, unit, _("on %s days") % total.days))
    return tuple(tiles)


def _savings_chart(answer: SavingsAnswer, rows: Sequence[Row], unit: str, digits: int) -> ChartView:
    found = [month.savings for month in answer.months]
    values = np.array([one.avoided_kwh if one else 0.0 for one in found])
    halves = np.array([(one.uncertainty_kwh or 0.0) if one else 0.0 for one in found])
    chart = draw_bands(values, halves, [one is None for one in found])
    lines = [
        (f"{_('Saved')}: {row.cells[2]} {unit}", f"{_('Uncertainty')}: {row.cells[3]} {unit}")
        for row in rows
    ]
    total = f"{number(values.sum(), digits)} {unit}"
    legend = [
        Legend("bar-saved", _("Saved"), total, "", "", ""),
        Legend("bar-band", _("Uncertainty, nine times in ten"), "", "", "", ""),
    ]
    if (values < 0).any():
        legend.insert(1, Legend("bar-more", _("Used more"), "", "", "", ""))
    dates = [month.month for month in answer.months]
    return _chart(chart, dates, [row.label for row in rows], lines, legend, unit)


def view_fit(answer: SavingsAnswer, unit: str) -> FitView:
    """Write how a baseline was made and how well it follows its reference period."""
    baseline, unit = answer.baseline, symbol(unit)
    verdict = judge_fit(baseline.cvrmse)
    last = baseline.end - dt.timedelta(days=1)
    start, end = (date_format(day, "SHORT_DATE_FORMAT") for day in (baseline.start, last))
    driver = baseline.get_driver_display()
    if baseline.driver == Driver.TEMPERATURE and baseline.channel:
        driver = f"{driver} ({baseline.channel.device.name})"
    cvrmse = "–" if baseline.cvrmse is None else f"{number(100 * baseline.cvrmse, 1)} %"
    nmbe = "–" if baseline.nmbe is None else f"{number(100 * baseline.nmbe, 2)} %"
    return FitView(
        badge=FIT_BADGES[verdict],
        label=fit_verdict_label(verdict),
        period=f"{start} – {end}",
        driver=driver,
        formula=_formula(baseline.model, unit),
        figures=(
            ("R²", number(baseline.r2, 3)), ("CV(RMSE)", cvrmse), ("NMBE", nmbe),
            (_("Days"), str(baseline.observations)),
        ),
        warning=_warning(verdict),
    )  # fmt: skip


def _warning(verdict: Verdict) -> str:
    if verdict is Verdict.POOR:
        return _("The use scatters more than its mean (CV(RMSE) above 1, the limit of "
                 "CalTRACK): these savings prove nothing.")  # fmt: skip
    if verdict is Verdict.LOOSE:
        return _("The use scatters by more than a quarter of its mean, which ASHRAE guideline 14 "
                 "allows: look at the uncertainty.")  # fmt: skip
    return ""


def _formula(model: dict[str, object], unit: str) -> str:
    """Write a model of temperatures; blank for a table of weekdays."""
    if "base" not in model:
        return ""

    def text(name: str, digits: int) -> str:
        return number(float(str(model[name])), digits)

    parts = [_("%s a day") % f"{text('base', 1)} {unit}"]
    if model["heating_point"] is not None:
        parts.append(_("%(slope)s for each K below %(point)s °C") % {
            "slope": f"{text('heating_slope', 2)} {unit}", "point": text("heating_point", 1),
        })  # fmt: skip
    if model["cooling_point"] is not None:
        parts.append(_("%(slope)s for each K above %(point)s °C") % {
            "slope": f"{text('cooling_slope', 2)} {unit}", "point": text("cooling_point", 1),
        })  # fmt: skip
    return " + ".join(parts)
