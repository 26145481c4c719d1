"""Which price of a component applies to which quarter, and the sums by local day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from metering.series import MICRO, Ints, Series, to_decimal
from metering.tariffs.calendar import Days, Mask, local_days, match_slots, period_of
from metering.tariffs.components import (
    Calendar,
    Co2,
    Definition,
    Dynamic,
    Energy,
    Flat,
    Flow,
    Levy,
    Tiers,
    TimeOfUse,
    kind_of,
    micro,
)
from metering.tariffs.items import UNPRICED, CostItem, divide_half_even
from metering.tariffs.prices import PriceSeries

_INT64 = 2**63 - 1


class UnknownPriceSeries(LookupError):
    """A definition refers to a price series that was not given; `args[0]` is its name."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Quarters with the position of their local day."""

    numbers: Ints
    amounts: Ints
    days: Ints

    def take(self, which: Mask | slice) -> Placed:
        """Return the quarters of a mask or a slice."""
        return Placed(self.numbers[which], self.amounts[which], self.days[which])


@dataclass(frozen=True, slots=True)
class Scope:
    """What all components of a rating look at. `days` begin where a period begins."""

    calendar: Calendar
    days: Days
    flows: Mapping[Flow, Placed]
    prices: Mapping[str, PriceSeries]
    unit: str

    def series(self, name: str) -> PriceSeries:
        """Return a price series. Raises: UnknownPriceSeries."""
        try:
            return self.prices[name]
        except KeyError:
            raise UnknownPriceSeries(name) from None


@dataclass(frozen=True, slots=True)
class Part:
    """Quarters of a component with one price, or with a price each.

    price: millionths per kWh; None without any. each: prices of the quarters, which are
    multiplied by `factor` and raised by `surcharge`, both in millionths.
    """

    band: str
    placed: Placed
    price: int | None = None
    each: Ints | None = None
    factor: int = MICRO
    surcharge: int = 0


def build_scope(
    definition: Definition, *, start: dt.date, end: dt.date, zone: ZoneInfo,
    imported: Series, exported: Series | None, prices: Mapping[str, PriceSeries],
    unit: str = "kWh",
) -> Scope:  # fmt: skip
    """Place the quarters of [start, end) local days; others are left out."""
    days = local_days(start, end, zone)
    flows: dict[Flow, Placed] = {
        "import": _place(imported, days),
        "export": _place(exported or Series.empty(), days),
    }
    return Scope(definition.calendar, days, flows, prices, unit)


def _place(series: Series, days: Days) -> Placed:
    low, high = np.searchsorted(series.numbers, days.edges[[0, -1]])
    numbers, amounts = series.numbers[low:high], series.amounts[low:high]
    if _largest(amounts) * len(amounts) > _INT64:
        raise OverflowError("Amounts whose sum may not fit into 64 bits cannot be rated.")
    return Placed(numbers, amounts, days.locate(numbers))


def parts_of(component: Energy, scope: Scope) -> Iterator[Part]:
    """Yield the quarters of a component by price."""
    placed = scope.flows[component.flow]
    match component:
        case Flat() | Levy():
            yield Part("", placed, micro(component.price))
        case TimeOfUse():
            yield from _by_band(component, placed, scope)
        case Tiers():
            yield from _by_tier(component, placed, scope.days)
        case Dynamic():
            yield from _by_series(
                scope.series(component.series), placed,
                factor=micro(component.factor), surcharge=micro(component.surcharge),
            )  # fmt: skip


def emission_parts(co2: Co2, scope: Scope) -> Iterator[Part]:
    """Yield the quarters imported with their grams per kWh."""
    placed = scope.flows["import"]
    if co2.grams_per_kwh is not None:
        yield Part("", placed, micro(co2.grams_per_kwh))
    elif co2.series is not None:
        yield from _by_series(scope.series(co2.series), placed)


def find_rules(component: TimeOfUse, placed: Placed, scope: Scope) -> Ints:
    """Return for each quarter the position of the rule that decides; -1 for the default."""
    return match_slots(
        component.rules, calendar=scope.calendar, days=scope.days,
        numbers=placed.numbers, located=placed.days,
    )  # fmt: skip


def find_bands(component: TimeOfUse, placed: Placed, scope: Scope) -> Ints:
    """Return for each quarter the position of its band."""
    names = [band.name for band in component.bands]
    bands = [names.index(rule.band) for rule in component.rules]
    of_rule = np.array([*bands, names.index(component.default)], dtype=np.int64)
    return of_rule[find_rules(component, placed, scope)]


def _by_band(component: TimeOfUse, placed: Placed, scope: Scope) -> Iterator[Part]:
    found = find_bands(component, placed, scope)
    for number, band in enumerate(component.bands):
        yield Part(band.name, placed.take(found == number), micro(band.price))


def used_before(component: Tiers, placed: Placed, days: Days) -> Ints:
    """Return for each quarter what was used in its period before it."""
    sums = np.concatenate([[0], np.cumsum(placed.amounts)])
    starts = np.searchsorted(placed.numbers, _period_edges(component, days)[placed.days])
    used: Ints = sums[:-1] - sums[starts]
    return used


def _period_edges(component: Tiers, days: Days) -> Ints:
    """Return for each day the first quarter of its period."""
    positions = [
        max(days.position(period_of(days.day(index), component.per)[0]), 0)
        for index in range(len(days))
    ]
    return days.edges[positions]


def _by_tier(component: Tiers, placed: Placed, days: Days) -> Iterator[Part]:
    before = used_before(component, placed, days)
    after = before + placed.amounts
    low = -_INT64  # what is below nothing, after a correction, belongs to the first tier
    for number, tier in enumerate(component.tiers, start=1):
        high = _INT64 if tier.up_to is None else micro(tier.up_to)
        shares = np.clip(after, low, high) - np.clip(before, low, high)
        in_tier = shares != 0
        yield Part(
            str(number),
            Placed(placed.numbers[in_tier], shares[in_tier], placed.days[in_tier]),
            micro(tier.price),
        )
        low = high


def _by_series(
    series: PriceSeries, placed: Placed, *, factor: int = MICRO, surcharge: int = 0
) -> Iterator[Part]:
    prices, known = series.look_up(placed.numbers)
    yield Part("", placed.take(known), None, prices[known], factor, surcharge)
    yield Part(UNPRICED, placed.take(~known))


def sum_runs(values: Ints, starts: Ints) -> list[int]:
    """Return the sums of the runs that begin at `starts`."""
    sums: list[int] = np.add.reduceat(values, starts).tolist()
    return sums


def _sum_products(left: Ints, right: Ints, starts: Ints) -> list[int]:
    """Return the exact sums of products in the runs that begin at `starts`."""
    if _largest(left) * _largest(right) * len(left) > _INT64:
        left = left.astype(object)
    return sum_runs(left * right, starts)


def _largest(values: Ints) -> int:
    return max(abs(int(values.max())), abs(int(values.min()))) if len(values) else 0


def items_of_part(
    part: Part, *, component: str, kind: str, scope: Scope, sign: int = 1
) -> Iterator[CostItem]:
    """Yield one item for each day that has quarters of the part."""
    placed = part.placed
    if not len(placed.numbers):
        return
    starts = np.flatnonzero(np.diff(placed.days, prepend=-1))
    ends = [*starts[1:].tolist(), len(placed.numbers)]
    quantities = sum_runs(placed.amounts, starts)
    amounts = _amounts(part, starts, quantities)
    price = None if part.price is None else to_decimal(part.price)
    is_unpriced = part.price is None and part.each is None
    firsts = placed.numbers[starts].tolist()
    for run, first in enumerate(starts.tolist()):
        yield CostItem(
            day=scope.days.day(int(placed.days[first])), component=component, kind=kind,
            band=part.band, quantity=to_decimal(quantities[run]), unit=scope.unit, price=price,
            amount=to_decimal(sign * amounts[run]),
            first_quarter=firsts[run], last_quarter=int(placed.numbers[ends[run] - 1]),
            missing_quarters=ends[run] - first if is_unpriced else 0,
        )  # fmt: skip


def _amounts(part: Part, starts: Ints, quantities: list[int]) -> list[int]:
    """Return millionths of the currency for each run."""
    if part.price is not None:
        return [divide_half_even(quantity * part.price, MICRO) for quantity in quantities]
    if part.each is None:
        return [0] * len(quantities)
    products = _sum_products(part.placed.amounts, part.each, starts)
    return [
        divide_half_even(product * part.factor + quantity * part.surcharge * MICRO, MICRO * MICRO)
        for product, quantity in zip(products, quantities, strict=True)
    ]


def energy_items(component: Energy, scope: Scope) -> Iterator[CostItem]:
    """Yield what a component charges or credits by day and band."""
    sign = -1 if component.flow == "export" else 1
    for part in parts_of(component, scope):
        yield from items_of_part(
            part, component=component.name, kind=kind_of(component), scope=scope, sign=sign
        )
