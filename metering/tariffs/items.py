"""What a rating gives: amounts by local day and component."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

UNPRICED = "unpriced"


@dataclass(frozen=True, slots=True)
class CostItem:
    """One component on one local day.

    band: of a time of use, `1`, `2` … of tiers, `excess` above contracted power, `unpriced`
    for what a price series has no price for; else empty. unit: of the quantity: kWh or what
    the meter counts, kW, day, or % of an amount of money. price: per unit; None where it
    differs between quarters or the unit is no part of it. amount: in the currency of the
    tariff, negative for a credit, rounded half to even to six digits. first_quarter,
    last_quarter: both belong to it. is_provisional: the period still runs, and the amount may
    rise. missing_quarters: how many quarters have no price and are not in the amount.
    """

    day: dt.date
    component: str
    kind: str
    band: str
    quantity: Decimal
    unit: str
    price: Decimal | None
    amount: Decimal
    first_quarter: int
    last_quarter: int
    is_provisional: bool = False
    missing_quarters: int = 0


@dataclass(frozen=True, slots=True)
class Rating:
    """Costs in the order of days, then of components; emissions with amounts in grams."""

    costs: tuple[CostItem, ...]
    emissions: tuple[CostItem, ...] = ()

    def total(self) -> Decimal:
        """Return the sum of all costs."""
        return sum((item.amount for item in self.costs), Decimal(0))


def divide_half_even(number: int, divisor: int) -> int:
    """Return the quotient as a whole number; a half goes to the even neighbour.

    >>> [divide_half_even(number, 10) for number in (14, 15, 16, 25, -15, -25)]
    [1, 2, 2, 2, -2, -2]
    """
    quotient, rest = divmod(number, divisor)
    twice = 2 * rest
    return quotient + (twice > divisor or (twice == divisor and quotient % 2 == 1))
