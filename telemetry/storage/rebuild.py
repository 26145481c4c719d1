"""Computes rollups of a stretch of the past anew, a few channels and a month at a time."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from django.db import connection, transaction

from telemetry.models import StorageJob
from telemetry.storage.marks import Windows
from telemetry.storage.months import month_of, next_month
from telemetry.storage.rollup import lock_rollups, prepare, recompute

JOB = "rollup_rebuild"
CHANNELS = 4  # a month of these are 12,000 quarters

_CHANNELS = """
SELECT id FROM devices_channel
WHERE id > %(after)s AND (%(tenant)s::uuid IS NULL OR tenant_id = %(tenant)s)
    AND (%(device)s::uuid IS NULL OR device_id = %(device)s)
ORDER BY id
"""
_BOUNDS = """
SELECT least(min(hot.first), min(packed.first), min(rolled.first)),
    greatest(max(hot.last), max(packed.last), max(rolled.last))
FROM unnest(%s::int[]) AS wanted(id)
CROSS JOIN LATERAL (SELECT min(time) AS first, max(time) AS last
    FROM telemetry_sample WHERE channel_id = wanted.id) AS hot
CROSS JOIN LATERAL (SELECT min(day)::timestamp AT TIME ZONE 'UTC' AS first,
        (max(day) + 1)::timestamp AT TIME ZONE 'UTC' - interval '1 second' AS last
    FROM telemetry_packed_day WHERE channel_id = wanted.id) AS packed
CROSS JOIN LATERAL (SELECT min(start) AS first, max(start) AS last
    FROM telemetry_rollup_15m WHERE channel_id = wanted.id) AS rolled
"""
# With the quarters that are stored already: one that is empty now has to go.
_WINDOWS = """
SELECT channel_id, floor(extract(epoch FROM time) / 900)::int FROM telemetry_sample
WHERE channel_id = ANY(%(ids)s) AND time >= %(start)s AND time < %(end)s
UNION
SELECT channel_id, extract(epoch FROM start)::int8 / 900 FROM telemetry_rollup_15m
WHERE channel_id = ANY(%(ids)s) AND start >= %(start)s AND start < %(end)s
UNION
SELECT channel_id, (day - date '1970-01-01') * 96 + quarter FROM telemetry_packed_day
CROSS JOIN generate_series(0, 95) AS quarter
WHERE channel_id = ANY(%(ids)s) AND day >= %(start)s::date AND day < %(end)s::date
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which channels and which time; None is all."""

    tenant_id: uuid.UUID | None = None
    device_id: uuid.UUID | None = None
    start: dt.datetime | None = None
    end: dt.datetime | None = None

    def key(self) -> list[str | None]:
        """Return what two runs of the same job share."""
        values = (self.tenant_id, self.device_id, self.start, self.end)
        return [None if value is None else str(value) for value in values]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is, and how many quarters were computed and how many of them changed."""

    done: int
    channels: int
    windows: int
    changed: int


def rebuild(
    scope: Scope, *, now: dt.datetime, is_trial: bool = False, resumes: bool = False
) -> Iterator[Progress]:
    """Compute the rollups of a scope, and yield the progress after each few channels.

    Args: is_trial: change nothing. resumes: go on after the channels that an interrupted run
        over the same scope had done.
    """
    after = _interrupted_at(scope) if resumes else -1
    channels = _find_channels(scope, after)
    windows = changed = 0
    yield Progress(0, len(channels), 0, 0)
    for at in range(0, len(channels), CHANNELS):
        ids = channels[at : at + CHANNELS]
        for start, end in _months(scope, ids):
            found = _find_windows(ids, start, end)
            if len(found):
                windows += len(found)
                changed += _compute(found, now=now, is_trial=is_trial)
        if not is_trial:
            _note(scope, ids[-1], now)
        yield Progress(at + len(ids), len(channels), windows, changed)
    if not is_trial:
        StorageJob.objects.filter(name=JOB).delete()


def _find_channels(scope: Scope, after: int) -> list[int]:
    parameters = {"after": after, "tenant": scope.tenant_id, "device": scope.device_id}
    with connection.cursor() as cursor:
        cursor.execute(_CHANNELS, parameters)
        return [channel for (channel,) in cursor.fetchall()]


def _months(scope: Scope, ids: list[int]) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """Yield the parts of the scope, at most a month each, that can hold anything."""
    with connection.cursor() as cursor:
        cursor.execute(_BOUNDS, [ids])
        first, last = cursor.fetchone()
    if first is None:
        return
    # whole days: packed ones are
    start = max(filter(None, (scope.start, first))).astimezone(dt.UTC)
    start = start.replace(hour=0, minute=0, second=0, microsecond=0)
    end = min(filter(None, (scope.end, last + dt.timedelta(days=1))))
    while start < end:
        edge = next_month(month_of(start))
        yield start, min(edge, end)
        start = edge


def _find_windows(ids: list[int], start: dt.datetime, end: dt.datetime) -> Windows:
    with connection.cursor() as cursor:
        cursor.execute(_WINDOWS, {"ids": ids, "start": start, "end": end})
        pairs = np.array(cursor.fetchall(), dtype=np.int32).reshape(-1, 2)
    return Windows.whole(pairs[:, 0].copy(), pairs[:, 1].copy())


def _compute(windows: Windows, *, now: dt.datetime, is_trial: bool) -> int:
    prepare(windows)
    with transaction.atomic():
        lock_rollups()
        changed = recompute(windows, now=now)
        transaction.set_rollback(is_trial)
    return changed


def _note(scope: Scope, channel: int, now: dt.datetime) -> None:
    state = {"scope": scope.key(), "after": channel}
    StorageJob.objects.update_or_create(name=JOB, defaults={"state": state, "updated_at": now})


def _interrupted_at(scope: Scope) -> int:
    job = StorageJob.objects.filter(name=JOB).first()
    if job is None or job.state["scope"] != scope.key():
        return -1
    return int(job.state["after"])
