"""Charge points as people see them: what each connector does now, and sums of a period.

Every function runs in a tenant's scope; the number of queries does not depend on the rows.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, QuerySet, Sum

from charging.models import ChargePoint, ChargingSession, Connector
from charging.queries.connectors import Live, read_live
from devices.models import SerialLine
from telemetry.models import LatestValue

SHOWN = 200
ORDERINGS = {"name": "name", "created_at": "created_at"}


@dataclass(frozen=True, slots=True)
class Place:
    """A connector as it is now, and when its meter said what `live` holds."""

    live: Live
    power_at: dt.datetime | None
    register_at: dt.datetime | None

    @property
    def connector(self) -> Connector:
        """Return the connector."""
        return self.live.connector

    @property
    def session(self) -> ChargingSession | None:
        """Return the session that is open there."""
        return self.live.session


@dataclass(frozen=True, slots=True)
class Station:
    """A charge point, the line to its controller if it has one, and its connectors."""

    point: ChargePoint
    line: SerialLine | None
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Total:
    """Sessions of a period, their energy in kWh, and their cost as (amount, currency)."""

    sessions: int
    energy_kwh: Decimal
    costs: tuple[tuple[Decimal, str], ...]


def find_points(*, site_id: uuid.UUID | None = None, text: str = "") -> QuerySet[ChargePoint]:
    """Return the charge points that match, with their device and line; the caller orders."""
    rows = ChargePoint.objects.select_related("site", "device__serial_line", "price")
    if site_id is not None:
        rows = rows.filter(site_id=site_id)
    return rows.filter(name__icontains=text) if text else rows


def find_point(charge_point_id: uuid.UUID) -> ChargePoint | None:
    """Return a charge point with its site, device and line."""
    return find_points().filter(id=charge_point_id).first()


def find_connector(connector_id: uuid.UUID) -> Connector | None:
    """Return a connector with its charge point, site, device and line."""
    return _connectors().filter(id=connector_id).first()


def read_stations(points: Sequence[ChargePoint], *, now: dt.datetime) -> list[Station]:
    """Return charge points with what happens at each, in their order; four queries."""
    rows = list(
        _connectors().filter(charge_point__in=points).order_by("charge_point_id", "number", "id")
    )
    by_point: defaultdict[uuid.UUID, list[Place]] = defaultdict(list)
    for place in read_places(rows, now=now):
        by_point[place.connector.charge_point_id].append(place)
    return [Station(point, line_of(point), tuple(by_point[point.id])) for point in points]


def read_places(connectors: Sequence[Connector], *, now: dt.datetime) -> list[Place]:
    """Return connectors with what happens there, in their order; three queries."""
    wanted = {
        id_
        for one in connectors
        for id_ in (one.power_channel_id, one.energy_channel_id)
        if id_ is not None
    }
    rows = LatestValue.objects.filter(channel_id__in=wanted)
    times = dict(rows.values_list("channel_id", "time"))
    return [
        Place(
            live, times.get(live.connector.power_channel_id or 0),
            times.get(live.connector.energy_channel_id or 0),
        )
        for live in read_live(list(connectors), now=now)
    ]  # fmt: skip


def line_of(point: ChargePoint) -> SerialLine | None:
    """Return the line to the controller of a charge point."""
    return getattr(point.device, "serial_line", None)


def sum_sessions(rows: QuerySet[ChargingSession]) -> Total:
    """Return the sums of some sessions; one query."""
    found = list(
        rows.order_by()
        .values("currency")
        .annotate(sessions=Count("id"), energy=Sum("energy_kwh"), cost_sum=Sum("cost"))
        .order_by("currency")
    )
    return Total(
        sessions=sum(row["sessions"] for row in found),
        energy_kwh=sum((row["energy"] or Decimal(0) for row in found), Decimal(0)),
        costs=tuple(
            (row["cost_sum"], row["currency"]) for row in found if row["cost_sum"] is not None
        ),
    )


def sum_since(start: dt.datetime, *, site_id: uuid.UUID | None = None) -> Total:
    """Return the sums of the sessions that began since then; one query."""
    rows = ChargingSession.objects.filter(started_at__gte=start)
    if site_id is not None:
        rows = rows.filter(connector__charge_point__site_id=site_id)
    return sum_sessions(rows)


def _connectors() -> QuerySet[Connector]:
    return Connector.objects.select_related(
        "charge_point__site", "charge_point__device__serial_line", "charge_point__price"
    )
