"""Samples that are older than the plan of their tenant, or their kind of channel, keeps.

The retention of the installation drops whole partitions and is the longest of all. Who keeps
less shares those partitions with others, so rows are deleted. Packed days go as a whole
when all of their day is past. Rollups stay.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction
from psycopg import sql

from accounts.models import Tenant
from telemetry.partitions import BACKFILL_GRACE
from telemetry.storage.hot import HotTable, hot_tables

logger = logging.getLogger(__name__)

BATCH_ROWS = 20_000
MAX_ROWS = 5_000_000  # of one run; the next one goes on
# PostgreSQL would rather read a whole partition than look up each channel of a tenant
_PLAN = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; "
_DELETE = sql.SQL(
    "DELETE FROM {partition} WHERE ctid = ANY (ARRAY("
    "SELECT sample.ctid FROM devices_channel channel "
    "JOIN {partition} sample ON sample.channel_id = channel.id AND sample.time < {before} "
    "WHERE {whose} LIMIT {rows}))"
)
_DELETE_PACKED = sql.SQL(
    "DELETE FROM telemetry_packed_day WHERE ctid = ANY (ARRAY("
    "SELECT packed.ctid FROM telemetry_packed_day packed "
    "LEFT JOIN devices_channel channel ON channel.id = packed.channel_id "
    "WHERE packed.day < {day} AND packed.packed_at < {packed_before} AND {whose} LIMIT {rows}))"
)
_ALL = sql.SQL("true")


@dataclass(frozen=True, slots=True)
class _Limit:
    """How long channels, told by a condition on `channel`, keep their samples."""

    whose: sql.Composable
    retention: dt.timedelta


def delete_expired(
    *,
    now: dt.datetime,
    longest: dt.timedelta,
    batch_rows: int = BATCH_ROWS,
    max_rows: int = MAX_ROWS,
) -> int:
    """Delete what is kept for less than the longest, and packed days past any retention.

    Each batch is a transaction; what a run does not reach the next one deletes. History that
    was filled in late stays for the same grace as partitions do. Returns the number of rows;
    a packed day is one.
    """
    deleted = 0
    for limit in _shorter_than(longest):
        before = now - limit.retention
        for table in hot_tables(before=before, made_before=now - _grace(limit.retention)):
            while deleted < max_rows:
                rows = min(batch_rows, max_rows - deleted)
                count = _delete_batch(table, limit.whose, before, rows)
                deleted += count
                if count < rows:
                    break
    for limit in (*_shorter_than(longest), _Limit(_ALL, longest)):
        while deleted < max_rows:
            rows = min(batch_rows, max_rows - deleted)
            count = _delete_packed(limit, now, rows)
            deleted += count
            if count < rows:
                break
    if deleted:
        logger.info("Deleted %d samples and packed days past their retention", deleted)
    return deleted


def _grace(retention: dt.timedelta) -> dt.timedelta:
    return min(retention, BACKFILL_GRACE)


def _shorter_than(longest: dt.timedelta) -> Iterator[_Limit]:
    rows = Tenant.objects.filter(plan__retention_days__lt=longest.days).order_by("id")
    for tenant_id, days in rows.values_list("id", "plan__retention_days"):
        whose = sql.SQL("channel.tenant_id = {}").format(sql.Literal(tenant_id))
        yield _Limit(whose, dt.timedelta(days=days))
    for kind, days in sorted(settings.SAMPLE_RETENTION_KINDS.items()):
        if days < longest.days:
            whose = sql.SQL("channel.kind = {}").format(sql.Literal(kind))
            yield _Limit(whose, dt.timedelta(days=days))


def _delete_batch(table: HotTable, whose: sql.Composable, before: dt.datetime, rows: int) -> int:
    statement = _DELETE.format(
        partition=table.identifier,
        before=sql.Literal(before),
        whose=whose,
        rows=sql.Literal(rows),
    )
    return _execute(statement)


def _delete_packed(limit: _Limit, now: dt.datetime, rows: int) -> int:
    statement = _DELETE_PACKED.format(
        day=sql.Literal((now - limit.retention).astimezone(dt.UTC).date()),
        packed_before=sql.Literal(now - _grace(limit.retention)),
        whose=limit.whose,
        rows=sql.Literal(rows),
    )
    return _execute(statement)


def _execute(statement: sql.Composable) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_PLAN)
        cursor.execute(statement)
        return int(cursor.rowcount)
