"""Reads of samples and rollups, wherever they lie.

Rows carry no tenant, so each read takes the tenant and joins its channels; None reads for
jobs over all tenants. Channels of others, and unknown ones, have no rows.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray
from psycopg import sql

from telemetry.ingest.batch import (
    SAMPLE_DTYPE,
    SampleBatch,
    from_microseconds,
    to_microseconds,
)
from telemetry.storage.batches import DAY_DTYPE, ROLLUP_DTYPE, DayBatch, RollupBatch
from telemetry.storage.copying import POSTGRES_EPOCH_DAYS, POSTGRES_EPOCH_US, copy_columns
from telemetry.storage.merge import merge, unpack_rows

# in the order of the key; one index range a channel
_OF_TENANT = """
FROM unnest(%(channels)s::int[]) AS wanted(id)
JOIN devices_channel AS channel ON channel.id = wanted.id
    AND (%(tenant)s::uuid IS NULL OR channel.tenant_id = %(tenant)s)
"""
_HOT = f"""
SELECT sample.channel_id, sample.time, sample.value, sample.quality {_OF_TENANT}
CROSS JOIN LATERAL (
    SELECT channel_id, time, value, quality FROM telemetry_sample
    WHERE channel_id = channel.id AND time >= %(start)s AND time < %(end)s
    ORDER BY time LIMIT %(limit)s
) AS sample
"""  # noqa: S608
_SINCE = """
SELECT sample.channel_id, sample.time, sample.value, sample.quality
FROM unnest(%(channels)s::int[], %(after)s::timestamptz[]) AS wanted(id, after)
CROSS JOIN LATERAL (
    SELECT channel_id, time, value, quality FROM telemetry_sample
    WHERE channel_id = wanted.id AND time > wanted.after
        AND time >= %(first)s AND time < %(end)s OFFSET 0
) AS sample
"""
_FIRST = """
SELECT least(
    (SELECT min(first.time) FROM unnest(%(channels)s::int[]) AS wanted(id)
     CROSS JOIN LATERAL (
        SELECT time FROM telemetry_sample WHERE channel_id = wanted.id ORDER BY time LIMIT 1
     ) AS first),
    (SELECT min(day)::timestamp AT TIME ZONE 'UTC' FROM telemetry_packed_day
     WHERE channel_id = ANY(%(channels)s))
)
"""
# Whole days, as many as are needed for the limit: the first one may begin before the start.
_PACKED = f"""
SELECT day.channel_id, day.data FROM (
    SELECT packed.channel_id, packed.day, packed.data, sum(packed.count)
        FILTER (WHERE packed.day > %(first_day)s) OVER (
            PARTITION BY packed.channel_id ORDER BY packed.day
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    {_OF_TENANT}
    JOIN telemetry_packed_day AS packed ON packed.channel_id = channel.id
        AND packed.day >= %(first_day)s AND packed.day <= %(last_day)s
) AS day
WHERE %(limit)s::int8 IS NULL OR coalesce(day.before, 0) < %(limit)s
ORDER BY day.channel_id, day.day
"""  # noqa: S608
_ROLLUP = """
SELECT rollup.channel_id, {columns} {source}
JOIN {table} AS rollup ON rollup.channel_id = channel.id
WHERE rollup.{key} >= %(start)s AND rollup.{key} < %(end)s
"""
# One group a bucket: a channel at a time, or PostgreSQL would sort or hash all of them.
_MERGED = """
SELECT channel.id, merged.* {source}
CROSS JOIN LATERAL (
    SELECT greatest(date_bin(%(step)s, rollup.start, %(origin)s), %(start)s) AS start, {columns}
    FROM telemetry_rollup_15m AS rollup
    WHERE rollup.channel_id = channel.id AND rollup.start >= %(start)s AND rollup.start < %(end)s
    GROUP BY 1
) AS merged
"""
# how rows of adjacent quarters become one
_MERGING = {
    "count": "sum(count)::int", "good": "sum(good)::int", "sum": "sum(coalesce(sum, 'NaN'))",
    "minimum": "min(rollup.minimum)", "maximum": "max(rollup.maximum)",
}  # fmt: skip
MERGEABLE = frozenset(_MERGING)
ALL = tuple(name for name in ROLLUP_DTYPE.names or () if name not in {"channel", "start"})


def raw_samples(
    channels: Sequence[int],
    start: dt.datetime,
    end: dt.datetime,
    limit: int | None = None,
    *,
    tenant_id: uuid.UUID | None,
) -> SampleBatch:
    """Return the samples of [start, end), sorted by channel and time, each key once.

    Args: limit: the first so many of each channel.
    """
    parameters = _parameters(channels, start, end, tenant_id) | {
        "limit": limit,
        "first_day": start.astimezone(dt.UTC).date(),
        "last_day": end.astimezone(dt.UTC).date(),
    }
    # in this order: what is packed in between is then seen twice, not missed
    hot = copy_columns(_HOT, parameters, SAMPLE_DTYPE)
    hot["time"] += POSTGRES_EPOCH_US
    with connection.cursor() as cursor:
        cursor.execute(_PACKED, parameters)
        packed = unpack_rows(cursor.fetchall())
    first, last = to_microseconds(start), to_microseconds(end)
    inside = packed[(packed["time"] >= first) & (packed["time"] < last)]
    rows = merge(packed=inside, hot=hot).samples
    return rows if limit is None else _first_of_each(rows, limit)


def _first_of_each(rows: SampleBatch, limit: int) -> SampleBatch:
    begins = np.searchsorted(rows["channel"], rows["channel"], side="left")
    return rows[np.arange(len(rows)) - begins < limit]


def rollup_rows(
    channels: Sequence[int],
    start: dt.datetime,
    end: dt.datetime,
    *,
    tenant_id: uuid.UUID | None,
    columns: Sequence[str] = ALL,
) -> RollupBatch:
    """Return the quarter hours that begin in [start, end), sorted by channel and start.

    A quarter without usable samples has no row.

    Args: columns: those wanted beside channel and start.
    """
    query = _rollup_query("telemetry_rollup_15m", "start", columns)
    rows = copy_columns(
        query, _parameters(channels, start, end, tenant_id), _some(ROLLUP_DTYPE, columns)
    )
    return _sorted(_since_1970(rows), "start")


def merged_rows(
    channels: Sequence[int],
    start: dt.datetime,
    end: dt.datetime,
    *,
    tenant_id: uuid.UUID | None,
    columns: Sequence[str],
    step: dt.timedelta,
    origin: dt.datetime,
) -> RollupBatch:
    """Return the quarter hours that begin in [start, end) merged into steps from the origin.

    The first of a channel begins at the start if its step begins before.

    Args: columns: those wanted beside channel and start, of `MERGEABLE`.
    """
    parts = [sql.SQL(_MERGING[name]) for name in columns]
    query = sql.SQL(_MERGED).format(source=sql.SQL(_OF_TENANT), columns=sql.SQL(", ").join(parts))
    parameters = _parameters(channels, start, end, tenant_id) | {"step": step, "origin": origin}
    rows = copy_columns(query, parameters, _some(ROLLUP_DTYPE, columns))
    return _sorted(_since_1970(rows), "start")


def day_rows(
    channels: Sequence[int],
    first_day: dt.date,
    last_day: dt.date,
    *,
    tenant_id: uuid.UUID | None,
) -> DayBatch:
    """Return the days from the first to the last one, both included.

    Days are those of the channel's site; a day without usable samples has no row.
    """
    end = last_day + dt.timedelta(days=1)
    query = _rollup_query("telemetry_rollup_day", "day", ALL)
    rows = copy_columns(query, _parameters(channels, first_day, end, tenant_id), DAY_DTYPE)
    rows["day"] += POSTGRES_EPOCH_DAYS
    return _sorted(_since_1970(rows), "day")


def _rollup_query(table: str, key: str, columns: Sequence[str]) -> sql.Composable:
    wanted: list[sql.Composable] = [
        sql.SQL("rollup.{}").format(sql.Identifier(name)) for name in (key, *columns)
    ]
    if "sum" in columns:
        wanted[1 + list(columns).index("sum")] = sql.SQL("coalesce(rollup.sum, 'NaN')")
    return sql.SQL(_ROLLUP).format(
        key=sql.Identifier(key), table=sql.Identifier(table), source=sql.SQL(_OF_TENANT),
        columns=sql.SQL(", ").join(wanted),
    )  # fmt: skip


def _some(dtype: np.dtype[Any], columns: Sequence[str]) -> np.dtype[Any]:
    return np.dtype([(name, dtype[name]) for name in ("channel", "start", *columns)])


def _since_1970(rows: NDArray[np.void]) -> NDArray[np.void]:
    for name in {"start", "first_time", "last_time"} & set(rows.dtype.names or ()):
        rows[name] += POSTGRES_EPOCH_US
    return rows


def _sorted(rows: NDArray[np.void], key: str) -> NDArray[np.void]:
    """Sort here: PostgreSQL takes as long for it as for the rest."""
    channel, place = rows["channel"], rows[key]
    same = channel[1:] == channel[:-1]
    if bool(((channel[1:] > channel[:-1]) | (same & (place[1:] > place[:-1]))).all()):
        return rows
    return rows[np.lexsort((place, channel))]


def _parameters(
    channels: Sequence[int], start: dt.date, end: dt.date, tenant_id: uuid.UUID | None
) -> dict[str, Any]:
    return {
        "channels": sorted(set(map(int, channels))),
        "tenant": tenant_id,
        "start": start,
        "end": end,
    }


def samples_since(wanted: Sequence[tuple[int, int]], end: dt.datetime) -> SampleBatch:
    """Return the samples of (channel, after µs) before `end`, sorted by channel and time.

    For jobs over all tenants; all of them younger than what is packed. Of a channel that is
    wanted twice the earlier time counts.
    """
    since: dict[int, int] = {}
    for channel, after in wanted:
        since[channel] = min(after, since.get(channel, after))
    parameters = {
        "channels": list(since),
        "after": [from_microseconds(after) for after in since.values()],
        "first": from_microseconds(min(since.values())),
        "end": end,
    }
    rows = copy_columns(_SINCE, parameters, SAMPLE_DTYPE)
    rows["time"] += POSTGRES_EPOCH_US
    return rows[np.lexsort((rows["time"], rows["channel"]))]


def first_sample(channels: Sequence[int]) -> dt.datetime | None:
    """Return when the first sample of the channels is, or the day (UTC) if it is packed."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRST, {"channels": list(channels)})
        found: dt.datetime | None = cursor.fetchone()[0]
    return found
