"""Keeps events of connectors so that their order is the order in which they are committed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection

from charging.events import Happened, Kind
from charging.models import ChargingEvent, ChargingSession, Connector
from devices.live_types import EventType
from devices.models import LiveEvent, Severity

# Whoever has read an event has read all that were kept before it: one at a time takes numbers.
_LOCK = 0x63686172
_WORSE = {
    Kind.FAULT_DETECTED: Severity.ERROR, Kind.CONTACTOR_MISMATCH: Severity.CRITICAL,
    Kind.OVERCURRENT: Severity.ERROR, Kind.CONTROL_PILOT_ERROR: Severity.WARNING,
    Kind.LOCK_FAILED: Severity.WARNING, Kind.BRIDGE_LOST: Severity.WARNING,
    Kind.COMMAND_TIMEOUT: Severity.WARNING, Kind.COMMAND_REJECTED: Severity.WARNING,
}  # fmt: skip


def lock_order() -> None:
    """Let nobody else number events until this transaction ends.

    Whoever also writes the audit trail or sends commands in it takes this lock first, so that
    two transactions never wait for each other.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def keep_events(
    connector: Connector, found: Sequence[tuple[Happened, ChargingSession | None]]
) -> list[ChargingEvent]:
    """Keep events in their order, and tell whoever watches."""
    if not found:
        return []
    lock_order()
    rows = [
        ChargingEvent(
            connector=connector, session=session, kind=one.kind.value, at=one.at,
            from_state=one.from_state, to_state=one.to_state, is_inferred=one.is_inferred,
            detail=dict(one.detail) | ({"anomaly": True} if one.is_anomaly else {}),
        )
        for one, session in found
    ]  # fmt: skip
    # one by one: `order` is given by the database row by row
    for row in rows:
        row.save(force_insert=True)
    LiveEvent.objects.bulk_create([_live(connector, row) for row in rows])
    return rows


def keep_event(
    connector: Connector,
    kind: Kind,
    *,
    at: dt.datetime,
    session: ChargingSession | None = None,
    detail: Mapping[str, Any] | None = None,
) -> ChargingEvent:
    """Keep one event."""
    happened = Happened(kind, at, to_state=connector.state, detail=detail or {})
    return keep_events(connector, [(happened, session)])[0]


def _live(connector: Connector, row: ChargingEvent) -> LiveEvent:
    point = connector.charge_point
    return LiveEvent(
        tenant_id=connector.tenant_id, type=EventType.CHARGING,
        severity=_WORSE.get(Kind(row.kind), Severity.INFO), site_id=point.site_id,
        device_id=point.device_id, occurred_at=row.at,
        payload={
            "connector": str(connector.id), "charge_point": str(point.id), "kind": row.kind,
            "state": row.to_state, "session": str(row.session_id) if row.session_id else None,
            "inferred": row.is_inferred,
        },
    )  # fmt: skip
