"""Moves old days from the hot table into packed rows.

The database tells what is left to do, so a pass that dies is simply started again. A batch
is one transaction: the rows that it deletes are, by the same statement, the rows that it
packs. What arrives meanwhile stays hot and is merged by the next pass.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from django.db import connection, transaction

from telemetry.ingest.batch import SAMPLE_DTYPE, SampleBatch, from_microseconds, to_microseconds
from telemetry.ingest.envelope import Envelope
from telemetry.services.rejected import Rejection, record_rejections
from telemetry.storage.copying import POSTGRES_EPOCH_US, copy_rows
from telemetry.storage.hot import HotTable, channels_in, days_in, drop_empty, hot_tables
from telemetry.storage.merge import Merged, merge, unpack_rows
from telemetry.storage.packing import pack_day
from telemetry.storage.rollup import lock_rollups

logger = logging.getLogger(__name__)

ROWS = 200_000  # of one transaction: about a second
DAYS = 2_000
DAY_US = 86_400_000_000
MIN_AGE = dt.timedelta(days=2)  # what live pages read is hot

_TAKE = """
DELETE FROM telemetry_sample AS sample
USING unnest(%(channels)s::int[], %(days)s::date[]) AS wanted(channel_id, day)
WHERE sample.channel_id = wanted.channel_id
    AND sample.time >= wanted.day::timestamp AT TIME ZONE 'UTC'
    AND sample.time < (wanted.day + 1)::timestamp AT TIME ZONE 'UTC'
    AND sample.time >= %(from)s AND sample.time < %(to)s
RETURNING sample.channel_id, sample.time, sample.value, sample.quality
"""
_PACKED = """
SELECT packed.channel_id, packed.data
FROM unnest(%(channels)s::int[], %(days)s::date[]) AS wanted(channel_id, day)
JOIN telemetry_packed_day AS packed USING (channel_id, day)
"""
_KEEP = """
INSERT INTO telemetry_packed_day (channel_id, day, count, packed_at, data)
SELECT channel_id, date '1970-01-01' + day, count, %(now)s, data
FROM unnest(%(channels)s::int[], %(days)s::int[], %(counts)s::int[], %(data)s::bytea[])
    AS fresh(channel_id, day, count, data)
ON CONFLICT (channel_id, day) DO UPDATE
SET count = excluded.count, packed_at = excluded.packed_at, data = excluded.data
"""
_OWNERS = """
SELECT id, tenant_id, device_id, name FROM devices_channel WHERE id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Packed:
    """What a pass did; `is_done` is False if its time was over before the work."""

    samples: int = 0
    days: int = 0
    bytes: int = 0
    duplicates: int = 0
    conflicts: int = 0
    dropped: tuple[str, ...] = ()
    is_done: bool = True


def pack_days(
    *, now: dt.datetime, after: dt.timedelta, seconds: float = 480.0, rows: int = ROWS
) -> Packed:
    """Pack the days that ended `after` ago, oldest first, for at most about so many seconds."""
    deadline = time.monotonic() + seconds
    edge = (now - max(after, MIN_AGE)).astimezone(dt.UTC)
    edge = edge.replace(hour=0, minute=0, second=0, microsecond=0)
    total = Packed()
    for table in hot_tables(before=edge):
        for batch in _batches(table, edge, rows):
            total = _add(total, _pack_batch(batch, now))
            if time.monotonic() >= deadline:
                return replace(total, is_done=False)
    dropped = drop_empty(before=edge)
    if total.samples:
        logger.info("Packed %d samples of %d days", total.samples, total.days)
    return replace(total, dropped=tuple(dropped))


def _batches(table: HotTable, edge: dt.datetime, rows: int) -> Iterator[list[tuple[int, dt.date]]]:
    """Yield (channel, day) pairs that together have about so many rows."""
    batch: list[tuple[int, dt.date]] = []
    size = 0
    for channels in channels_in(table):
        for channel, day, count in days_in(table, channels, before=edge):
            if batch and (size + count > rows or len(batch) >= DAYS):
                yield batch
                batch, size = [], 0
            batch.append((channel, day))
            size += count
    if batch:
        yield batch


def _pack_batch(batch: list[tuple[int, dt.date]], now: dt.datetime) -> Packed:
    parameters = _parameters(batch)
    with transaction.atomic():
        lock_rollups()  # they read hot and packed rows one after the other
        hot = copy_rows(_TAKE, parameters, SAMPLE_DTYPE)
        hot["time"] += POSTGRES_EPOCH_US
        with connection.cursor() as cursor:
            cursor.execute(_PACKED, parameters)
            merged = merge(packed=unpack_rows(cursor.fetchall()), hot=hot)
            size = keep_days(cursor, merged.samples, now)
            if len(merged.conflicts):
                _reject(cursor, merged.conflicts, now)
    return _packed(hot, merged, size)


def _parameters(batch: list[tuple[int, dt.date]]) -> dict[str, Any]:
    days = [day for _, day in batch]
    return {
        "channels": [channel for channel, _ in batch],
        "days": days,
        "from": dt.datetime.combine(min(days), dt.time(), dt.UTC),
        "to": dt.datetime.combine(max(days), dt.time(), dt.UTC) + dt.timedelta(days=1),
    }


def keep_days(cursor: Any, samples: SampleBatch, now: dt.datetime) -> int:
    """Write the rows of packed days; return the size of their data."""
    if not len(samples):
        return 0
    days = samples["time"] // DAY_US
    is_new = np.ones(len(samples), dtype=np.bool_)
    is_new[1:] = (samples["channel"][1:] != samples["channel"][:-1]) | (days[1:] != days[:-1])
    starts = np.flatnonzero(is_new)
    ends = np.append(starts[1:], len(samples))
    data = [
        pack_day(*(np.ascontiguousarray(samples[name][a:b]) for name in _COLUMNS))
        for a, b in zip(starts.tolist(), ends.tolist(), strict=True)
    ]
    parameters = {
        "channels": samples["channel"][starts].tolist(),
        "days": days[starts].tolist(),
        "counts": (ends - starts).tolist(),
        "data": data,
        "now": now,
    }
    cursor.execute(_KEEP, parameters)
    return sum(map(len, data))


_COLUMNS = ("time", "value", "quality")


def _reject(cursor: Any, rows: SampleBatch, now: dt.datetime) -> None:
    """Keep late values that differ from the packed ones where staff look for such."""
    cursor.execute(_OWNERS, [np.unique(rows["channel"]).tolist()])
    owners = {channel: rest for channel, *rest in cursor.fetchall()}
    rejections = []
    for row in rows:
        if row["channel"] not in owners:
            continue
        tenant, device, name = owners[int(row["channel"])]
        moment = from_microseconds(int(row["time"]))
        payload = json.dumps({"ts": moment.isoformat(), "value": float(row["value"])}).encode()
        envelope = Envelope("storage", f"devices/{device}/{name}", payload, to_microseconds(now))
        detail = (
            f"Another value is stored for this time; {float(row['value'])!r} came later,"
            " after the day was packed."
        )
        rejections.append(Rejection(envelope, "conflicting_value", detail, tenant, "packing"))
    if rejections:
        record_rejections(cursor, rejections, now=now)


def _packed(hot: SampleBatch, merged: Merged, size: int) -> Packed:
    days = merged.samples["time"] // DAY_US
    keys = (merged.samples["channel"].astype(np.int64) << 32) + days
    return Packed(
        samples=len(hot),
        days=len(np.unique(keys)),
        bytes=size,
        duplicates=merged.duplicates,
        conflicts=len(merged.conflicts),
    )


def _add(a: Packed, b: Packed) -> Packed:
    return Packed(
        a.samples + b.samples, a.days + b.days, a.bytes + b.bytes,
        a.duplicates + b.duplicates, a.conflicts + b.conflicts,
    )  # fmt: skip
