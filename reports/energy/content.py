"""What the energy page shows below its controls: energy, money or CO₂."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils.translation import gettext as _

from metering.queries.emissions import read_emissions
from metering.queries.energy import Summary
from metering.queries.energy_costs import read_costs
from metering.queries.insight import find_flows
from reports.energy.choice import Choice, Show
from reports.energy.facts import Fact, Facts, quality_line, view_facts
from reports.energy.other_facts import (
    cost_notices,
    cost_tiles,
    emission_notices,
    emission_tiles,
)
from reports.energy.other_view import view_costs, view_emissions
from reports.energy.tree import view_flows, view_tree
from reports.energy.view_model import view_chart


def view_content(
    choice: Choice, summary: Summary, *, may_read_costs: bool, now: dt.datetime
) -> dict[str, Any]:
    """Return the variables of the template."""
    if choice.show is Show.COST:
        return _costs(choice, summary, now)
    if choice.show is Show.CO2:
        return _emissions(choice, summary, now, may_read_costs=may_read_costs)
    return _energy(choice, summary, now)


def _energy(choice: Choice, summary: Summary, now: dt.datetime) -> dict[str, Any]:
    is_split = choice.by == "circuit" and bool(summary.circuits)
    bands = summary.circuits if is_split else summary.sources
    flows = find_flows(summary)
    return {
        "is_known": summary.is_known,
        "chart": view_chart(summary, bands, choice.address),
        "chart_title": _("By circuit") if is_split else _("By source"),
        "bys": _bys(choice, _("Source"), _("Circuit")) if summary.circuits else [],
        "facts": view_facts(summary, flows, now=now),
        "flows": view_flows(summary, flows) if flows else None,
        "tree": view_tree(summary, choice.address),
        "none_title": _("Nothing is known of this period"),
        "none_text": _("The meters have counted nothing here. Choose another period."),
    }


def _costs(choice: Choice, summary: Summary, now: dt.datetime) -> dict[str, Any]:
    answer = read_costs(summary, now=now, against=choice.against)
    costs = answer.of(choice.currency)
    context = {
        "is_known": costs is not None,
        "notices": cost_notices(summary, answer),
        "currencies": [
            (one.currency, choice.address(currency=one.currency), one is costs)
            for one in answer.currencies
        ] if len(answer.currencies) > 1 else [],
        "chart_title": _("Cost"),
        "none_title": _("Nothing was charged in this period"),
        "none_text": _("Costs come from tariffs, as soon as meters with one have counted."),
    }  # fmt: skip
    if costs is None:
        return context | _part_of(choice, summary)
    by_meter = choice.by == "circuit" and len(costs.meters) > 1
    return context | {
        "chart": view_costs(summary, costs, by_meter=by_meter, address=choice.address),
        "chart_title": _("By meter") if by_meter else _("By component"),
        "bys": _bys(choice, _("Component"), _("Meter")) if len(costs.meters) > 1 else [],
        "facts": _facts(summary, cost_tiles(summary, costs)),
    }


def _emissions(
    choice: Choice, summary: Summary, now: dt.datetime, *, may_read_costs: bool
) -> dict[str, Any]:
    found = read_emissions(summary, now=now, against=choice.against)
    context = {
        "is_known": bool(found.bands),
        "notices": emission_notices(summary, found, may_read_costs=may_read_costs),
        "chart_title": _("CO₂"),
        "none_title": _("Nothing tells the CO₂ of this period"),
        "none_text": _("A tariff says how much CO₂ a kWh is; it is counted with what was bought."),
    }
    if not found.bands:
        return context | _part_of(choice, summary)
    return context | {
        "chart": view_emissions(summary, found, choice.address),
        "chart_title": _("By meter"),
        "facts": _facts(summary, emission_tiles(summary, found)),
    }


def _part_of(choice: Choice, summary: Summary) -> dict[str, Any]:
    """Lead from a submeter without a tariff to the site, whose connection is charged."""
    if summary.scope.root is None or summary.scope.root.parent_id is None:
        return {}
    return {
        "none_text": _(
            "This meter has no tariff of its own: it is part of what its site is charged."
        ),
        "none_url": choice.address(meter="", site=str(summary.scope.site.id)),
        "none_action": _("Show the site"),
    }


def _facts(summary: Summary, tiles: list[Fact]) -> Facts:
    quality = summary.quality
    return Facts(tuple(tiles), quality_line(quality), quality.state)


def _bys(choice: Choice, first: str, second: str) -> list[tuple[str, str, bool]]:
    return [
        (first, choice.address(by=""), choice.by == "source"),
        (second, choice.address(by="circuit"), choice.by == "circuit"),
    ]
