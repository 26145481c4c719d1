"""What follows from the energy of a period: its paths, its balance, what it will come to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from metering.analysis.balance import Balance, MeterReading, check_tree
from metering.analysis.flows import FlowTotals, SiteMeters, split_flows, sum_flows
from metering.analysis.forecast import Forecast, forecast_period
from metering.models import Meter, Quantity, Role
from metering.queries.counts import Counts, Key, read_days, sum_counts
from metering.queries.energy import Summary
from metering.queries.frames import Unit
from metering.queries.scopes import Terms, made_terms, terms_of
from metering.series import Series

_HISTORY = dt.timedelta(days=364 + 56 + 10)  # a year, and the weeks it is scaled by


@dataclass(frozen=True, slots=True)
class Node:
    """A meter in the tree; `balance` where it has submeters. `total` in its unit."""

    meter: Meter
    level: int
    balance: Balance | None
    counts: Counts | None


def find_flows(summary: Summary) -> FlowTotals | None:
    """Return the paths of the energy; None where nothing is produced or stored.

    Of months and years the days are split, of which meters show the sums only.
    """
    scope, counts = summary.scope, summary.counts
    if not scope.supply or not (scope.production or scope.batteries):
        return None
    bought = _series(terms_of(scope.supply, Quantity.IMPORT, 1, counts), counts)
    if bought is None:
        return None
    meters = SiteMeters(
        grid_import=bought,
        grid_export=_series(terms_of(scope.supply, Quantity.EXPORT, 1, counts), counts),
        production=_series(made_terms(scope.production, counts), counts),
        charge=_series(terms_of(scope.batteries, Quantity.IMPORT, 1, counts), counts),
        discharge=_series(terms_of(scope.batteries, Quantity.EXPORT, 1, counts), counts),
        ev=_series(terms_of(scope.cars, Quantity.IMPORT, 1, counts), counts),
    )
    return sum_flows(split_flows(meters))


def find_balance(summary: Summary) -> list[Node]:
    """Return the tree of meters from the top, with the balance of each that has submeters.

    Only quarters that all of them know count, of months and years only whole days.
    """
    scope = summary.scope
    readings = [
        reading
        for meter in scope.meters
        if not meter.is_virtual and (reading := _reading(meter, summary)) is not None
    ]
    balances = check_tree(readings)
    nodes: list[Node] = []

    def walk(meters: Sequence[Meter], level: int) -> None:
        for meter in meters:
            terms = made_terms([meter], summary.counts)
            counts = sum_counts((summary.counts[key], sign) for key, sign in terms)
            nodes.append(Node(meter, level, balances.get(str(meter.id)), counts))
            walk(scope.below.get(meter.id, []), level + 1)

    walk(scope.below.get(None, []), 0)
    return nodes if balances else []


def find_forecast(summary: Summary, *, now: dt.datetime) -> Forecast | None:
    """Return what a running month or year will come to; None for another period."""
    frame, scope = summary.frame, summary.scope
    today = now.astimezone(frame.zone).date()
    runs = frame.period.start <= today < frame.period.end
    if frame.unit not in (Unit.MONTH, Unit.YEAR) or not runs or not scope.measured:
        return None
    start = min(frame.period.start, today - _HISTORY)
    counts = read_days(scope.measured, start, today + dt.timedelta(days=1))
    total = sum_counts((counts[key], sign) for key, sign in scope.use_terms(counts))
    if total is None or not len(total.numbers):
        return None
    history = total.local_days(frame.zone)
    return forecast_period(history, start=frame.period.start, end=frame.period.end, today=today)


def _series(terms: Terms, counts: dict[Key, Counts]) -> Series | None:
    found = sum_counts((counts[key], sign) for key, sign in terms)
    return None if found is None else found.series.take(found.known > 0)


def _reading(meter: Meter, summary: Summary) -> MeterReading | None:
    """Return what a meter takes less what it gives; production counts what it gives."""
    counts = summary.counts
    feeds = meter.role == Role.PRODUCTION
    terms = (
        made_terms([meter], counts)
        if feeds
        else [
            *terms_of([meter], Quantity.IMPORT, 1, counts),
            *terms_of([meter], Quantity.EXPORT, -1, counts),
        ]
    )
    found = sum_counts((counts[key], sign) for key, sign in terms)
    if found is None:
        return None
    frame = summary.frame
    series = found.whole_days(frame.zone) if frame.by_day else found.series
    return MeterReading(
        key=str(meter.id),
        series=series,
        class_percent=meter.accuracy,
        parent=str(meter.parent_id) if meter.parent_id else None,
        feeds=feeds,
    )
