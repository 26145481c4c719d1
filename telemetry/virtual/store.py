"""Rows of virtual channels, which are replaced when what they are computed from changes."""

from __future__ import annotations

import datetime as dt
import time as clock

import numpy as np
from django.db import connection, transaction
from redis import Redis

from telemetry import partitions
from telemetry.ingest.batch import (
    SAMPLE_DTYPE,
    SampleBatch,
    StoredBatch,
    from_microseconds,
    to_microseconds,
)
from telemetry.ingest.publish import publish
from telemetry.quality import Quality
from telemetry.storage.marks import INSERT_MARK, encode_mark, windows_of
from telemetry.storage.replace import replace_packed
from telemetry.virtual.definitions import Definition

_GONE = """
DELETE FROM telemetry_sample WHERE channel_id = %(channel)s
    AND time >= %(start)s AND time < %(end)s AND NOT time = ANY(%(times)s::timestamptz[])
RETURNING time
"""
_WRITE = """
INSERT INTO telemetry_sample AS old (channel_id, time, value, quality)
SELECT %(channel)s, fresh.time, fresh.value, fresh.quality
FROM unnest(%(times)s::timestamptz[], %(values)s::float8[], %(qualities)s::smallint[])
    AS fresh(time, value, quality)
ON CONFLICT (channel_id, time) DO UPDATE
    SET value = excluded.value, quality = excluded.quality
    WHERE old.value <> excluded.value OR old.quality <> excluded.quality
RETURNING time
"""
# the newest value may also be an older one than before, when its instant has none any more
_LATEST = """
WITH newest AS (
    SELECT time, value, quality FROM telemetry_sample
    WHERE channel_id = %(channel)s AND time >= %(start)s ORDER BY time DESC LIMIT 1
)
INSERT INTO telemetry_latestvalue AS known
    (channel_id, tenant_id, time, value, quality, received_at)
SELECT %(channel)s, %(tenant)s, time, value, quality, %(now)s FROM newest
ON CONFLICT (channel_id) DO UPDATE SET time = excluded.time, value = excluded.value,
    quality = excluded.quality, received_at = excluded.received_at
    WHERE known.time IS NULL OR known.time <= excluded.time
        OR known.time < %(end)s AND known.time >= %(start)s
"""


def replace_rows(
    definition: Definition, rows: SampleBatch, start: int, end: int, *, now: dt.datetime
) -> SampleBatch:
    """Make the rows of [start, end) these. Repeating it changes nothing.

    Returns the rows that were added, changed or taken away; the last have quality missing.
    """
    weeks = {partitions.week_of(from_microseconds(int(time))) for time in rows["time"]}
    partitions.ensure_partitions(weeks, now=now)
    with transaction.atomic():
        hot, in_packed = replace_packed(definition.channel, rows, start, end, now=now)
        in_hot = _replace_hot(definition, hot, start, end, now)
        changed = np.concatenate([in_packed, in_hot])
        if len(changed):
            changed = changed[np.argsort(changed["time"], kind="stable")]
            with connection.cursor() as cursor:
                cursor.execute(INSERT_MARK, encode_mark(windows_of(changed)))
    return changed


def _replace_hot(
    definition: Definition, rows: SampleBatch, start: int, end: int, now: dt.datetime
) -> SampleBatch:
    times = [from_microseconds(int(time)) for time in rows["time"]]
    parameters = {
        "channel": definition.channel,
        "tenant": definition.tenant_id,
        "start": from_microseconds(start),
        "end": from_microseconds(end),
        "times": times,
        "values": rows["value"].tolist(),
        "qualities": rows["quality"].tolist(),
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_GONE, parameters)
        gone = [to_microseconds(time) for (time,) in cursor.fetchall()]
        cursor.execute(_WRITE, parameters)
        written = [to_microseconds(time) for (time,) in cursor.fetchall()]
        changed = _changed(definition, rows, gone, written)
        if len(changed):
            cursor.execute(_LATEST, parameters)
    return changed


def _changed(
    definition: Definition, rows: SampleBatch, gone: list[int], written: list[int]
) -> SampleBatch:
    lost = np.zeros(len(gone), dtype=SAMPLE_DTYPE)
    lost["channel"] = definition.channel
    lost["time"] = gone
    lost["quality"] = Quality.MISSING
    changed = np.concatenate([rows[np.isin(rows["time"], written)], lost])
    return changed[np.argsort(changed["time"], kind="stable")]


def tell(client: Redis, batches: list[SampleBatch], *, now: float | None = None) -> None:
    """Hand changed rows to the reactors, this one among them: channels may build on another."""
    changed = [batch for batch in batches if len(batch)]
    if not changed:
        return
    rows = np.concatenate(changed)
    rows = rows[np.lexsort((rows["time"], rows["channel"]))]
    live = np.zeros(len(rows), dtype=np.bool_)
    live[:-1] = rows["channel"][1:] != rows["channel"][:-1]
    live[-1:] = True
    live &= rows["quality"] != Quality.MISSING
    moment = clock.time() if now is None else now
    stored = StoredBatch(rows.tobytes(), live.tobytes(), int(moment * 1_000_000))
    publish(client, [stored], now=moment)
