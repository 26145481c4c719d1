"""How the price of one quarter hour came about, step by step."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np

from metering.series import MICRO, QUARTER_SECONDS, Series, to_decimal, to_micro
from metering.tariffs.calendar import day_types, period_of
from metering.tariffs.components import (
    Definition,
    Demand,
    Dynamic,
    Energy,
    Fixed,
    Flow,
    Percent,
    Tiers,
    TimeOfUse,
    kind_of,
    micro,
)
from metering.tariffs.energy import (
    Part,
    Scope,
    build_scope,
    emission_parts,
    find_rules,
    parts_of,
    used_before,
)
from metering.tariffs.items import divide_half_even
from metering.tariffs.prices import PriceSeries
from metering.tariffs.rating import context_start
from metering.tariffs.standing import find_peak

_PROBE = 1

Fact = str | int | bool | list[str] | None


@dataclass(frozen=True, slots=True)
class Step:
    """What one component makes of the quarter.

    price: per kWh, negative for an export; None for demand and where no price is known.
    quantity: kWh, None without a reading. amount: exact to six digits, half to even; the items
    of a day are rounded once, so that the steps of their quarters may differ in the last digit.
    facts: by kind — time_of_use: rule (its position, None for the default); tiers:
    used_before_kwh, from_kwh, up_to_kwh; dynamic: series, series_price, factor, surcharge;
    percent: percent, on; demand: peak_kw, peak_quarter, is_peak.
    """

    component: str
    kind: str
    band: str
    price: Decimal | None
    quantity: Decimal | None
    amount: Decimal | None
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Explanation:
    """One quarter: where it lies in local time, and the steps in the order of the definition."""

    quarter: int
    starts_at: dt.datetime
    day_types: frozenset[str]
    steps: tuple[Step, ...]
    grams_per_kwh: Decimal | None

    def price_of(self, *components: str) -> Decimal | None:
        """Return the sum of prices per kWh; None if one is not known.

        A quarter in two tiers has the price of the second.
        """
        found = [step for step in self.steps if step.component in components]
        return _price_of([step for step in found if step.kind != "demand"])


def explain_quarter(
    definition: Definition,
    *,
    quarter: int,
    zone: ZoneInfo,
    imported: Series,
    exported: Series | None = None,
    prices: Mapping[str, PriceSeries] | None = None,
) -> Explanation:
    """Return which band, tier, price and taxes apply to a quarter.

    Without a reading of the quarter the steps say what the next kWh would cost. Fees per time
    have no step.

    Args: imported, exported: as for `rate`, up to the quarter or further.
    Raises: UnknownPriceSeries.
    """
    at = dt.datetime.fromtimestamp(quarter * QUARTER_SECONDS, tz=zone)
    scope = build_scope(
        definition, start=context_start(definition, at.date()),
        end=at.date() + dt.timedelta(days=1), zone=zone, imported=_probe(imported, quarter),
        exported=_probe(exported or Series.empty(), quarter), prices=prices or {},
    )  # fmt: skip
    readings: dict[Flow, int | None] = {
        "import": _reading(imported, quarter),
        "export": _reading(exported or Series.empty(), quarter),
    }
    steps: list[Step] = []
    for component in definition.components:
        match component:
            case Fixed():
                continue
            case Percent():
                steps.append(_tax(component, steps))
            case Demand():
                steps.append(_power(component, definition, scope, quarter, imported))
            case energy:
                steps += _energy_steps(energy, scope, quarter, readings[energy.flow])
    types = day_types(definition.calendar, at.date())
    return Explanation(quarter, at, types, tuple(steps), _grams(definition, scope, quarter))


def price_at(
    definition: Definition,
    *,
    quarter: int,
    zone: ZoneInfo,
    flow: Flow = "import",
    imported: Series | None = None,
    exported: Series | None = None,
    prices: Mapping[str, PriceSeries] | None = None,
) -> Decimal | None:
    """Return what the next kWh costs, with taxes per kWh and on it; None if not known.

    An export has a negative price: it is credited. Without readings nothing was used so far.
    """
    found = explain_quarter(
        _only(definition, flow), quarter=quarter, zone=zone,
        imported=imported or Series.empty(), exported=exported, prices=prices,
    )  # fmt: skip
    return found.price_of(*(step.component for step in found.steps))


def _only(definition: Definition, flow: Flow) -> Definition:
    """Return the definition with what is charged per kWh of a flow, and the taxes on it."""
    kept: list[Energy | Percent] = []
    for part in definition.components:
        match part:
            case Demand() | Fixed():
                continue
            case Percent():
                names = tuple(other.name for other in kept if not part.on or other.name in part.on)
                if names:
                    kept.append(Percent(name=part.name, percent=part.percent, on=names))
            case energy if energy.flow == flow:
                kept.append(energy)
    return Definition(tuple(kept), definition.calendar)


def _reading(series: Series, quarter: int) -> int | None:
    found = series.amounts[series.numbers == quarter]
    return int(found[0]) if len(found) else None


def _probe(series: Series, quarter: int) -> Series:
    """Return the series up to the quarter, which has an amount."""
    known = series.take(slice(0, int(np.searchsorted(series.numbers, quarter, side="right"))))
    if len(known) and known.numbers[-1] == quarter and known.amounts[-1]:
        return known
    known = known.take(known.numbers != quarter)
    return Series(
        np.append(known.numbers, quarter),
        np.append(known.amounts, _PROBE),
        np.append(known.grades, np.int8(0)),
    )


def _energy_steps(
    component: Energy, scope: Scope, quarter: int, reading: int | None
) -> Iterator[Step]:
    sign = -1 if component.flow == "export" else 1
    for part in parts_of(component, scope):
        for at in np.flatnonzero(part.placed.numbers == quarter).tolist():
            price = _exact_price(part, at)
            share = int(part.placed.amounts[at]) if reading else reading
            cost = None if price is None or share is None else price * share
            yield Step(
                component.name, kind_of(component), part.band,
                _rounded(price, MICRO * sign), _rounded(share, 1),
                _rounded(cost, MICRO * MICRO * sign),
                _facts(component, part, scope, at),
            )  # fmt: skip


def _exact_price(part: Part, at: int) -> int | None:
    """Return the price of a quarter in 10⁻¹² per kWh; None if it is not known."""
    if part.price is not None:
        return part.price * MICRO
    if part.each is None:
        return None
    return int(part.each[at]) * part.factor + part.surcharge * MICRO


def _rounded(number: int | None, divisor: int) -> Decimal | None:
    """Return a number given in so many parts of a millionth; a negative divisor turns the sign."""
    if number is None:
        return None
    return to_decimal(divide_half_even(number if divisor > 0 else -number, abs(divisor)))


def _facts(component: Energy, part: Part, scope: Scope, at: int) -> dict[str, Fact]:
    placed = part.placed.take(slice(at, at + 1))
    match component:
        case TimeOfUse():
            rule = int(find_rules(component, placed, scope)[0])
            return {"rule": None if rule < 0 else rule}
        case Tiers():
            return _tier_facts(component, int(part.band), scope)
        case Dynamic():
            found = None if part.each is None else str(to_decimal(int(part.each[at])))
            return {
                "series": component.series, "series_price": found,
                "factor": component.factor, "surcharge": component.surcharge,
            }  # fmt: skip
    return {}


def _tier_facts(component: Tiers, number: int, scope: Scope) -> dict[str, Fact]:
    """Say between which limits the tier lies; the quarter is the last one of the scope."""
    used = used_before(component, scope.flows[component.flow], scope.days)[-1]
    below = component.tiers[number - 2].up_to if number > 1 else "0"
    return {
        "used_before_kwh": str(to_decimal(int(used))),
        "from_kwh": below, "up_to_kwh": component.tiers[number - 1].up_to,
    }  # fmt: skip


def _tax(component: Percent, steps: list[Step]) -> Step:
    names = list(component.on) or list(dict.fromkeys(step.component for step in steps))
    base = [step for step in steps if step.component in names and step.kind != "demand"]
    return Step(
        component.name, "percent", "",
        _share(component, _price_of(base)), None,
        _share(component, _sum_known(step.amount for step in base)),
        {"percent": component.percent, "on": names},
    )  # fmt: skip


def _share(component: Percent, base: Decimal | None) -> Decimal | None:
    return (
        None if base is None else _rounded(to_micro(base) * micro(component.percent), 100 * MICRO)
    )


def _price_of(steps: list[Step]) -> Decimal | None:
    """Return the sum of prices; of a component in two tiers that of the second."""
    return _sum_known({step.component: step.price for step in steps}.values())


def _sum_known(numbers: Iterable[Decimal | None]) -> Decimal | None:
    total = Decimal(0)
    for number in numbers:
        if number is None:
            return None
        total += number
    return total


def _power(
    component: Demand, definition: Definition, scope: Scope, quarter: int, readings: Series
) -> Step:
    """Say whether the quarter lies in the highest window of its period."""
    day = scope.days.day(len(scope.days) - 1)
    first, after = period_of(day, component.per)
    whole = build_scope(
        definition, start=first, end=after, zone=scope.days.zone, imported=readings,
        exported=None, prices={},
    )  # fmt: skip
    found = find_peak(component, definition, whole, first, after - dt.timedelta(days=1))
    facts: dict[str, Fact] = {"peak_kw": None, "peak_quarter": None, "is_peak": False}
    if found is not None:
        facts = {
            "peak_kw": str(to_decimal(found.power)), "peak_quarter": found.first_quarter,
            "is_peak": found.first_quarter <= quarter <= found.last_quarter,
        }  # fmt: skip
    return Step(component.name, "demand", "", None, None, None, facts)


def _grams(definition: Definition, scope: Scope, quarter: int) -> Decimal | None:
    if definition.co2 is None:
        return None
    for part in emission_parts(definition.co2, scope):
        for at in np.flatnonzero(part.placed.numbers == quarter).tolist():
            return _rounded(_exact_price(part, at), MICRO)
    return None
