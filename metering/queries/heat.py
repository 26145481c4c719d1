"""When energy was used and how dear it was then, by hour and weekday."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from metering.models import Meter
from metering.queries.rating import load_readings
from metering.queries.tariffs import Segment, find_segments
from metering.series import MICRO, Series
from metering.tariffs.components import Definition, Demand, Fixed, Percent
from metering.tariffs.definition import read_definition
from metering.tariffs.energy import Part, Placed, Scope, build_scope, parts_of
from metering.tariffs.rating import context_start

HOURS, WEEKDAYS = 24, 7
_QUARTERS_OF_HOUR = 4

Grid = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cell:
    """An hour of a weekday (0 is Monday); price: mean per kWh, None where nothing was used."""

    weekday: int
    hour: int
    kwh: float
    price: float | None


def heat_map(meter: Meter, start: dt.date, end: dt.date) -> list[Cell]:
    """Return what was used in each hour of the week on the local days [start, end).

    The price has levies per kWh and taxes on them; fees and demand are no part of it.

    Raises: UnknownPriceSeries.
    """
    used, cost = np.zeros((WEEKDAYS, HOURS)), np.zeros((WEEKDAYS, HOURS))
    for part in find_segments(meter.site, [meter], start, end).get(meter.id, []):
        _add(used, cost, meter, part)
    return [
        Cell(
            weekday, hour, round(float(used[weekday, hour]), 3),
            round(float(cost[weekday, hour] / used[weekday, hour]), 6)
            if used[weekday, hour] else None,
        )
        for weekday in range(WEEKDAYS)
        for hour in range(HOURS)
    ]  # fmt: skip


def _add(used: Grid, cost: Grid, meter: Meter, part: Segment) -> None:
    definition, zone = read_definition(part.version.definition), ZoneInfo(meter.site.timezone)
    since = context_start(definition, part.start)
    readings = load_readings([meter], since, part.end, zone, [definition])
    scope = build_scope(
        definition, start=since, end=part.end, zone=zone, exported=None, unit=meter.unit,
        imported=readings.imported.get(meter.id, Series.empty()), prices=readings.prices,
    )  # fmt: skip
    first = scope.days.position(part.start)
    placed = scope.flows["import"]
    _spread(used, scope, placed, placed.amounts / MICRO, first)
    for found, factor in _priced(definition, scope):
        prices = found.price if found.each is None else _prices(found)
        if prices is not None:
            amounts = found.placed.amounts / MICRO * np.asarray(prices) / MICRO * factor
            _spread(cost, scope, found.placed, amounts, first)


def _prices(part: Part) -> Grid:
    each: Grid = np.asarray(part.each) * (part.factor / MICRO) + part.surcharge
    return each


def _spread(grid: Grid, scope: Scope, placed: Placed, values: Grid, first: int) -> None:
    """Add values to the hours of the week that their quarters lie in, from a day on."""
    hours = scope.days.clock(placed.numbers, placed.days) // _QUARTERS_OF_HOUR
    weekdays = (scope.days.first.weekday() + placed.days) % WEEKDAYS
    wanted = placed.days >= first
    np.add.at(grid, (weekdays[wanted], hours[wanted]), values[wanted])


def _priced(definition: Definition, scope: Scope) -> Iterator[tuple[Part, float]]:
    """Yield the priced quarters of what is imported, and how much more it is with taxes."""
    factors = _with_taxes(definition)
    for component in definition.components:
        if isinstance(component, Fixed | Demand | Percent) or component.flow == "export":
            continue
        for part in parts_of(component, scope):
            yield part, factors[component.name]


def _with_taxes(definition: Definition) -> dict[str, float]:
    """Return by component what one unit of its costs makes of the bill."""
    shares: dict[str, dict[str, float]] = {}
    for component in definition.components:
        if not isinstance(component, Percent):
            shares[component.name] = {component.name: 1.0}
            continue
        bases = component.on or tuple(shares)
        own: dict[str, float] = {}
        for base in bases:
            for name, share in shares[base].items():
                own[name] = own.get(name, 0.0) + share * float(component.percent) / 100
        shares[component.name] = own
    return {name: sum(share.get(name, 0.0) for share in shares.values()) for name in shares}
