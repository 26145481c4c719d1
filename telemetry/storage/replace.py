"""Other rows for a stretch of a computed channel, where its days are packed already."""

from __future__ import annotations

import datetime as dt

import numpy as np
from django.db import connection

from telemetry.ingest.batch import SampleBatch, from_microseconds, to_microseconds
from telemetry.quality import Quality
from telemetry.storage.merge import unpack_rows
from telemetry.storage.packed import FRESH
from telemetry.storage.packer import DAY_US, keep_days
from telemetry.storage.rollup import lock_rollups

_PACKED = """
SELECT channel_id, data FROM telemetry_packed_day
WHERE channel_id = %s AND day BETWEEN %s AND %s ORDER BY day FOR UPDATE
"""
_EMPTY = """
DELETE FROM telemetry_packed_day
WHERE channel_id = %s AND day - date '1970-01-01' = ANY(%s::int[])
"""


def replace_packed(
    channel: int, rows: SampleBatch, start: int, end: int, *, now: dt.datetime
) -> tuple[SampleBatch, SampleBatch]:
    """Make the rows of [start, end) (µs) in packed days these, in the caller's transaction.

    Returns the rows whose days are not packed, which are the caller's, and those that were
    added, changed or taken away in packed ones; the last have quality missing.
    """
    if start >= to_microseconds(now - FRESH):
        return rows, rows[:0]
    lock_rollups()
    first, last = from_microseconds(start).date(), from_microseconds(end - 1).date()
    with connection.cursor() as cursor:
        cursor.execute(_PACKED, [channel, first, last])
        packed = unpack_rows(cursor.fetchall())
        days = np.unique(packed["time"] // DAY_US)
        is_packed = np.isin(rows["time"] // DAY_US, days)
        fresh = rows[is_packed]
        inside = (packed["time"] >= start) & (packed["time"] < end)
        changed = _compare(packed[inside], fresh)
        if len(changed):
            kept = np.concatenate([packed[~inside], fresh])
            kept = kept[np.argsort(kept["time"], kind="stable")]
            keep_days(cursor, kept, now)
            empty = np.setdiff1d(days, kept["time"] // DAY_US)
            cursor.execute(_EMPTY, [channel, empty.tolist()])
    return rows[~is_packed], changed


def _compare(before: SampleBatch, after: SampleBatch) -> SampleBatch:
    """Return what is new or other, and as missing what is gone, by time."""
    places = np.searchsorted(before["time"], after["time"])
    places = np.minimum(places, max(0, len(before) - 1))
    same = before[places] == after if len(before) else np.zeros(len(after), dtype=np.bool_)
    gone = before[~np.isin(before["time"], after["time"])].copy()
    gone["value"], gone["quality"] = 0.0, Quality.MISSING
    changed = np.concatenate([after[~same], gone])
    return changed[np.argsort(changed["time"], kind="stable")]
