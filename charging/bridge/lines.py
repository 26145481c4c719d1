"""Which serial line a bridge is for, and what hangs on it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from accounts.tenancy import all_tenants
from charging.models import ChargePoint, Connector
from devices.models import SerialLine


class NoSuchLine(LookupError):
    """No line, or more than one, is meant; the text says which there are."""


@dataclass(frozen=True, slots=True)
class LineFacts:
    """A serial line as it is configured.

    `connector_id` None: no charge point is set up, or none with a connector. `max_current_a`: what
    its cable and fuse bear; None: no charge point is set up.
    """

    id: uuid.UUID
    tenant_id: uuid.UUID
    device_id: uuid.UUID
    connector_id: uuid.UUID | None
    port: str
    baudrate: int
    protocol: str
    is_enabled: bool
    max_current_a: int | None


def find_line(*, line: str = "", charger: str = "") -> LineFacts:
    """Find the line of an id or a port, or of the id or name of a charge point; of any tenant.

    Raises: NoSuchLine.
    """
    with all_tenants():
        rows = SerialLine.objects.order_by("port", "id")
        found = list(_by_charger(rows, charger) if charger else _by_line(rows, line))[:6]
        if len(found) == 1:
            return _facts(found[0])
        named = f"charge point {charger!r}" if charger else f"line {line!r}"
        if found:
            ports = ", ".join(f"{row.id} ({row.port})" for row in found)
            raise NoSuchLine(f"More than one {named}. Name the line: {ports}.")
        known = ", ".join(row.port for row in rows[:6]) or "none is set up"
        raise NoSuchLine(f"There is no {named}. Lines: {known}.")


def load_line(line_id: uuid.UUID) -> LineFacts | None:
    """Read a line again; None when it was deleted."""
    with all_tenants():
        row = SerialLine.objects.filter(id=line_id).first()
        return _facts(row) if row is not None else None


def _by_line(rows: QuerySet[SerialLine], line: str) -> QuerySet[SerialLine]:
    return rows.filter(Q(port=line) | Q(id=_uuid(line)))


def _by_charger(rows: QuerySet[SerialLine], charger: str) -> QuerySet[SerialLine]:
    meant = Q(device__charge_point__name=charger) | Q(device__charge_point__id=_uuid(charger))
    return rows.filter(meant)


def _facts(row: SerialLine) -> LineFacts:
    connectors = Connector.objects.filter(charge_point__device_id=row.device_id)
    connector_id = connectors.order_by("number", "id").values_list("id", flat=True).first()
    points = ChargePoint.objects.filter(device_id=row.device_id)
    return LineFacts(
        row.id, row.tenant_id, row.device_id, connector_id, row.port, row.baudrate, row.protocol,
        row.is_enabled, points.values_list("max_current_a", flat=True).first(),
    )  # fmt: skip


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
