"""What the ledger of meters costs by the tariffs that hold for them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from devices.models import Site
from metering.models import Meter, Quantity, TariffVersion
from metering.queries.series import meter_series
from metering.queries.tariffs import Segment, find_segments, read_prices
from metering.series import Series
from metering.tariffs.calendar import local_days, period_of
from metering.tariffs.components import Definition, Demand, Tiers
from metering.tariffs.definition import read_definition
from metering.tariffs.items import CostItem
from metering.tariffs.prices import PriceSeries
from metering.tariffs.rating import context_start, rate, series_names


@dataclass(frozen=True, slots=True)
class Rated:
    """One item of a meter, and the version it was rated by."""

    meter: Meter
    version: TariffVersion
    item: CostItem


@dataclass(frozen=True, slots=True)
class Readings:
    """Quarters of meters, and prices, that a rating looks at."""

    imported: Mapping[uuid.UUID, Series]
    exported: Mapping[uuid.UUID, Series]
    prices: Mapping[str, PriceSeries]


def rate_meters(
    site: Site,
    meters: Sequence[Meter],
    start: dt.date,
    end: dt.date,
    *,
    today: dt.date,
    extra: TariffVersion | None = None,
) -> list[Rated]:
    """Return the costs of the local days [start, end) of meters of one site.

    Raises: UnknownPriceSeries, BadDefinition, OverflowError: see `metering.tariffs.rating`.
    """
    segments = find_segments(site, meters, start, end, extra=extra)
    definitions = _definitions(segments.values())
    zone = ZoneInfo(site.timezone)
    charged = [meter for meter in meters if meter.id in segments]
    if not charged:
        return []
    first_day = min(
        context_start(definitions[part.version.id], part.start)
        for parts in segments.values()
        for part in parts
    )
    readings = load_readings(charged, first_day, end, zone, definitions.values())
    return [
        Rated(meter, part.version, item)
        for meter in charged
        for part in segments[meter.id]
        for item in rate(
            definitions[part.version.id], start=part.start, end=part.end, zone=zone,
            imported=readings.imported.get(meter.id, Series.empty()),
            exported=readings.exported.get(meter.id), prices=readings.prices, today=today,
            valid_from=part.valid_from, valid_to=part.valid_to, unit=meter.unit,
        ).costs
    ]  # fmt: skip


def load_readings(
    meters: Sequence[Meter],
    start: dt.date,
    end: dt.date,
    zone: ZoneInfo,
    definitions: Iterable[Definition],
) -> Readings:
    """Return what definitions look at on the local days [start, end)."""
    used = list(definitions)
    edges = local_days(start, end, zone).edges
    first, last = int(edges[0]), int(edges[-1]) - 1
    has_export = any(getattr(part, "flow", "") == "export" for d in used for part in d.components)
    return Readings(
        meter_series(meters, first, last, Quantity.IMPORT),
        meter_series(meters, first, last, Quantity.EXPORT) if has_export else {},
        read_prices((name for d in used for name in series_names(d)), first, last),
    )


def affected_until(definition: Definition, day: dt.date) -> dt.date:
    """Return the end of the days whose costs depend on what is used on a day."""
    ends = [
        period_of(day, part.per)[1]
        for part in definition.components
        if isinstance(part, Tiers | Demand)
    ]
    return max([day + dt.timedelta(days=1), *ends])


def extend_days(site: Site, meters: Sequence[Meter], start: dt.date, end: dt.date) -> dt.date:
    """Return until when costs depend on what was used on the days [start, end)."""
    segments = find_segments(site, meters, end - dt.timedelta(days=1), end)
    definitions = _definitions(segments.values())
    last = end - dt.timedelta(days=1)
    return max([end, *(affected_until(found, last) for found in definitions.values())])


def _definitions(parts: Iterable[Sequence[Segment]]) -> dict[uuid.UUID, Definition]:
    versions = {part.version.id: part.version for found in parts for part in found}
    return {key: read_definition(version.definition) for key, version in versions.items()}
