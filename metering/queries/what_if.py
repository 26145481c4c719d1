"""What the past would have cost by another tariff or with another contracted power."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from metering.models import Meter, Tariff
from metering.queries.costs import Known
from metering.queries.rating import load_readings
from metering.queries.tariffs import find_segments, lay_over
from metering.series import Grade, Series
from metering.tariffs.calendar import local_days
from metering.tariffs.components import Definition, Demand
from metering.tariffs.definition import read_definition
from metering.tariffs.energy import UnknownPriceSeries
from metering.tariffs.rating import context_start, rate


@dataclass(frozen=True, slots=True)
class Alternative:
    """What the same consumption would have cost; saving: compared with the tariff that holds.

    problem: why it could not be computed; unpriced: quarters without a price.
    """

    name: str
    tariff_id: uuid.UUID | None
    contracted_kw: Decimal | None
    total: Decimal
    saving: Decimal
    currency: str
    unpriced: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Alternatives, the cheapest first, with the quality of the data that they rest on."""

    current: Alternative | None
    alternatives: list[Alternative]
    quality: Known
    start: dt.date
    end: dt.date


def compare_tariffs(
    meter: Meter,
    start: dt.date,
    end: dt.date,
    *,
    contracted: Sequence[Decimal] = (),
) -> Comparison:
    """Rate the local days [start, end) by each tariff of the meter's commodity and currency.

    Args: contracted: powers (kW) to try with the tariff that holds on the last day.
    """
    zone = ZoneInfo(meter.site.timezone)
    parts = find_segments(meter.site, [meter], end - dt.timedelta(days=1), end).get(meter.id, [])
    now_held = parts[-1].version if parts else None
    named = _candidates(meter, now_held.tariff.currency if now_held else "", end)
    if now_held is not None:
        named[now_held.tariff] = read_definition(now_held.definition)
    readings = load_readings(
        [meter], min([start, *(context_start(d, start) for d in named.values())]), end, zone,
        named.values(),
    )  # fmt: skip

    def rated(tariff: Tariff, definition: Definition, power: Decimal | None) -> Alternative:
        try:
            found = rate(
                definition, start=start, end=end, zone=zone, unit=meter.unit,
                imported=readings.imported.get(meter.id, Series.empty()),
                exported=readings.exported.get(meter.id), prices=readings.prices,
            )  # fmt: skip
        except UnknownPriceSeries as error:
            return _alternative(tariff, power, Decimal(0), problem=str(error.args[0]))
        unpriced = sum(item.missing_quarters for item in found.costs)
        return _alternative(tariff, power, found.total(), unpriced=unpriced)

    made = [rated(tariff, definition, None) for tariff, definition in named.items()]
    if now_held is not None:
        own = named[now_held.tariff]
        made += [rated(now_held.tariff, _with_power(own, kw), kw) for kw in contracted]
    current = made[list(named).index(now_held.tariff)] if now_held else None
    ranked = sorted(
        (_compared(one, current) for one in made),
        key=lambda one: (bool(one.problem), one.total, one.name),
    )
    quality = _quality(readings.imported.get(meter.id, Series.empty()), start, end, zone)
    return Comparison(current, ranked, quality, start, end)


def _candidates(meter: Meter, currency: str, end: dt.date) -> dict[Tariff, Definition]:
    """Return the version of each tariff that holds on the last day."""
    found = {}
    rows = Tariff.objects.filter(commodity=meter.commodity).order_by("name", "id")
    rows = rows.filter(currency=currency) if currency else rows
    for tariff in rows.prefetch_related("versions"):
        versions = sorted(tariff.versions.all(), key=lambda row: row.known_at)
        holding = [row for row, since, until in lay_over(versions)
                   if since <= end - dt.timedelta(days=1) < until]  # fmt: skip
        if holding:
            found[tariff] = read_definition(holding[-1].definition)
    return found


def _with_power(definition: Definition, kw: Decimal) -> Definition:
    components = tuple(
        msgspec.structs.replace(part, contracted_kw=f"{kw:f}")
        if isinstance(part, Demand) and part.contracted_kw is not None
        else part
        for part in definition.components
    )
    return msgspec.structs.replace(definition, components=components)


def _alternative(
    tariff: Tariff, power: Decimal | None, total: Decimal, *, unpriced: int = 0, problem: str = ""
) -> Alternative:
    return Alternative(
        tariff.name, tariff.id, power, total, Decimal(0), tariff.currency, unpriced, problem
    )


def _compared(one: Alternative, current: Alternative | None) -> Alternative:
    if current is None or one.problem or current.problem:
        return one
    return Alternative(
        one.name, one.tariff_id, one.contracted_kw, one.total, current.total - one.total,
        one.currency, one.unpriced,
    )  # fmt: skip


def _quality(series: Series, start: dt.date, end: dt.date, zone: ZoneInfo) -> Known:
    edges = local_days(start, end, zone).edges
    low, high = np.searchsorted(series.numbers, edges[[0, -1]])
    grades = series.grades[low:high]
    estimated = int((grades >= Grade.ESTIMATED).sum())
    return Known(len(grades) - estimated, estimated, int(edges[-1] - edges[0]) - len(grades))
