"""Lines of costs shared out over the quarter hours of their day.

The lines are what counts: quarters only share them out, and add up to them exactly.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from metering.models import CostLine, Meter, TariffVersion
from metering.queries.rating import Readings, load_readings
from metering.series import MICRO, Ints, Series, to_micro
from metering.tariffs.calendar import Days, local_days
from metering.tariffs.components import Definition, Demand, Fixed, Percent
from metering.tariffs.definition import read_definition
from metering.tariffs.energy import Part, UnknownPriceSeries, build_scope, parts_of
from metering.tariffs.rating import context_start

Floats = NDArray[np.float64]
Weights = Mapping[tuple[str, str], Floats]


@dataclass(frozen=True, slots=True)
class SharedLine:
    """A line with its amount by quarter of its day, in millionths; `first`: since 1970."""

    line: CostLine
    first: int
    amounts: Ints


def share_lines(
    lines: Sequence[CostLine],
    meters: Mapping[uuid.UUID, Meter],
    start: dt.date,
    end: dt.date,
    zone: ZoneInfo,
) -> Iterator[SharedLine]:
    """Share out lines of the local days [start, end).

    Energy goes to the quarters that used it, at their price; taxes follow what they are on;
    demand goes to its window if that lies in the day; fees are the same all day.
    """
    groups: dict[tuple[uuid.UUID, uuid.UUID], list[CostLine]] = defaultdict(list)
    for line in lines:
        groups[line.meter_id, line.version_id].append(line)
    versions = TariffVersion.objects.in_bulk({version for _meter, version in groups})
    definitions = {key: read_definition(row.definition) for key, row in versions.items()}
    if not definitions:
        return
    since = min(context_start(found, start) for found in definitions.values())
    charged = [meters[key] for key in dict.fromkeys(meter for meter, _version in groups)]
    readings = load_readings(charged, since, end, zone, definitions.values())
    days = local_days(start, end, zone)
    for (meter, version), group in groups.items():
        definition = definitions[version]
        weights = _weights(definition, meters[meter], readings, days, end)
        yield from _share(group, definition, weights, days)


def share_out(amount: int, weights: Floats) -> Ints:
    """Return whole numbers that add up to the amount and are as near to the weights as can be.

    Weights are what the shares should be; what they lack of the amount goes by their size,
    or evenly where all are 0.

    >>> share_out(10, np.array([1.0, 2.0, 2.0])).tolist()
    [2, 4, 4]
    >>> share_out(-1, np.zeros(3)).tolist()
    [0, -1, 0]
    """
    sizes = np.abs(weights)
    if not sizes.any():
        sizes = np.ones(len(weights))
    exact = weights + (amount - float(weights.sum())) * (sizes / sizes.sum())
    reached = np.rint(np.cumsum(exact)).astype(np.int64)
    reached[-1] = amount
    return np.diff(reached, prepend=0)


def _weights(
    definition: Definition, meter: Meter, readings: Readings, days: Days, end: dt.date
) -> Weights:
    """Return what each quarter of the days costs by component and band, in millionths."""
    since = context_start(definition, days.first)
    scope = build_scope(
        definition, start=since, end=end, zone=days.zone, prices=readings.prices, unit=meter.unit,
        imported=readings.imported.get(meter.id, Series.empty()),
        exported=readings.exported.get(meter.id),
    )  # fmt: skip
    found: dict[tuple[str, str], Floats] = {}
    begin, count = int(days.edges[0]), int(days.edges[-1] - days.edges[0])
    for component in definition.components:
        if isinstance(component, Fixed | Demand | Percent):
            continue
        sign = -1 if component.flow == "export" else 1
        try:
            parts = list(parts_of(component, scope))
        except UnknownPriceSeries:
            continue
        for part in parts:
            places = part.placed.numbers - begin
            inside = places >= 0
            costs = np.zeros(count)
            costs[places[inside]] = sign * _costs(part)[inside]
            found[component.name, part.band] = costs
    return found


def _costs(part: Part) -> Floats:
    amounts = part.placed.amounts.astype(np.float64)
    if part.price is not None:
        return amounts * (part.price / MICRO)
    if part.each is None:
        return np.zeros(len(amounts))
    each = part.each * (part.factor / MICRO) + part.surcharge
    found: Floats = (amounts * each / MICRO).astype(np.float64)
    return found


def _share(
    lines: Sequence[CostLine], definition: Definition, weights: Weights, days: Days
) -> Iterator[SharedLine]:
    """Yield the lines of a meter; those that taxes are on come before them."""
    places = {part.name: place for place, part in enumerate(definition.components)}
    taxed = {part.name: part for part in definition.components if isinstance(part, Percent)}
    so_far: dict[tuple[dt.date, str], Ints] = {}
    for line in sorted(lines, key=lambda line: (line.day, places.get(line.component, -1))):
        day = days.position(line.day)
        first, after = int(days.edges[day]), int(days.edges[day + 1])
        if tax := taxed.get(line.component):
            wanted = _taxed(tax, line.day, so_far, after - first)
        else:
            wanted = _wanted(line, weights, slice(first, after), int(days.edges[0]))
        amounts = share_out(to_micro(line.amount), wanted)
        known = so_far.get((line.day, line.component))
        so_far[line.day, line.component] = amounts if known is None else known + amounts
        yield SharedLine(line, first, amounts)


def _taxed(
    tax: Percent, day: dt.date, so_far: Mapping[tuple[dt.date, str], Ints], count: int
) -> Floats:
    found = np.zeros(count)
    for (of, name), amounts in so_far.items():
        if of == day and (name in tax.on if tax.on else name != tax.name):
            found += amounts
    return found * float(Decimal(tax.percent) / 100)


def _wanted(line: CostLine, weights: Weights, quarters: slice, begin: int) -> Floats:
    costs = weights.get((line.component, line.band))
    if costs is not None:
        return costs[quarters.start - begin : quarters.stop - begin]
    found = np.zeros(quarters.stop - quarters.start)
    if line.kind == "demand" and quarters.start <= line.first_quarter < quarters.stop:
        window = slice(line.first_quarter - quarters.start, line.last_quarter + 1 - quarters.start)
        found[window] = float(to_micro(line.amount)) / (window.stop - window.start)
    return found
