"""The tables that hot samples lie in: weekly partitions, or chunks of a hypertable."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import OperationalError, connection, transaction
from psycopg import sql

from telemetry.models import SamplePartition
from telemetry.partitions import LOCK
from telemetry.storage.chunks import drop_chunk, find_chunks
from telemetry.storage.tiers import find_tier

logger = logging.getLogger(__name__)

CHANNELS = 64

# One probe of the key for each channel: counting all rows would read them.
_CHANNELS = """
WITH RECURSIVE found(channel_id) AS (
    (SELECT channel_id FROM {table} WHERE channel_id > %(after)s ORDER BY channel_id LIMIT 1)
    UNION ALL
    SELECT (SELECT sample.channel_id FROM {table} AS sample
            WHERE sample.channel_id > found.channel_id ORDER BY sample.channel_id LIMIT 1)
    FROM found WHERE found.channel_id IS NOT NULL
)
SELECT channel_id FROM found WHERE channel_id IS NOT NULL LIMIT %(count)s
"""
_DAYS = """
SELECT channel_id, (time AT TIME ZONE 'UTC')::date AS day, count(*) FROM {table}
WHERE channel_id = ANY(%(channels)s) AND time < %(before)s
    -- what is computed is replaced when its inputs change; packed values stay
    AND channel_id NOT IN (SELECT channel_id FROM telemetry_virtualchannel)
GROUP BY 1, 2 ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class HotTable:
    """A table of samples of [start, end); without a schema it is found by the search path."""

    schema: str
    name: str
    start: dt.datetime
    end: dt.datetime

    @property
    def identifier(self) -> sql.Identifier:
        """The name for SQL."""
        return sql.Identifier(*filter(None, (self.schema, self.name)))


def hot_tables(*, before: dt.datetime, made_before: dt.datetime | None = None) -> list[HotTable]:
    """Return the tables that hold samples from before a moment, oldest first.

    Args: made_before: leave out those that were made later, for history filled in late.
    """
    if find_tier().is_hypertable:
        return [HotTable(*row) for row in find_chunks(before=before, made_before=made_before)]
    found = SamplePartition.objects.filter(start_at__lt=before).order_by("start_at")
    if made_before is not None:
        found = found.filter(created_at__lt=made_before)
    rows = found.values_list("name", "start_at", "end_at")
    return [HotTable("", name, start, end) for name, start, end in rows]


def channels_in(table: HotTable) -> Iterator[list[int]]:
    """Yield the channels that have rows in a table, some at a time."""
    statement = sql.SQL(_CHANNELS).format(table=table.identifier).as_string(None)
    after = -1
    while True:
        with connection.cursor() as cursor:
            cursor.execute(statement, {"after": after, "count": CHANNELS})
            channels = [channel for (channel,) in cursor.fetchall()]
        if not channels:
            return
        yield channels
        after = channels[-1]


def days_in(
    table: HotTable, channels: list[int], *, before: dt.datetime
) -> list[tuple[int, dt.date, int]]:
    """Return (channel, UTC day, rows) of what lies before a moment."""
    statement = sql.SQL(_DAYS).format(table=table.identifier).as_string(None)
    with connection.cursor() as cursor:
        cursor.execute(statement, {"channels": channels, "before": before})
        return cursor.fetchall()


def drop_empty(*, before: dt.datetime) -> list[str]:
    """Drop the tables that ended before a moment and have no rows; return their names.

    A late row makes its table anew. One that is locked is left to the next pass.
    """
    dropped = []
    for table in hot_tables(before=before):
        if table.end > before:
            continue
        try:
            if _is_empty(table) and _drop(table):
                dropped.append(table.name)
        except OperationalError as error:
            logger.warning("Table %s is not dropped now: %s", table.name, error)
    return dropped


def _is_empty(table: HotTable) -> bool:
    with connection.cursor() as cursor:
        statement = sql.SQL("SELECT NOT EXISTS (SELECT FROM {})").format(table.identifier)
        cursor.execute(statement.as_string(None))
        return bool(cursor.fetchone()[0])


def _drop(table: HotTable) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '2s'")
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        lock = sql.SQL("LOCK TABLE telemetry_sample, {} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(lock.format(table.identifier).as_string(None))
        if not _is_empty(table):
            return False
        if find_tier().is_hypertable:
            drop_chunk(table.start, table.end)
        else:
            cursor.execute(sql.SQL("DROP TABLE {}").format(table.identifier).as_string(None))
            SamplePartition.objects.filter(name=table.name).delete()
    return True
