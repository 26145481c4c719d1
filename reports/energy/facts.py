"""The figures above the bars: sum, change, peak, forecast and how well all is known."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from energy.lib.units import symbol
from metering.analysis.compare import Against, Pair, Period
from metering.analysis.flows import FlowTotals
from metering.analysis.forecast import Forecast, Method
from metering.models import Budget
from metering.queries.energy import Compared, Peak, Quality, Summary
from metering.queries.frames import Frame, Unit
from metering.queries.insight import find_forecast
from metering.queries.plans import find_frame_budget
from metering.series import to_decimal
from reports.energy.view_model import digits_for
from reports.templatetags.ui import number

UNCOUNTED = 0.005  # of what came in; less is the difference between two good meters
_POWERS = {"kWh": "kW", "m3": "m³/h"}


@dataclass(frozen=True, slots=True)
class Fact:
    """A tile: what, how much, and what it is seen against. `kind`: more, less or blank."""

    label: str
    value: str
    unit: str
    note: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """The tiles, and the line on quality with its state, see `Quality.state`."""

    tiles: tuple[Fact, ...]
    quality: str
    state: str

    @property
    def icon(self) -> str:
        """Return the picture beside the line."""
        return {"whole": "check", "shared": "info"}.get(self.state, "warning")


def view_facts(summary: Summary, flows: FlowTotals | None, *, now: dt.datetime) -> Facts:
    """Write the figures of a period."""
    tiles = [_total(summary)]
    if summary.compared:
        tiles.append(_change(summary.compared, symbol(summary.scope.unit)))
    if summary.peak:
        tiles.append(_peak(summary.peak, summary.scope.unit))
    forecast = find_forecast(summary, now=now)
    if forecast and forecast.method not in (Method.NONE, Method.OVER):
        tiles.append(_forecast(forecast, symbol(summary.scope.unit)))
    if budget := find_frame_budget(summary.scope, summary.frame):
        unit = symbol(summary.scope.unit)
        tiles.append(_budget_fact(budget, summary.frame, summary.total, forecast, unit))
    tiles += _own(flows) if flows else []
    quality = summary.quality
    return Facts(tuple(tiles), quality_line(quality), quality.state)


def quality_line(quality: Quality) -> str:
    """Say how well a period is known: 99.2 % measured, 0.8 % estimated."""
    if not (quality.measured or quality.prorated or quality.guessed):
        return _("Nothing is known of this period yet.")
    parts = [_("%s %% measured") % _share(quality.measured)]
    parts += [
        text % _share(share)
        for share, text in (
            (quality.prorated, _("%s %% shared out")),
            (quality.estimated, _("%s %% estimated")),
            (quality.manual, _("%s %% by hand")),
            (quality.missing, _("%s %% missing")),
        )
        if share
    ]
    line = ", ".join(parts)
    if quality.state == "shared":
        return _("%s: the sum is certain, when it was used is not") % line
    return line


def _share(share: float) -> str:
    """Write a share in percent; what is not all is never rounded to 100, nor some to 0."""
    percent = share * 100
    if 0 < share < 1:
        percent = min(max(percent, 0.1), 99.9)
    return number(percent, 0 if percent in (0.0, 100.0) else 1)


def _total(summary: Summary) -> Fact:
    total = float(summary.total)
    note = ""
    if guessed := min(float(summary.use.guessed_amounts.sum()) / 1e6, total):
        amount = f"{number(guessed, digits_for([guessed]))} {symbol(summary.scope.unit)}"
        note = _("of it estimated: %s") % amount
    elif uncounted := _uncounted(summary):
        amount = f"{number(uncounted, digits_for([uncounted]))} {symbol(summary.scope.unit)}"
        note = _("too low: %s went out that no meter saw come in") % amount
    return Fact(
        _("Consumption"), number(total, digits_for([total])), symbol(summary.scope.unit), note
    )


def _uncounted(summary: Summary) -> float:
    """Return what sources without a meter must have given, such as a roof that feeds in.

    A battery may feed in what it took long before; with one nothing is said.
    """
    if any(band.kind in ("battery", "charge") for band in summary.sources):
        return 0.0
    came_in = float(sum(band.total for band in summary.sources if not band.below))
    missing = came_in - float(summary.total)
    return missing if missing > UNCOUNTED * came_in else 0.0


def _change(compared: Compared, unit: str) -> Fact:
    comparison, base = compared.comparison, compared.pair.base_period
    label = against_label(compared.against)
    if comparison.percent is None:
        return Fact(label, "–", "", _("Nothing is known of %s.") % period_days(base))
    kwh = float(comparison.base.kwh)
    amount = f"{number(kwh, digits_for([kwh]))} {unit}"
    percent = float(comparison.percent)
    return change_fact(label, percent, amount, compared.pair, is_like=comparison.is_like)


def against_label(against: Against) -> str:
    """Name what a period is compared with."""
    return {
        Against.PREVIOUS: _("Against the period before"),
        Against.LAST_YEAR: _("Against the year before"),
        Against.SAME_WEEKDAY: _("Against the same weekdays"),
    }[against]


def change_fact(
    label: str, percent: float | None, amount: str, pair: Pair, *, is_like: bool
) -> Fact:
    """Write a change against an amount, and how far the two can be compared."""
    note = f"{amount}, {period_days(pair.base_period)}"
    if pair.running:
        note = _("%s, up to the same moment") % note
    if not is_like:
        note = _("%s; not all of it is known") % note
    if percent is None:
        return Fact(label, "–", "", note)
    percent = round(percent, 1)
    sign = "+" if percent > 0 else "−" if percent < 0 else ""
    kind = "more" if percent > 0 else "less" if percent < 0 else ""
    return Fact(label, f"{sign}{number(abs(percent), 1)}", "%", note, kind)


def period_days(period: Period) -> str:
    """Write the first and the last day of a period."""
    last = period.end - dt.timedelta(days=1)
    if last == period.start:
        return date_format(period.start, "SHORT_DATE_FORMAT")
    first = date_format(period.start, "SHORT_DATE_FORMAT")
    return f"{first} – {date_format(last, 'SHORT_DATE_FORMAT')}"


def _peak(peak: Peak, unit: str) -> Fact:
    power = float(peak.power)
    note = f"{date_format(peak.at, 'SHORT_DATE_FORMAT')} {peak.at:%H:%M}"
    kind = ""
    if peak.contracted:
        share = power / float(peak.contracted) * 100
        note = _("%(when)s, %(share)s %% of the contracted power") % {
            "when": note, "share": number(share, 0)
        }  # fmt: skip
        kind = "more" if share > 100 else ""
    return Fact(_("Highest quarter hour"), number(power, 2), _POWERS[unit], note, kind)


def _forecast(forecast: Forecast, unit: str) -> Fact:
    total = float(forecast.total_kwh)
    digits = digits_for([total])
    note = _("No range can be given yet.")
    if forecast.low_kwh is not None and forecast.high_kwh is not None:
        note = _("between %(low)s and %(high)s") % {
            "low": number(float(forecast.low_kwh), digits),
            "high": number(float(forecast.high_kwh), digits),
        }
    return Fact(_("Expected in the end"), number(total, digits), unit, note)


def _own(flows: FlowTotals) -> list[Fact]:
    found = []
    if flows.self_consumption_rate is not None:
        note = _("of the own production was used on site")
        share = number(flows.self_consumption_rate * 100, 1)
        found.append(Fact(_("Self-consumption"), share, "%", note))
    if flows.autarky_rate is not None:
        note = _("of the consumption was not bought")
        found.append(Fact(_("Autarky"), number(flows.autarky_rate * 100, 1), "%", note))
    return found


def _budget_fact(budget: Budget, frame: Frame, used: Decimal, forecast: Forecast | None,
                unit: str) -> Fact:  # fmt: skip
    """Write how much of the budget of a month or year is used."""
    month = frame.period.start.month
    micro = budget.amounts[month - 1] if frame.unit is Unit.MONTH else sum(budget.amounts)
    plan = to_decimal(micro)
    digits = digits_for([float(plan)])
    note = _("of %s") % f"{number(float(plan), digits)} {unit}"
    total = used
    if forecast is not None and forecast.method not in (Method.NONE, Method.OVER):
        total = forecast.total_kwh
        if plan:
            share = number(float(100 * total / plan), 0)
            note = _("%(of)s; expected in the end: %(share)s %%") % {"of": note, "share": share}
    kind = "more" if total > plan else ""
    value = number(float(100 * used / plan), 1) if plan else "–"
    return Fact(_("Of the budget"), value, "%", note, kind)
