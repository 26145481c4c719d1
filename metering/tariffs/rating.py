"""Price quarters of a meter with a definition. Nothing here is rounded before an item is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from zoneinfo import ZoneInfo

from metering.series import MICRO, Series, to_decimal, to_micro
from metering.tariffs.calendar import Days, period_of
from metering.tariffs.components import (
    Component,
    Definition,
    Demand,
    Dynamic,
    Fixed,
    Percent,
    Tiers,
    micro,
)
from metering.tariffs.energy import (
    Scope,
    build_scope,
    emission_parts,
    energy_items,
    items_of_part,
)
from metering.tariffs.items import CostItem, Rating, divide_half_even
from metering.tariffs.prices import PriceSeries
from metering.tariffs.standing import Range, demand_items, fixed_items

_PERCENT = 100 * MICRO


def context_start(definition: Definition, start: dt.date) -> dt.date:
    """Return the first local day of which readings are needed to rate from `start` on.

    Before `start` where tiers or demand look at a period that began earlier.
    """
    periods = [part.per for part in definition.components if isinstance(part, Tiers | Demand)]
    return min([start, *(period_of(start, per)[0] for per in periods)])


def series_names(definition: Definition) -> frozenset[str]:
    """Return the price series without which nothing can be rated."""
    names = {part.series for part in definition.components if isinstance(part, Dynamic)}
    if definition.co2 is not None and definition.co2.series is not None:
        names.add(definition.co2.series)
    return frozenset(names)


def rate(
    definition: Definition,
    *,
    start: dt.date,
    end: dt.date,
    zone: ZoneInfo,
    imported: Series,
    exported: Series | None = None,
    prices: Mapping[str, PriceSeries] | None = None,
    today: dt.date | None = None,
    valid_from: dt.date | None = None,
    valid_to: dt.date | None = None,
    unit: str = "kWh",
) -> Rating:
    """Return the costs of the local days [start, end).

    Args:
        imported, exported: in `unit`; must begin at `context_start(definition, start)`, because
            tiers and demand look at their whole period. What lies outside is not looked at.
        prices: by name, all of `series_names(definition)`.
        today: the local day that is not over, None if all are. Demand is booked on the last
            day of its period, or provisionally on `today` while the period runs.
        valid_from, valid_to: the days [from, to) on which the definition holds. A demand
            period cut by them costs the share of its days.
        unit: of the amounts and of prices, m³ for a water meter.
    Returns: quarters without a reading are in no item; see CostItem for those without a
        price. Rating days one by one gives the same items as rating them at once.
    Raises: UnknownPriceSeries; OverflowError: sums of amounts beyond 64 bits.
    """
    if end <= start:
        return Rating(())
    place = partial(
        build_scope, definition, end=end, zone=zone,
        imported=imported, exported=exported, prices=prices or {}, unit=unit,
    )  # fmt: skip
    scope, context = place(start=start), place(start=context_start(definition, start))
    wanted = Range(start, end, today, valid_from, valid_to)
    costs: list[CostItem] = []
    for component in definition.components:
        looks_back = isinstance(component, Tiers | Demand)
        made = _items_of(component, definition, context if looks_back else scope, wanted, costs)
        costs += [item for item in made if item.day >= start]
    places = {part.name: place for place, part in enumerate(definition.components)}
    costs.sort(key=lambda item: (item.day, places[item.component]))
    return Rating(tuple(costs), tuple(_emissions(definition, scope)))


def _items_of(
    component: Component, definition: Definition, scope: Scope, wanted: Range,
    before: list[CostItem],
) -> Iterable[CostItem]:  # fmt: skip
    match component:
        case Demand():
            return demand_items(component, definition, scope, wanted)
        case Fixed():
            return fixed_items(component, scope.days, wanted)
        case Percent():
            return _percent_items(component, before, scope.days)
        case energy:
            return energy_items(energy, scope)


def _percent_items(component: Percent, before: list[CostItem], days: Days) -> Iterator[CostItem]:
    """Yield the tax on what stands before it, day by day."""
    bases: dict[dt.date, list[CostItem]] = {}
    for item in before:
        if not component.on or item.component in component.on:
            bases.setdefault(item.day, []).append(item)
    percent = micro(component.percent)
    for day, items in bases.items():
        base = sum((item.amount for item in items), Decimal(0))
        index = days.position(day)
        yield CostItem(
            day=day, component=component.name, kind="percent", band="", quantity=base, unit="%",
            price=to_decimal(percent),
            amount=to_decimal(divide_half_even(to_micro(base) * percent, _PERCENT)),
            first_quarter=int(days.edges[index]), last_quarter=int(days.edges[index + 1]) - 1,
            is_provisional=any(item.is_provisional for item in items),
            missing_quarters=max(item.missing_quarters for item in items),
        )  # fmt: skip


def _emissions(definition: Definition, scope: Scope) -> Iterator[CostItem]:
    """Yield grams of CO₂ by day."""
    if definition.co2 is None:
        return
    for part in emission_parts(definition.co2, scope):
        yield from items_of_part(part, component="co2", kind="co2", scope=scope)
