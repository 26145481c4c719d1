"""The paths of the energy as a picture, and the tree of meters with its balance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from energy.lib.units import symbol
from metering.analysis.balance import Balance, Verdict
from metering.analysis.flows import FlowTotals
from metering.queries.energy import Summary
from metering.queries.insight import Node, find_balance
from metering.series import MICRO
from reports.energy.view_model import digits_for
from reports.energy.words import verdict_label
from reports.templatetags.ui import number

# between the four places of the picture (see templates/energy/flows.html)
_PATHS = {
    "production_to_consumption": "M178 62 C 220 90 250 100 268 112",
    "production_to_grid": "M142 62 C 100 90 70 100 52 112",
    "production_to_ess": "M160 70 V 170",
    "grid_to_consumption": "M70 120 H 250",
    "grid_to_ess": "M52 128 C 70 160 100 175 138 186",
    "ess_to_consumption": "M182 186 C 220 175 250 160 268 128",
    "ess_to_grid": "M138 194 C 90 190 60 170 46 132",
}


@dataclass(frozen=True, slots=True)
class Path:
    """A path with its amount; `width` in units of the picture."""

    shape: str
    width: str
    css: str
    label: str
    amount: str


@dataclass(frozen=True, slots=True)
class Place:
    """One of grid, roof, battery and house, with what goes in and out."""

    css: str
    label: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FlowsView:
    """The picture; `note` where meters do not fit together."""

    paths: tuple[Path, ...]
    places: tuple[Place, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Row:
    """A meter in the tree."""

    name: str
    href: str
    level: int
    amount: str
    verdict: str
    kind: str
    residual: str
    band: str
    suspect: str


def view_flows(summary: Summary, flows: FlowTotals) -> FlowsView:
    """Draw the paths."""
    labels = {
        "production_to_consumption": _("Production to the house"),
        "production_to_grid": _("Production to the grid"),
        "production_to_ess": _("Production to the battery"),
        "grid_to_consumption": _("Grid to the house"),
        "grid_to_ess": _("Grid to the battery"),
        "ess_to_consumption": _("Battery to the house"),
        "ess_to_grid": _("Battery to the grid"),
    }
    amounts = {name: getattr(flows, name) for name in _PATHS}
    largest = max([*amounts.values(), Decimal(1) / MICRO])
    paths = tuple(
        Path(
            _PATHS[name], f"{1.5 + 8.5 * float(amount / largest):.2f}", name.split("_")[0],
            labels[name], _kwh(amount),
        )
        for name, amount in amounts.items()
        if amount > 0
    )  # fmt: skip
    places = [
        Place("grid", _("Grid"), (f"→ {_kwh(flows.grid_import)}", f"← {_kwh(flows.grid_export)}")),
        Place("house", _("House"), (_kwh(flows.consumption),)),
    ]
    if summary.scope.production:
        places.append(Place("roof", _("Production"), (_kwh(flows.production),)))
    if summary.scope.batteries:
        lines = (f"→ {_kwh(flows.discharge)}", f"← {_kwh(flows.charge)}")
        places.append(Place("battery", _("Battery"), lines))
    unexplained = flows.unexplained
    note = _("%s went out that no meter saw come in.") % _kwh(unexplained) if unexplained else ""
    return FlowsView(paths, tuple(places), note)


def view_tree(summary: Summary, address: Callable[..., str]) -> list[Row]:
    """Write the tree of meters; none where no meter has submeters."""
    unit = symbol(summary.scope.unit)
    names = {str(meter.id): meter.name for meter in summary.scope.meters}
    return [_row(node, unit, names, address) for node in find_balance(summary)]


def _row(node: Node, unit: str, names: dict[str, str], address: Callable[..., str]) -> Row:
    total = float(node.counts.amounts.sum()) / MICRO if node.counts else None
    amount = "–" if total is None else f"{number(total, digits_for([total]))} {unit}"
    balance = node.balance
    is_odd = balance is not None and balance.total.verdict in (
        Verdict.UNMETERED, Verdict.CHILDREN_EXCEED
    )  # fmt: skip
    return Row(
        name=node.meter.name,
        href=address(meter=str(node.meter.id)),
        level=min(node.level, 4),
        amount=amount,
        verdict=verdict_label(balance.total.verdict) if balance else "",
        kind="warn" if is_odd else "good",
        residual=_residual(balance, unit) if balance else "",
        band=_("± %s") % _amount(balance.total.band, unit) if balance else "",
        suspect=_suspect(balance, names) if balance and is_odd else "",
    )


def _residual(balance: Balance, unit: str) -> str:
    percent = balance.total.residual_percent
    text = _amount(balance.total.residual, unit)
    return text if percent is None else f"{text} ({number(float(percent), 1)} %)"


def _suspect(balance: Balance, names: dict[str, str]) -> str:
    """Name the submeter with which the rest goes along most, if one stands out."""
    first = next(iter(balance.suspects), None)
    if first is None or first.score < 0.5:
        return ""
    return _("Look at %s first.") % names.get(first.key, first.key)


def _amount(value: Decimal, unit: str) -> str:
    return f"{number(float(value), digits_for([float(value)]))} {unit}"


def _kwh(value: Decimal) -> str:
    return _amount(value, "kWh")
