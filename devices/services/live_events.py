"""Numbers live events, and forgets old ones. Raw SQL: all tenants at once."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any, NamedTuple

from django.db import connection, transaction

KEPT_DAYS = 7
NUMBER_ROWS = 2000
DELETE_ROWS = 10_000
# an arbitrary number of ours: numbers are given by one at a time
_LOCK = 0x6C697665
_TIMEOUT = "SET LOCAL statement_timeout = '2s'"
# What is numbered was committed before this statement began, so whoever has seen a number has
# seen, or can read, every smaller one. The newest of each tenant is never deleted.
_NUMBER = """
WITH fresh AS (
    SELECT id, tenant_id FROM devices_liveevent WHERE seq IS NULL ORDER BY id LIMIT %s
), last AS (
    SELECT tenant_id, coalesce((SELECT max(known.seq) FROM devices_liveevent AS known
        WHERE known.tenant_id = busy.tenant_id), 0) AS seq
    FROM (SELECT DISTINCT tenant_id FROM fresh) AS busy
), numbered AS (
    SELECT fresh.id, last.seq + row_number() OVER (
        PARTITION BY fresh.tenant_id ORDER BY fresh.id) AS seq
    FROM fresh JOIN last ON last.tenant_id = fresh.tenant_id
), told AS (
    UPDATE devices_liveevent AS event SET seq = numbered.seq
    FROM numbered WHERE event.id = numbered.id
    RETURNING event.tenant_id, event.seq, event.event_id, event.type, event.severity,
        event.site_id, event.gateway_id, event.device_id, event.payload, event.occurred_at
)
SELECT * FROM told ORDER BY tenant_id, seq
"""
_IS_ANY = "SELECT EXISTS (SELECT 1 FROM devices_liveevent WHERE seq IS NULL)"
_DELETE = """
DELETE FROM devices_liveevent WHERE id IN (
    SELECT old.id FROM devices_liveevent AS old
    WHERE old.created_at < %s AND (old.seq IS NULL OR old.seq < (
        SELECT max(newest.seq) FROM devices_liveevent AS newest
        WHERE newest.tenant_id = old.tenant_id))
    LIMIT %s
)
"""


class Numbered(NamedTuple):
    """A live event that has just got its number."""

    tenant_id: uuid.UUID
    seq: int
    event_id: uuid.UUID
    type: str
    severity: str
    site_id: uuid.UUID | None
    gateway_id: uuid.UUID | None
    device_id: uuid.UUID | None
    payload: Any
    occurred_at: dt.datetime


def number_events(*, limit: int = NUMBER_ROWS) -> list[Numbered]:
    """Give the next numbers of their tenants to committed events; return those, in order.

    Nothing while somebody else does it at this moment.
    """
    with connection.cursor() as cursor:
        cursor.execute(_IS_ANY)
        if not cursor.fetchone()[0]:
            return []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TIMEOUT)
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return []
        cursor.execute(_NUMBER, [limit])
        return [Numbered(*row) for row in cursor.fetchall()]


def delete_old_events(*, now: dt.datetime) -> int:
    """Delete what is older than a week, but for the newest of each tenant, which counts on."""
    deleted = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_DELETE, [now - dt.timedelta(days=KEPT_DAYS), DELETE_ROWS])
            count: int = cursor.rowcount
        deleted += count
        if count < DELETE_ROWS:
            return deleted
