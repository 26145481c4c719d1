"""Which version of which tariff holds for a meter on which days, and prices as series."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from django.db.models import Q, QuerySet

from devices.models import Site
from metering.models import (
    Meter,
    Price,
    PriceSeries,
    Role,
    Tariff,
    TariffAssignment,
    TariffVersion,
)
from metering.tariffs import prices as pure

FOREVER = dt.date.max


class Valid(Protocol):
    """Something that holds for the days [valid_from, valid_to)."""

    valid_from: dt.date
    valid_to: dt.date | None


V = TypeVar("V", bound=Valid)


@dataclass(frozen=True, slots=True)
class Segment:
    """The local days [start, end) of a meter and the version that holds for them.

    valid_from, valid_to: how far the version holds without a break; both may lie outside.
    """

    version: TariffVersion
    start: dt.date
    end: dt.date
    valid_from: dt.date
    valid_to: dt.date | None


def lay_over(items: Sequence[V]) -> list[tuple[V, dt.date, dt.date]]:
    """Return which item holds from when to when; of several the last in the sequence."""
    cuts = sorted({day for item in items for day in (item.valid_from, item.valid_to or FOREVER)})
    found: list[tuple[V, dt.date, dt.date]] = []
    for start, end in zip(cuts, cuts[1:], strict=False):
        holding = [
            item for item in items if item.valid_from <= start and (item.valid_to or FOREVER) >= end
        ]
        if not holding:
            continue
        if found and found[-1][0] is holding[-1] and found[-1][2] == start:
            found[-1] = (holding[-1], found[-1][1], end)
        else:
            found.append((holding[-1], start, end))
    return found


def find_segments(
    site: Site,
    meters: Sequence[Meter],
    start: dt.date,
    end: dt.date,
    *,
    extra: TariffVersion | None = None,
) -> dict[uuid.UUID, list[Segment]]:
    """Return what holds on the days [start, end) for each meter of the site, in order.

    Args: extra: a version that is not stored, taken as the last one known of its tariff.
    """
    used = _assignments(site, meters)
    versions = _versions({use.tariff_id for uses in used.values() for use in uses}, extra)
    timelines = {tariff: lay_over(rows) for tariff, rows in versions.items()}
    found = {}
    for meter, uses in used.items():
        parts = [
            segment
            for use, since, until in lay_over(uses)
            for segment in _cut(timelines.get(use.tariff_id, []), since, until, start, end)
        ]
        if parts:
            found[meter] = parts
    return found


def _cut(
    timeline: Sequence[tuple[TariffVersion, dt.date, dt.date]],
    since: dt.date,
    until: dt.date,
    start: dt.date,
    end: dt.date,
) -> Iterable[Segment]:
    for version, first, after in timeline:
        first, after = max(first, since), min(after, until)
        if max(first, start) < min(after, end):
            yield Segment(
                version, max(first, start), min(after, end), first,
                None if after == FOREVER else after,
            )  # fmt: skip


def _assignments(site: Site, meters: Sequence[Meter]) -> dict[uuid.UUID, list[TariffAssignment]]:
    """Return those of each meter, its own last: they hold before those of the site."""
    rows = TariffAssignment.objects.filter(site=site).filter(
        Q(meter=None) | Q(meter__in=[meter.id for meter in meters])
    )
    own: dict[uuid.UUID | None, list[TariffAssignment]] = defaultdict(list)
    for row in rows.select_related("tariff").order_by("valid_from", "id"):
        own[row.meter_id].append(row)
    connected = connection_meters(site) if own[None] else set()
    found = {}
    for meter in meters:
        common = own[None] if meter.id in connected else []
        fitting = [row for row in common if row.tariff.commodity == meter.commodity]
        if fitting or own[meter.id]:
            found[meter.id] = [*fitting, *own[meter.id]]
    return found


def connection_meters(site: Site) -> set[uuid.UUID]:
    """Return the meters that the supplier bills.

    Those at the grid; where a commodity has none, the loads that are below no other meter.
    """
    rows = list(
        Meter.objects.filter(site=site, parent=None, is_virtual=False)
        .filter(role__in=[Role.GRID, Role.LOAD])
        .values_list("id", "commodity", "role")
    )
    has_grid = {commodity for _id, commodity, role in rows if role == Role.GRID}
    return {key for key, commodity, role in rows if role == Role.GRID or commodity not in has_grid}


def _versions(
    tariffs: Iterable[uuid.UUID], extra: TariffVersion | None
) -> dict[uuid.UUID, list[TariffVersion]]:
    found: dict[uuid.UUID, list[TariffVersion]] = defaultdict(list)
    rows = TariffVersion.objects.filter(tariff_id__in=list(tariffs)).select_related("tariff")
    for row in rows.order_by("known_at", "id"):
        found[row.tariff_id].append(row)
    if extra is not None and extra.tariff_id in found:
        found[extra.tariff_id].append(extra)
    return found


def read_prices(names: Iterable[str], first: int, last: int) -> dict[str, pure.PriceSeries]:
    """Return the prices of the quarters [first, last] by the name of the series."""
    wanted = sorted(set(names))
    if not wanted:
        return {}
    series = dict(PriceSeries.objects.filter(name__in=wanted).values_list("id", "name"))
    rows: dict[str, list[tuple[int, int]]] = {name: [] for name in series.values()}
    found = Price.objects.filter(
        series_id__in=list(series), superseded_at=None, number__gte=first, number__lte=last
    )
    for key, number, price in found.order_by("number").values_list("series_id", "number", "price"):
        rows[series[key]].append((number, price))
    return {name: _as_series(pairs) for name, pairs in rows.items()}


def _as_series(pairs: Sequence[tuple[int, int]]) -> pure.PriceSeries:
    columns = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return pure.PriceSeries(columns[:, 0].copy(), columns[:, 1].copy())


def list_tariffs() -> QuerySet[Tariff]:
    """Return all tariffs with their versions, as they became known."""
    return Tariff.objects.prefetch_related("versions").order_by("name", "id")


def find_tariff(tariff_id: uuid.UUID) -> Tariff:
    """Return a tariff with its versions. Raises: Tariff.DoesNotExist."""
    return list_tariffs().get(id=tariff_id)


def list_assignments(site_id: uuid.UUID | None = None) -> QuerySet[TariffAssignment]:
    """Return where tariffs apply, those of a site if one is given."""
    rows = TariffAssignment.objects.select_related("tariff", "site", "meter")
    return (rows.filter(site_id=site_id) if site_id else rows).order_by("valid_from", "id")


def held_days(
    versions: Sequence[TariffVersion],
) -> Mapping[uuid.UUID, list[tuple[dt.date, dt.date | None]]]:
    """Return from when to when each version holds, those that were replaced left out."""
    found: dict[uuid.UUID, list[tuple[dt.date, dt.date | None]]] = defaultdict(list)
    for version, start, end in lay_over(sorted(versions, key=lambda row: row.known_at)):
        found[version.id].append((start, None if end == FOREVER else end))
    return found
