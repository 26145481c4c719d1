"""Where the energy of a site comes from and where it goes, after the Sum of OpenEMS.

Within a quarter hour meters show amounts, not paths. The split gives production to the
consumption as far as the measured amounts allow, then to the battery, then to the grid; no
energy goes from the grid to the grid or from the battery to the battery.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from metering.analysis.stack import Stack, stack_series
from metering.series import Grades, Ints, Series, to_decimal


@dataclass(frozen=True, slots=True)
class SiteMeters:
    """What is measured at a site; None where there is no such thing. All amounts are ≥ 0.

    A site without an export meter exports nothing. `ev` is a part of the consumption.
    """

    grid_import: Series
    grid_export: Series | None = None
    production: Series | None = None
    charge: Series | None = None
    discharge: Series | None = None
    ev: Series | None = None


@dataclass(frozen=True, slots=True)
class FlowTotals:
    """The sums of a period, in kWh.

    `self_consumption_rate`: share of the production that did not go to the grid; None
    without production. `autarky_rate`: share of the consumption that was not bought; None
    without consumption, 0 where more was bought than used (a battery charged from the grid).
    """

    grid_import: Decimal
    grid_export: Decimal
    production: Decimal
    charge: Decimal
    discharge: Decimal
    consumption: Decimal
    ev: Decimal
    production_to_consumption: Decimal
    production_to_grid: Decimal
    production_to_ess: Decimal
    grid_to_ess: Decimal
    grid_to_consumption: Decimal
    ess_to_consumption: Decimal
    ess_to_grid: Decimal
    unexplained: Decimal
    self_consumption_rate: float | None
    autarky_rate: float | None


@dataclass(frozen=True, slots=True)
class Flows:
    """The paths of each quarter all meters know, in whole millionths of a kWh, never < 0.

    In every quarter grid_import + production + discharge + unexplained is exactly
    consumption + grid_export + charge. `unexplained_…` is what meters say went out, to a
    battery or to cars although none of the measured sources can have given it: a meter is
    wrong, missing, or out of step. `asked`: quarters at least one meter knows.
    """

    numbers: Ints
    grades: Grades
    asked: int
    grid_import: Ints
    grid_export: Ints
    production: Ints
    charge: Ints
    discharge: Ints
    ev: Ints
    consumption: Ints
    production_to_consumption: Ints
    production_to_grid: Ints
    production_to_ess: Ints
    grid_to_ess: Ints
    grid_to_consumption: Ints
    ess_to_consumption: Ints
    ess_to_grid: Ints
    unexplained_to_grid: Ints
    unexplained_to_ess: Ints
    unexplained_to_consumption: Ints

    @property
    def unexplained(self) -> Ints:
        """Return what no measured source accounts for."""
        return self.unexplained_to_grid + self.unexplained_to_ess + self.unexplained_to_consumption

    def series(self, name: str) -> Series:
        """Return one of the amounts as a series."""
        amounts: Ints = getattr(self, name)
        return Series(self.numbers, amounts, self.grades)


def split_flows(meters: SiteMeters) -> Flows:
    """Split the energy of each quarter into its paths."""
    stack, measured = _measure(meters)
    made, bought, sold = (measured[name] for name in ("production", "grid_import", "grid_export"))
    charged, discharged, ev = (measured[name] for name in ("charge", "discharge", "ev"))
    unexplained_sold = np.maximum(sold - made - discharged, 0)
    unexplained_charged = np.maximum(charged - made - bought, 0)
    sold_left, charged_left = sold - unexplained_sold, charged - unexplained_charged
    left = made + bought + discharged - sold_left - charged_left
    # what is missing is never more than was sold: the charge is covered by what was bought
    short = np.maximum(-left, 0)
    unexplained_sold, sold_left = unexplained_sold + short, sold_left - short
    left = np.maximum(left, 0)
    made_to_grid = np.maximum(sold_left - discharged, 0)
    made_to_ess = np.maximum(charged_left - bought, 0)
    return Flows(
        numbers=stack.numbers,
        grades=stack.worst,
        asked=stack.asked,
        **measured,
        consumption=np.maximum(left, ev),
        production_to_consumption=made - made_to_grid - made_to_ess,
        production_to_grid=made_to_grid,
        production_to_ess=made_to_ess,
        grid_to_ess=charged_left - made_to_ess,
        grid_to_consumption=bought - charged_left + made_to_ess,
        ess_to_consumption=discharged - sold_left + made_to_grid,
        ess_to_grid=sold_left - made_to_grid,
        unexplained_to_grid=unexplained_sold,
        unexplained_to_ess=unexplained_charged,
        unexplained_to_consumption=np.maximum(ev - left, 0),
    )


def _measure(meters: SiteMeters) -> tuple[Stack, dict[str, Ints]]:
    names = SiteMeters.__slots__
    given = {name: getattr(meters, name) for name in names if getattr(meters, name) is not None}
    stack = stack_series(list(given.values()))
    rows = dict(zip(given, stack.amounts, strict=True))
    nothing = np.zeros(len(stack.numbers), dtype=np.int64)
    return stack, {name: rows.get(name, nothing) for name in names}


def sum_flows(flows: Flows) -> FlowTotals:
    """Add the quarters up."""
    names = [name for name in FlowTotals.__slots__ if not name.endswith("_rate")]
    sums = {name: int(getattr(flows, name).sum()) for name in names}
    kept = sums["production"] - sums["production_to_grid"]
    own = max(sums["consumption"] - sums["grid_import"], 0)
    return FlowTotals(
        **{name: to_decimal(amount) for name, amount in sums.items()},
        self_consumption_rate=_share(kept, sums["production"]),
        autarky_rate=_share(own, sums["consumption"]),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
