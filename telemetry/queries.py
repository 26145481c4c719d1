"""Reads of the sample table. Raw SQL stands here and in history.py, always with the tenant.

Rows of samples carry no tenant: every statement joins the channels of `tenant_id`.
Values marked bad or missing are kept in the table and shown as samples, but no mean,
sum, difference or energy is made from them; a bucket tells its worst quality all the same.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DataError, OperationalError, connection, transaction
from psycopg import sql
from psycopg.errors import NumericValueOutOfRange, QueryCanceled

from telemetry.quality import QUALITY_NAMES, Quality

STATEMENT_TIMEOUT_MS = 5000

UNUSABLE = (Quality.BAD, Quality.MISSING)
# from most to least trusted: the later is the worse
_TRUST = (
    Quality.GOOD, Quality.MANUAL, Quality.ESTIMATED,
    Quality.UNCERTAIN, Quality.BAD, Quality.MISSING,
)  # fmt: skip
_SEVERITIES = [_TRUST.index(quality) for quality in sorted(Quality)]


class QueryTooSlow(RuntimeError):
    """The database did not finish within `STATEMENT_TIMEOUT_MS`."""


class ValuesTooLarge(ArithmeticError):
    """A sum of the stored values exceeds what a number can hold (1.8e308)."""


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """How to read one channel.

    `hold`: how long a sample stands for the value after it. `may_reset`: a fall means
    that the counter began again at zero.
    """

    channel_id: int
    hold: dt.timedelta = dt.timedelta(minutes=15)
    may_reset: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """The period [start, end) and the edges of the buckets that cover it.

    `until`: the present if that is earlier than `end`; no value is held beyond it.
    """

    start: dt.datetime
    end: dt.datetime
    until: dt.datetime
    edges: Sequence[dt.datetime]


@dataclass(frozen=True, slots=True)
class Bucket:
    """One number of a channel and a bucket (0 is the first); the worst quality in it."""

    channel_id: int
    aggregate: str
    position: int
    value: float | None
    severity: int


@dataclass(frozen=True, slots=True)
class RawSample:
    """A stored sample; time in ms since 1970."""

    channel_id: int
    time_ms: int
    value: float
    quality: int


def quality_name(severity: int) -> str:
    """Return the name of the quality of a severity."""
    return QUALITY_NAMES[_TRUST[severity]]


# the keys stand in the SQL as columns; "none" only asks for the quality of each bucket
_OVER_SAMPLES = {
    "avg": "avg(s.value) FILTER (WHERE s.quality <> ALL (%(unusable)s))",
    "min": "min(s.value) FILTER (WHERE s.quality <> ALL (%(unusable)s))",
    "max": "max(s.value) FILTER (WHERE s.quality <> ALL (%(unusable)s))",
    "sum": "sum(s.value) FILTER (WHERE s.quality <> ALL (%(unusable)s))",
    "count": "count(*) FILTER (WHERE s.quality <> ALL (%(unusable)s))",
    "first": "(array_agg(s.value ORDER BY s.time) "
             "FILTER (WHERE s.quality <> ALL (%(unusable)s)))[1]",
    "last": "(array_agg(s.value ORDER BY s.time DESC) "
            "FILTER (WHERE s.quality <> ALL (%(unusable)s)))[1]",
    "none": "NULL",
}  # fmt: skip

_WANTED = """
    grid AS (SELECT %(edges)s::timestamptz[] AS edges),
    wanted AS (
        SELECT w.id, w.hold, w.may_reset
        FROM unnest(%(ids)s::int[], %(holds)s::interval[], %(resets)s::bool[])
            AS w(id, hold, may_reset)
        JOIN devices_channel c ON c.id = w.id AND c.tenant_id = %(tenant)s
    )
"""

_PLAIN = """
    SELECT s.channel_id, 'plain', width_bucket(s.time, (SELECT edges FROM grid)) AS bucket,
        ARRAY[{columns}]::float8[], max((%(severities)s::int[])[s.quality + 1])
    FROM wanted w JOIN telemetry_sample s ON s.channel_id = w.id
    WHERE s.time >= %(start)s AND s.time < %(end)s
    GROUP BY s.channel_id, bucket
"""

# The difference of each sample to the one before it belongs to the bucket of the sample,
# so buckets add up to the difference over the whole period.
_DELTA = """
    SELECT step.id, 'delta', width_bucket(step.time, (SELECT edges FROM grid)) AS bucket,
        ARRAY[sum(step.rise)], max((%(severities)s::int[])[step.quality + 1])
    FROM (
        SELECT w.id, s.time, s.quality,
            CASE WHEN w.may_reset AND s.value < lag(s.value) OVER by_time THEN s.value
                 ELSE s.value - lag(s.value) OVER by_time END AS rise
        FROM wanted w CROSS JOIN LATERAL (
            (SELECT time, value, quality FROM telemetry_sample
             WHERE channel_id = w.id AND time < %(start)s AND quality <> ALL (%(unusable)s)
             ORDER BY time DESC LIMIT 1)
            UNION ALL
            (SELECT time, value, quality FROM telemetry_sample
             WHERE channel_id = w.id AND time >= %(start)s AND time < %(end)s
               AND quality <> ALL (%(unusable)s))
        ) s
        WINDOW by_time AS (PARTITION BY w.id ORDER BY s.time)
    ) step
    WHERE step.time >= %(start)s
    GROUP BY step.id, bucket
"""

# A sample holds until the next one, at most `hold` and never past `until`. A hold that
# crosses an edge is shared by the buckets, so they add up to the whole exactly.
_ENERGY = """
    SELECT held.id, 'energy', bucket.number AS bucket,
        ARRAY[sum(held.value * share.seconds) / 3600],
        max((%(severities)s::int[])[held.quality + 1])
    FROM (
        SELECT w.id, s.value, s.quality, greatest(s.time, %(start)s) AS begins,
            least(lead(s.time) OVER by_time, s.time + w.hold, %(until)s) AS ends
        FROM wanted w CROSS JOIN LATERAL (
            (SELECT time, value, quality FROM telemetry_sample
             WHERE channel_id = w.id AND time < %(start)s
               AND time >= %(start)s - %(longest)s::interval AND quality <> ALL (%(unusable)s)
             ORDER BY time DESC LIMIT 1)
            UNION ALL
            (SELECT time, value, quality FROM telemetry_sample
             WHERE channel_id = w.id AND time >= %(start)s AND time < %(until)s
               AND quality <> ALL (%(unusable)s))
        ) s
        WINDOW by_time AS (PARTITION BY w.id ORDER BY s.time)
    ) held
    CROSS JOIN grid
    CROSS JOIN LATERAL generate_series(
        width_bucket(held.begins, grid.edges), width_bucket(held.ends, grid.edges)
    ) AS bucket(number)
    CROSS JOIN LATERAL (
        SELECT extract(epoch FROM least(held.ends, grid.edges[bucket.number + 1])
            - greatest(held.begins, grid.edges[bucket.number]))::float8 AS seconds
    ) share
    WHERE held.ends > held.begins AND share.seconds > 0
    GROUP BY held.id, bucket.number
"""

_RAW = """
    SELECT s.channel_id, floor(extract(epoch FROM s.time) * 1000)::int8, s.value, s.quality
    FROM unnest(%(ids)s::int[]) WITH ORDINALITY AS w(id, place)
    JOIN devices_channel c ON c.id = w.id AND c.tenant_id = %(tenant)s
    CROSS JOIN LATERAL (
        SELECT channel_id, time, value, quality FROM telemetry_sample
        WHERE channel_id = c.id AND time >= %(start)s AND time < %(end)s
        ORDER BY time LIMIT %(limit)s
    ) s
    ORDER BY w.place, s.time
"""


def read_buckets(
    *,
    tenant_id: uuid.UUID,
    plans: Sequence[ChannelPlan],
    window: Window,
    aggregates: Sequence[str],
) -> list[Bucket]:
    """Aggregate samples by channel and bucket in one statement.

    Aggregates: avg, min, max, sum, count, first, last over the samples of a bucket;
    delta, the rise of a counter since the sample before (for charts: bills need the ledger
    of `metering`, which knows changes of meters and rollovers); energy, value × hours while a
    sample holds (kW give kWh). Returns rows by aggregate, channel and position; buckets
    without samples have none, except that energy flows while an earlier sample holds.

    Raises:
        QueryTooSlow: the period is too long for the samples in it.
        ValuesTooLarge: a device sent nonsense that is finite; raw samples show it.
    """
    plain = [name for name in aggregates if name in _OVER_SAMPLES] or ["none"]
    parameters = _parameters(tenant_id, plans, window)
    statement = _compose(plain, aggregates)
    found: list[Bucket] = []
    for channel_id, part, number, values, severity in _execute(statement, parameters):
        names = plain if part == "plain" else [part]
        found += [
            Bucket(channel_id, name, number - 1, value, severity)
            for name, value in zip(names, values, strict=True)
        ]
    return found


def read_samples(
    *,
    tenant_id: uuid.UUID,
    channel_ids: Sequence[int],
    start: dt.datetime,
    end: dt.datetime,
    limit: int,
) -> list[RawSample]:
    """Return the stored samples of [start, end), at most `limit` of each channel, by time.

    Raises:
        QueryTooSlow: the database did not finish in time.
    """
    parameters = {"ids": list(channel_ids), "tenant": tenant_id, "start": start, "end": end,
                  "limit": limit}  # fmt: skip
    return [RawSample(*row) for row in _execute(sql.SQL(_RAW), parameters)]


def _compose(plain: Sequence[str], aggregates: Sequence[str]) -> sql.Composable:
    columns = sql.SQL(", ").join(sql.SQL(_OVER_SAMPLES[name]) for name in plain)
    parts: list[sql.Composable] = [sql.SQL(_PLAIN).format(columns=columns)]
    parts += [
        sql.SQL(text)
        for name, text in (("delta", _DELTA), ("energy", _ENERGY))
        if name in aggregates
    ]
    union = sql.SQL(" UNION ALL ").join(parts)
    return sql.SQL("WITH {} {} ORDER BY 2, 1, 3").format(sql.SQL(_WANTED), union)


def _parameters(
    tenant_id: uuid.UUID, plans: Sequence[ChannelPlan], window: Window
) -> dict[str, Any]:
    return {
        "tenant": tenant_id,
        "ids": [plan.channel_id for plan in plans],
        "holds": [plan.hold for plan in plans],
        "resets": [plan.may_reset for plan in plans],
        "longest": max((plan.hold for plan in plans), default=dt.timedelta()),
        "start": window.start,
        "end": window.end,
        "until": window.until,
        "edges": list(window.edges),
        "unusable": [int(quality) for quality in UNUSABLE],
        "severities": _SEVERITIES,
    }


def _execute(statement: sql.Composable, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('statement_timeout', %s, true)", [str(STATEMENT_TIMEOUT_MS)]
            )
            # as text: pghistory reads it
            cursor.execute(statement.as_string(None), parameters)
            return cursor.fetchall()
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise QueryTooSlow from error
        raise
    except DataError as error:
        if isinstance(error.__cause__, NumericValueOutOfRange):
            raise ValuesTooLarge from error
        raise
