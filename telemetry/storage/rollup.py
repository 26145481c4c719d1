"""Rollups of quarter hours and days, computed anew from the rows below them.

Adding to a stored sum would count twice what arrives twice; only where all news lies behind
the last value counted, it is added (`telemetry.storage.growth`). One process at a time
computes: a slower one would overwrite figures with what it read before.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from django.conf import settings
from django.db import connection

from telemetry.quality import Quality
from telemetry.storage.growth import extend, find_grown, span_of
from telemetry.storage.marks import Windows, split_by_weeks
from telemetry.storage.months import ensure_months, month_of
from telemetry.storage.packed import HUGE, figures_of, find_packed, read_days, split_by_days

_LOCK = 7_204_613  # advisory lock: one transaction computes rollups at a time
# Tables that have just been filled have no statistics, and the planner would read them as a
# whole again and again. So everything is looked up by its key; LIMIT keeps the order of that.
_SESSION = """
SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off; SET LOCAL jit = off;
SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL random_page_cost = 1.1;
SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '60s'
"""
_COLUMNS = ("count", "sum", "minimum", "maximum", "first", "last", "first_time", "last_time",
            "good")  # fmt: skip
# Rows come in the order of time, so sums are the same whatever the order of arrival.
_FIGURES = f"""
SELECT count(*)::int AS count,
    CASE WHEN max(abs(value)) <= {HUGE}
         THEN sum(value) FILTER (WHERE abs(value) <= {HUGE}) END AS sum,
    min(value) AS minimum, max(value) AS maximum,
    (array_agg(value))[1] AS first, (array_agg(value))[count(*)] AS last,
    min(time) AS first_time, max(time) AS last_time,
    (count(*) FILTER (WHERE quality = {Quality.GOOD.value}))::int AS good
"""
# What came after the marks were read is left to its own: it would be counted before its mark
# is worked off, and then the next look could not add, but would have to compute anew again.
_FROM_HOT = f"""
SELECT dirty.channel_id, span.start, figures.*
FROM unnest(%(channels)s::int[], %(numbers)s::int[], %(lasts)s::int[])
    AS dirty(channel_id, number, last)
CROSS JOIN LATERAL (SELECT to_timestamp(dirty.number * 900.0) AS start) AS span
LEFT JOIN LATERAL (
    SELECT last_time FROM telemetry_rollup_15m
    WHERE channel_id = dirty.channel_id AND start = to_timestamp(dirty.number * 900.0)
        AND start >= %(from)s AND start < %(to)s
    LIMIT 1
) AS old ON true
CROSS JOIN LATERAL (
    {_FIGURES} FROM (
        SELECT time, value, quality FROM telemetry_sample
        WHERE channel_id = dirty.channel_id
            AND time >= to_timestamp(dirty.number * 900.0)
            AND time < to_timestamp(dirty.number * 900.0 + 900.0)
            AND time <= greatest(old.last_time,
                to_timestamp(dirty.number * 900.0) + dirty.last * interval '1 microsecond')
            AND time >= %(from)s AND time < %(to)s
            AND quality NOT IN ({Quality.BAD.value}, {Quality.MISSING.value})
        ORDER BY time
    ) AS sample
) AS figures
"""  # noqa: S608
_FROM_ARRAYS = """
SELECT given.channel_id, to_timestamp(given.number * 900.0) AS start, count, sum, minimum, maximum,
    first, last, to_timestamp(0) + first_us * interval '1 microsecond' AS first_time,
    to_timestamp(0) + last_us * interval '1 microsecond' AS last_time, good
FROM unnest(
    %(channels)s::int[], %(numbers)s::int[], %(count)s::int[], %(sum)s::float8[],
    %(minimum)s::float8[], %(maximum)s::float8[], %(first)s::float8[], %(last)s::float8[],
    %(first_us)s::int8[], %(last_us)s::int8[], %(good)s::int[]
) AS given(channel_id, number, count, sum, minimum, maximum, first, last, first_us, last_us, good)
"""
# What the retention dropped cannot be computed again: there a late row may only add.
_QUARTERS = """
WITH figures AS MATERIALIZED ({source}), fresh AS MATERIALIZED (
    SELECT figures.*, figures.start < %(now)s - make_interval(days => least(
        kept.retention_days, %(longest)s, (%(kinds)s::jsonb ->> kept.kind)::int)) AS is_past
    FROM figures CROSS JOIN LATERAL (
        SELECT plan.retention_days, channel.kind
        FROM devices_channel AS channel
        JOIN accounts_tenant AS tenant ON tenant.id = channel.tenant_id
        LEFT JOIN accounts_plan AS plan ON plan.id = tenant.plan_id
        WHERE channel.id = figures.channel_id LIMIT 1
    ) AS kept
), emptied AS (
    DELETE FROM telemetry_rollup_15m AS old USING fresh
    WHERE old.channel_id = fresh.channel_id AND old.start = fresh.start
        AND old.start >= %(from)s AND old.start < %(to)s
        AND fresh.count = 0 AND NOT fresh.is_past
    RETURNING 1
), written AS ({upsert} RETURNING 1)
SELECT (SELECT count(*) FROM emptied) + (SELECT count(*) FROM written)
"""
_UPSERT_QUARTERS = """
INSERT INTO telemetry_rollup_15m AS old (channel_id, start, {columns})
SELECT channel_id, start, {columns} FROM fresh
WHERE count > 0 AND NOT (is_past AND EXISTS (
    SELECT FROM telemetry_rollup_15m AS more
    WHERE more.channel_id = fresh.channel_id AND more.start = fresh.start
        AND more.count > fresh.count))
ON CONFLICT (channel_id, start) DO UPDATE SET {assignments}
WHERE ({old}) IS DISTINCT FROM ({new})
"""
# A quarter belongs to the date on which it begins where the site is: 23 to 25 hours a day.
# Statistics of a day that changed are due, and no crash forgets that.
_DAYS = """
WITH dirty AS (
    SELECT DISTINCT pair.channel_id, site.timezone AS zone,
        (to_timestamp(pair.number * 900.0) AT TIME ZONE site.timezone)::date AS day
    FROM unnest(%(channels)s::int[], %(numbers)s::int[]) AS pair(channel_id, number)
    CROSS JOIN LATERAL (
        SELECT site.timezone
        FROM devices_channel AS channel
        JOIN devices_device AS device ON device.id = channel.device_id
        JOIN devices_site AS site ON site.id = device.site_id
        WHERE channel.id = pair.channel_id LIMIT 1
    ) AS site
), fresh AS MATERIALIZED (
    SELECT dirty.channel_id, dirty.day, figures.*
    FROM dirty CROSS JOIN LATERAL ({figures} FROM (
        SELECT * FROM telemetry_rollup_15m
        WHERE channel_id = dirty.channel_id
            AND start >= (dirty.day::timestamp AT TIME ZONE dirty.zone) - interval '3 hours'
            AND start < ((dirty.day + 1)::timestamp AT TIME ZONE dirty.zone) + interval '3 hours'
            AND start >= %(from)s::timestamptz - interval '2 days'
            AND start < %(to)s::timestamptz + interval '2 days'
            AND (start AT TIME ZONE dirty.zone)::date = dirty.day
        ORDER BY start
    ) AS quarter) AS figures
), emptied AS (
    DELETE FROM telemetry_rollup_day AS old USING fresh
    WHERE old.channel_id = fresh.channel_id AND old.day = fresh.day AND fresh.count = 0
    RETURNING old.channel_id, old.day
), written AS (
    INSERT INTO telemetry_rollup_day AS old (channel_id, day, {columns})
    SELECT channel_id, day, {columns} FROM fresh WHERE count > 0
    ON CONFLICT (channel_id, day) DO UPDATE SET {assignments}
    WHERE ({old}) IS DISTINCT FROM ({new})
    RETURNING old.channel_id, old.day
)
INSERT INTO telemetry_channelday AS known (tenant_id, channel_id, day, lateness, stale_since,
    received, good, gaps, longest_gap_seconds, stuck_seconds, falls, findings, grade)
SELECT channel.tenant_id, channel.id, changed.day, '{{}}', %(now)s, 0, 0, 0, 0, 0, 0, '{{}}',
    'unknown'
FROM (TABLE emptied UNION TABLE written) AS changed
JOIN devices_channel AS channel ON channel.id = changed.channel_id
ORDER BY channel.id, changed.day
ON CONFLICT (channel_id, day) DO UPDATE SET stale_since = excluded.stale_since
WHERE known.stale_since IS NULL
"""
DAY_FIGURES = """
SELECT coalesce(sum(count), 0)::int AS count,
    CASE WHEN count(sum) = count(*) THEN sum(sum) END AS sum,
    min(minimum) AS minimum, max(maximum) AS maximum,
    (array_agg(first))[1] AS first, (array_agg(last))[count(*)] AS last,
    min(first_time) AS first_time, max(last_time) AS last_time, sum(good)::int AS good
"""


def upsert(template: str) -> str:
    """Return a statement with the columns of a rollup filled in."""
    return template.format(
        figures=DAY_FIGURES,
        columns=", ".join(_COLUMNS),
        assignments=", ".join(f"{name} = excluded.{name}" for name in _COLUMNS),
        old=", ".join(f"old.{name}" for name in _COLUMNS),
        new=", ".join(f"excluded.{name}" for name in _COLUMNS),
    )


_HOT_STATEMENT = _QUARTERS.format(source=_FROM_HOT, upsert=upsert(_UPSERT_QUARTERS))
_ARRAYS_STATEMENT = _QUARTERS.format(source=_FROM_ARRAYS, upsert=upsert(_UPSERT_QUARTERS))
_DAYS_STATEMENT = upsert(_DAYS)


def prepare(windows: Windows) -> None:
    """Create the partitions of the windows; before the transaction, for it takes locks."""
    first, last = span_of(windows)
    months, month = [], month_of(first)
    while month < last:
        months.append(month)
        month = month_of(month + dt.timedelta(days=32))
    ensure_months(months)


def lock_rollups() -> None:
    """Wait for others that compute, and set up the transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_SESSION)
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def recompute(windows: Windows, *, now: dt.datetime) -> int:
    """Compute the windows and the days they lie in; return how many quarters changed.

    Runs in the caller's transaction, after `prepare` and `lock_rollups`: what is committed
    by then is in the figures, and nobody packs meanwhile. Few queries, however many windows;
    packed days are read a few at a time.
    """
    changed = 0
    is_packed = find_packed(windows, now=now)
    for hot in split_by_weeks(windows.take(~is_packed)):
        changed += _recompute_hot(hot, now)
    packed = windows.take(is_packed)
    for part in split_by_days(packed):
        figures = figures_of(read_days(part), part)
        changed += _write(_ARRAYS_STATEMENT, _parameters(part, now) | figures)
    with connection.cursor() as cursor:
        cursor.execute(_DAYS_STATEMENT, _parameters(windows, now))
    return changed


def _recompute_hot(windows: Windows, now: dt.datetime) -> int:
    changed = 0
    is_grown = find_grown(windows)
    if is_grown.any():
        changed += extend(windows.take(is_grown))
    others = windows.take(~is_grown)
    if len(others):
        changed += _write(_HOT_STATEMENT, _parameters(others, now))
    return changed


def _write(statement: str, parameters: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.fetchone()[0])


def _parameters(windows: Windows, now: dt.datetime) -> dict[str, Any]:
    first, last = span_of(windows)
    return {
        "channels": windows.channels.tolist(),
        "numbers": windows.numbers.tolist(),
        "lasts": windows.lasts.tolist(),
        "from": first,
        "to": last,
        "now": now,
        "longest": settings.SAMPLE_RETENTION_DAYS,
        "kinds": json.dumps(settings.SAMPLE_RETENTION_KINDS),
    }
