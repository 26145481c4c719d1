"""Weekly partitions of the sample table: made ahead and on demand, dropped by retention.

A hypertable makes its own.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable

from django.db import connection, transaction
from psycopg import sql

from telemetry.models import SamplePartition
from telemetry.storage.chunks import drop_chunk, find_chunks
from telemetry.storage.tiers import find_tier

logger = logging.getLogger(__name__)

TABLE = "telemetry_sample"
WEEK = dt.timedelta(days=7)
WEEKS_AHEAD = 4
# History that was filled in late stays this long even if it is older than the retention.
BACKFILL_GRACE = dt.timedelta(days=90)
_FIRST_MONDAY = dt.datetime(1970, 1, 5, tzinfo=dt.UTC)
LOCK = 7_204_611  # advisory lock: one process changes partitions at a time


def week_of(moment: dt.datetime) -> dt.datetime:
    """Return the Monday 00:00 UTC on or before a moment."""
    return _FIRST_MONDAY + (moment - _FIRST_MONDAY) // WEEK * WEEK


def partition_name(week: dt.datetime) -> str:
    """Return the table that holds the week."""
    return f"{TABLE}_{week:%Y%m%d}"


def ensure_partitions(weeks: Iterable[dt.datetime], *, now: dt.datetime) -> list[str]:
    """Create the partitions of these weeks (Mondays, UTC) that do not exist yet.

    Returns the names of the new tables. Safe to call from several processes at once;
    waits at most two seconds for the lock on the table, then raises OperationalError.
    """
    if find_tier().is_hypertable:
        return []
    wanted = sorted(set(weeks))
    names = [partition_name(week) for week in wanted]
    known = set(SamplePartition.objects.filter(name__in=names).values_list("name", flat=True))
    missing = [week for week in wanted if partition_name(week) not in known]
    return [name for week in missing if (name := _create_partition(week, now=now))]


def _create_partition(week: dt.datetime, *, now: dt.datetime) -> str | None:
    name = partition_name(week)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '2s'")
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        _, made = SamplePartition.objects.get_or_create(
            name=name, defaults={"start_at": week, "end_at": week + WEEK, "created_at": now}
        )
        if not made:
            return None
        statement = sql.SQL(
            "CREATE TABLE IF NOT EXISTS {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})"
            # rows are packed and dropped long before they would have to be frozen
            " WITH (autovacuum_vacuum_insert_threshold = -1)"
        ).format(
            sql.Identifier(name),
            sql.Identifier(TABLE),
            sql.Literal(week.isoformat()),
            sql.Literal((week + WEEK).isoformat()),
        )
        # within a request the history of changes looks at the text of each statement
        cursor.execute(statement.as_string(cursor.connection))
    logger.info("Created partition %s", name)
    return name


def create_ahead(*, now: dt.datetime) -> list[str]:
    """Create the partitions of this week and the next four."""
    return ensure_partitions([week_of(now) + n * WEEK for n in range(WEEKS_AHEAD + 1)], now=now)


def drop_expired(*, now: dt.datetime, retention: dt.timedelta) -> list[str]:
    """Drop the partitions that ended before the retention; return their names."""
    if find_tier().is_hypertable:
        return _drop_expired_chunks(now, retention)
    expired = SamplePartition.objects.filter(
        end_at__lt=now - retention, created_at__lt=now - min(retention, BACKFILL_GRACE)
    ).order_by("start_at", "name")
    dropped = []
    for partition in expired:
        name = partition.name
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name)))
            partition.delete()
        logger.info("Dropped partition %s, past the retention", name)
        dropped.append(name)
    return dropped


def _drop_expired_chunks(now: dt.datetime, retention: dt.timedelta) -> list[str]:
    edge = now - retention
    made_before = now - min(retention, BACKFILL_GRACE)
    dropped = []
    for _, name, start, end in find_chunks(before=edge, made_before=made_before):
        if end < edge:
            drop_chunk(start, end)
            logger.info("Dropped chunk %s, past the retention", name)
            dropped.append(name)
    return dropped
