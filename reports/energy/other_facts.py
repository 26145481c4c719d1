"""The figures above the bars in money or CO₂, and what is said about missing tariffs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from energy.lib.units import symbol
from metering.models import Quantity
from metering.queries.coverage import Lack
from metering.queries.emissions import Emissions
from metering.queries.energy import Summary
from metering.queries.energy_costs import ComparedCosts, CostAnswer, EnergyCosts
from metering.series import MICRO
from reports.energy.facts import Fact, against_label, change_fact, period_days
from reports.energy.other_view import GRAMS, money_digits
from reports.energy.view_model import digits_for
from reports.templatetags.ui import number

_NAMED = 5


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to know about the figures; `url` where to do something about it, or blank."""

    text: str
    url: str = ""
    kind: str = ""


def cost_tiles(summary: Summary, costs: EnergyCosts) -> list[Fact]:
    """Write what a period cost, its change and the mean price."""
    total = costs.total / MICRO
    tiles = [Fact(_("Cost"), _money(total), costs.currency, _billed_note(costs))]
    if costs.compared:
        tiles.append(_cost_change(costs.compared, costs.currency))
    if (units := _bought(summary, costs)) and total > 0:
        unit = symbol(summary.scope.unit)
        note = _("all costs over the %s bought") % f"{number(units, digits_for([units]))} {unit}"
        tiles.append(
            Fact(_("Mean price"), number(total / units, 4), f"{costs.currency}/{unit}", note)
        )
    return tiles


def emission_tiles(summary: Summary, found: Emissions) -> list[Fact]:
    """Write the CO₂ of a period, its change and the mean factor."""
    total = found.total / GRAMS
    unit = symbol(summary.scope.unit)
    tiles = [Fact(_("CO₂"), number(total, digits_for([total])), "kg", _("of what was bought"))]
    if (compared := found.compared) is not None:
        base = compared.base / GRAMS
        amount = f"{number(base, digits_for([base]))} kg"
        tiles.append(
            change_fact(
                against_label(compared.against), compared.percent, amount, compared.pair,
                is_like=compared.is_like,
            )
        )  # fmt: skip
    if (mean := found.grams_per_unit) is not None:
        note = _("mean of %s bought") % f"{number(found.units, digits_for([found.units]))} {unit}"
        tiles.append(Fact(_("Factor"), number(mean, 0 if mean >= 100 else 1), f"g/{unit}", note))
    return tiles


def cost_notices(summary: Summary, answer: CostAnswer) -> list[Notice]:
    """Say which meters have no tariff, and whose costs cannot be computed."""
    url = f"{reverse('costs')}?site={summary.scope.site.id}"
    found = [
        Notice(
            _("The costs of %(meter)s cannot be computed: %(problem)s")
            % {"meter": state.meter.name, "problem": state.error},
            url,
            "bad",
        )  # fmt: skip
        for state in answer.problems
    ]
    none, part = _split(answer.coverage.lacks)
    if none:
        text = ngettext(
            "No tariff: %(count)s meter (%(names)s)", "No tariff: %(count)s meters (%(names)s)",
            len(none),
        )  # fmt: skip
        found.append(Notice(text % {"count": len(none), "names": _names(none)}, url, "warn"))
    found += [Notice(_("No tariff on %s") % text, url, "warn") for text in _partly(part)]
    return found


def emission_notices(summary: Summary, found: Emissions, *, may_read_costs: bool) -> list[Notice]:
    """Say for which meters no tariff tells the CO₂ of a kWh."""
    url = f"{reverse('costs')}?site={summary.scope.site.id}" if may_read_costs else ""
    none, part = _split(found.coverage.lacks)
    notices = []
    if none:
        text = ngettext(
            "No CO₂ factor: %(count)s meter (%(names)s)",
            "No CO₂ factor: %(count)s meters (%(names)s)", len(none),
        )  # fmt: skip
        notices.append(Notice(text % {"count": len(none), "names": _names(none)}, url, "warn"))
    return notices + [
        Notice(_("No CO₂ factor on %s") % text, url, "warn") for text in _partly(part)
    ]


def _split(lacks: Sequence[Lack]) -> tuple[list[Lack], list[Lack]]:
    whole = [lack for lack in lacks if lack.days == lack.of]
    return whole, [lack for lack in lacks if lack.days < lack.of]


def _names(lacks: Sequence[Lack]) -> str:
    names = ", ".join(lack.meter.name for lack in lacks[:_NAMED])
    return f"{names} …" if len(lacks) > _NAMED else names


def _partly(lacks: Sequence[Lack]) -> list[str]:
    return [
        ngettext("%(days)s of %(of)s day: %(meter)s", "%(days)s of %(of)s days: %(meter)s", lack.of)
        % {"days": lack.days, "of": lack.of, "meter": lack.meter.name}
        for lack in lacks
    ]


def _billed_note(costs: EnergyCosts) -> str:
    notes = []
    if costs.billed:
        whole = costs.billed == costs.total
        amount = f"{_money(costs.billed / MICRO)} {costs.currency}"
        notes.append(_("as billed") if whole else _("of it billed: %s") % amount)
    if costs.adjusted:
        sign = "+" if costs.adjusted > 0 else "−"
        amount = f"{sign}{_money(abs(costs.adjusted) / MICRO)} {costs.currency}"
        notes.append(_("corrected since: %s") % amount)
    if costs.open.any():
        notes.append(_("of it provisional: %s") % _money(int(costs.open.sum()) / MICRO))
    return ", ".join(notes)


def _cost_change(compared: ComparedCosts, currency: str) -> Fact:
    amount = f"{_money(compared.base / MICRO)} {currency}"
    if not compared.is_known:
        note = _("Nothing is known of %s.") % period_days(compared.pair.base_period)
        return Fact(against_label(compared.against), "–", "", note)
    return change_fact(
        against_label(compared.against), compared.percent, amount, compared.pair,
        is_like=compared.is_like,
    )  # fmt: skip


def _bought(summary: Summary, costs: EnergyCosts) -> float:
    """Return what the meters that are paid for took."""
    keys = [(band.meter.id, Quantity.IMPORT.value) for band in costs.meters if band.meter]
    if len(keys) < len(costs.meters):
        return 0.0
    found = [summary.counts[key] for key in keys if key in summary.counts]
    return sum(int(counts.amounts.sum()) for counts in found) / MICRO


def _money(amount: float) -> str:
    return number(amount, money_digits([amount]))
