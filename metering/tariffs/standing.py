"""Charges for power and time: demand, and fees spread over the days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from metering.series import MICRO, Ints, to_decimal
from metering.tariffs.calendar import Days, Mask, match_slots, period_of, periods_between
from metering.tariffs.components import (
    BandRef,
    Component,
    Definition,
    Demand,
    Fixed,
    TimeOfUse,
    micro,
)
from metering.tariffs.energy import Placed, Scope, find_bands, sum_runs
from metering.tariffs.items import CostItem, divide_half_even

_QUARTER_MINUTES = 15
EXCESS = "excess"


@dataclass(frozen=True, slots=True)
class Range:
    """The local days [start, end) to be rated.

    today: the day that is not over yet; None if all are. valid_from, valid_to: from when to
    when (exclusive) the definition holds, where a period is cut by it.
    """

    start: dt.date
    end: dt.date
    today: dt.date | None = None
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """The highest mean: power in millionths of a kW, and the quarters it lies in."""

    power: int
    first_quarter: int
    last_quarter: int


def fixed_items(component: Fixed, days: Days, wanted: Range) -> Iterator[CostItem]:
    """Yield the share of each day; the shares of a whole period add up to the fee."""
    fee = micro(component.price)
    price = to_decimal(fee) if component.per == "day" else None
    for index in range(days.position(wanted.start), days.position(wanted.end)):
        day = days.day(index)
        first, after = period_of(day, component.per)
        count, number = (after - first).days, (day - first).days
        share = divide_half_even(fee * (number + 1), count) - divide_half_even(fee * number, count)
        yield CostItem(
            day=day, component=component.name, kind="fixed", band="", quantity=to_decimal(MICRO),
            unit="day", price=price, amount=to_decimal(share),
            first_quarter=int(days.edges[index]), last_quarter=int(days.edges[index + 1]) - 1,
        )  # fmt: skip


def demand_items(
    component: Demand, definition: Definition, scope: Scope, wanted: Range
) -> Iterator[CostItem]:
    """Yield the charge of each period whose last day, or the running day, is wanted."""
    for period in periods_between(wanted.start, wanted.end, component.per):
        first = max(period[0], wanted.valid_from or period[0])
        after = min(period[1], wanted.valid_to or period[1])
        last = after - dt.timedelta(days=1)
        is_running = wanted.today is not None and wanted.today <= last
        booked = wanted.today if is_running and wanted.today is not None else last
        if first <= booked and wanted.start <= booked < wanted.end:
            share = ((after - first).days, (period[1] - period[0]).days)
            found = find_peak(component, definition, scope, first, booked)
            yield from _charge(component, found, scope.days, booked, share, scope.unit, is_running)


def find_peak(
    component: Demand, definition: Definition, scope: Scope, first: dt.date, last: dt.date
) -> Window | None:
    """Return the first highest window of the days, both included; None without a reading.

    Windows are counted from local midnight. Of a window of which quarters are missing, or
    which midnight cuts, what is known is spread over the whole length.
    """
    placed = scope.flows["import"]
    edges = scope.days.edges
    low, high = np.searchsorted(
        placed.numbers, [edges[scope.days.position(first)], edges[scope.days.position(last) + 1]]
    )
    placed = placed.take(slice(low, high))
    if not len(placed.numbers):
        return None
    starts = window_starts(component, placed, edges)
    inside = _inside(component, definition, placed, scope)
    counts = np.logical_and.reduceat(inside, starts)
    if not counts.any():
        return None
    sums = np.array(sum_runs(placed.amounts, starts))[counts]
    at = int(np.argmax(sums))
    return _window(component, int(sums[at]), int(placed.numbers[starts[counts][at]]), edges)


def window_starts(component: Demand, placed: Placed, edges: Ints) -> Ints:
    """Return where in the quarters each window begins."""
    width = component.window_minutes // _QUARTER_MINUTES
    keys = placed.days * 1000 + (placed.numbers - edges[placed.days]) // width
    return np.flatnonzero(np.diff(keys, prepend=-1))


def _window(component: Demand, energy: int, number: int, edges: Ints) -> Window:
    width = component.window_minutes // _QUARTER_MINUTES
    day = int(np.searchsorted(edges, number, side="right")) - 1
    first = number - (number - int(edges[day])) % width
    last = min(first + width, int(edges[day + 1])) - 1
    return Window(energy * (60 // component.window_minutes), first, last)


def _inside(component: Demand, definition: Definition, placed: Placed, scope: Scope) -> Mask:
    """Return which quarters lie where the demand counts."""
    match component.within:
        case None:
            return np.ones(len(placed.numbers), dtype=np.bool_)
        case BandRef() as wanted:
            named = _find_component(definition.components, wanted.component)
            position = [band.name for band in named.bands].index(wanted.band)
            in_band: Mask = find_bands(named, placed, scope) == position
            return in_band
        case slots:
            found = match_slots(
                slots, calendar=scope.calendar, days=scope.days,
                numbers=placed.numbers, located=placed.days,
            )  # fmt: skip
            in_slot: Mask = found >= 0
            return in_slot


def _find_component(components: tuple[Component, ...], name: str) -> TimeOfUse:
    return next(part for part in components if isinstance(part, TimeOfUse) and part.name == name)


def _charge(
    component: Demand, found: Window | None, days: Days, day: dt.date,
    share: tuple[int, int], unit: str, is_running: bool,
) -> Iterator[CostItem]:  # fmt: skip
    index = days.position(day)
    peak = 0 if found is None else found.power
    quarters = (
        (int(days.edges[index]), int(days.edges[index + 1]) - 1)
        if found is None
        else (found.first_quarter, found.last_quarter)
    )
    for band, power, price in _billed(component, peak, has_reading=found is not None):
        amount = divide_half_even(power * price * share[0], MICRO * share[1])
        yield CostItem(
            day=day, component=component.name, kind="demand", band=band,
            quantity=to_decimal(power), unit="kW" if unit == "kWh" else f"{unit}/h",
            price=to_decimal(price),
            amount=to_decimal(amount), first_quarter=quarters[0], last_quarter=quarters[1],
            is_provisional=is_running,
        )  # fmt: skip


def _billed(component: Demand, peak: int, *, has_reading: bool) -> Iterator[tuple[str, int, int]]:
    """Yield band, power and price of what is paid for."""
    price = micro(component.price)
    if component.contracted_kw is None or component.excess_price is None:
        if has_reading:
            yield "", peak, price
        return
    contracted = micro(component.contracted_kw)
    if component.billed == "contracted":
        yield "", contracted, price
    elif has_reading:
        yield "", min(peak, contracted), price
    if peak > contracted:
        yield EXCESS, peak - contracted, micro(component.excess_price)
