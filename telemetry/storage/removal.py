"""Removes what is stored of channels: samples, packed days, rollups.

None of these tables has a key to the channels. A trigger notes which channels were deleted, one
by one or with their device, and a job removes their rows a while later.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterator, Sequence

from django.db import connection, transaction

from telemetry.storage.models import DeletedChannel

logger = logging.getLogger(__name__)

ROWS = 20_000
CHANNELS = 50
# workers know of a deletion within seconds; what they had taken before is stored by then
GRACE = dt.timedelta(minutes=10)
# a partition has row addresses of its own, so rows are named by their key
_OF_CHANNELS = """
DELETE FROM {table} AS row
USING (SELECT channel_id, {key} FROM {table} WHERE channel_id = ANY (%s) LIMIT %s) AS doomed
WHERE row.channel_id = doomed.channel_id AND row.{key} = doomed.{key}
"""
_TABLES = {  # after the hot rows, which packing moves into the first of them
    "telemetry_sample": "time",
    "telemetry_packed_day": "day",
    "telemetry_rollup_15m": "start",
    "telemetry_rollup_day": "day",
}
_SMALL = {
    "telemetry_rollup_zone": "DELETE FROM telemetry_rollup_zone WHERE channel_id = ANY (%s)",
    "telemetry_changed_window": "DELETE FROM telemetry_changed_window WHERE channel = ANY (%s)",
}


def remove_stored(channels: Sequence[int]) -> Iterator[tuple[str, int]]:
    """Delete all that is stored of channels; yield (table, rows) after each transaction."""
    for table, key in _TABLES.items():
        for start in range(0, len(channels), CHANNELS):
            some = list(channels[start : start + CHANNELS])
            yield from _remove(table, _OF_CHANNELS.format(table=table, key=key), some)
    for table, statement in _SMALL.items():
        with connection.cursor() as cursor:
            cursor.execute(statement, [list(channels)])
            if cursor.rowcount:
                yield table, cursor.rowcount


def _remove(table: str, statement: str, channels: list[int]) -> Iterator[tuple[str, int]]:
    count = ROWS
    while count == ROWS:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [channels, ROWS])
            count = cursor.rowcount
        if count:
            yield table, count


def remove_deleted(*, now: dt.datetime, seconds: float = 60.0) -> int:
    """Remove what channels left that were deleted; return the number of rows.

    Works for about so long; the next run goes on. Copies may run at the same time.
    """
    deadline = time.monotonic() + seconds
    due = DeletedChannel.objects.filter(deleted_at__lt=now - GRACE).order_by("deleted_at", "pk")
    removed = 0
    while some := list(due.values_list("channel", flat=True)[:CHANNELS]):
        for _table, rows in remove_stored(some):
            removed += rows
            if time.monotonic() > deadline:
                return removed
        DeletedChannel.objects.filter(channel__in=some).delete()
    if removed:
        logger.info("Removed %d rows of deleted channels", removed)
    return removed
