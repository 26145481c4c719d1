"""Computes the figures of days with news, a bounded number at a time, from the rollups."""

from __future__ import annotations

import datetime as dt
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from django.db import connection, transaction

from devices.models import Kind
from telemetry.ingest.batch import to_microseconds
from telemetry.storage.batches import ROLLUP_DTYPE, RollupBatch
from telemetry.storage.reads import rollup_rows
from telemetry.truth.findings import DayFacts, DayFigures, judge_day
from telemetry.truth.lateness import percentile

ROWS = 500  # of one transaction
# the rollups follow within a minute; a day that goes on is looked at again every ten
FIRST_LOOK = dt.timedelta(seconds=90)
NEXT_LOOK = dt.timedelta(minutes=10)
FORMER = 14

_TAKE = """
SELECT day.id, day.channel_id, day.day, day.lateness, day.clock_offset, site.timezone,
    channel.kind, channel.direction,
    coalesce(channel.expected_interval_seconds, profile.expected_interval_seconds),
    channel.stuck_after_seconds, channel.created_at
FROM telemetry_channelday AS day
JOIN devices_channel AS channel ON channel.id = day.channel_id
JOIN devices_device AS device ON device.id = channel.device_id
JOIN devices_deviceprofile AS profile ON profile.id = device.profile_id
JOIN devices_site AS site ON site.id = device.site_id
WHERE day.stale_since <= %(next)s
    OR (day.computed_at IS NULL AND day.stale_since <= %(first)s)
ORDER BY day.stale_since, day.id
LIMIT %(rows)s
FOR UPDATE OF day SKIP LOCKED
"""
_FORMER = """
SELECT wanted.id, former.mean, former.clock_offset
FROM unnest(%(ids)s::bigint[]) AS wanted(id)
JOIN telemetry_channelday AS day ON day.id = wanted.id
CROSS JOIN LATERAL (
    SELECT mean, clock_offset FROM telemetry_channelday AS other
    WHERE other.channel_id = day.channel_id AND other.day < day.day
        AND other.day >= day.day - 30
    ORDER BY other.day DESC LIMIT %(former)s
) AS former
"""
_EARLIER = """
SELECT wanted.number FROM unnest(%(channels)s::int[], %(starts)s::timestamptz[])
    WITH ORDINALITY AS wanted(channel_id, start, number)
WHERE EXISTS (
    SELECT 1 FROM telemetry_rollup_15m AS rollup
    WHERE rollup.channel_id = wanted.channel_id AND rollup.start < wanted.start
)
"""
_COLUMNS = {
    "expected": "int", "received": "int", "good": "int", "completeness": "float8",
    "gaps": "int", "longest_gap_seconds": "int", "stuck_seconds": "int", "falls": "int",
    "mean": "float8", "noise": "float8", "clock_drift": "float8", "grade": "text",
    "lateness_p50": "float8", "lateness_p95": "float8", "findings": "text",
}  # fmt: skip
_SET = ", ".join(f"{name} = new.{name}" for name in _COLUMNS if name != "findings")
_NEW = ", ".join(f"%({name})s::{kind}[]" for name, kind in _COLUMNS.items())
_KEEP = f"""
UPDATE telemetry_channelday AS day
SET {_SET}, findings = string_to_array(new.findings, ','), computed_at = %(now)s,
    stale_since = NULL
FROM unnest(%(id)s::bigint[], {_NEW}) AS new(id, {", ".join(_COLUMNS)})
WHERE day.id = new.id
"""  # noqa: S608


class _Day(NamedTuple):
    id: int
    channel: int
    day: dt.date
    lateness: list[int]
    clock_offset: float | None
    zone: str
    kind: str
    direction: str
    interval: int
    stuck_after: int | None
    created_at: dt.datetime

    def edges(self) -> tuple[dt.datetime, dt.datetime]:
        """Return the beginning and the end of the local day: 23, 24 or 25 hours."""
        zone = ZoneInfo(self.zone)
        begin = dt.datetime.combine(self.day, dt.time(), zone)
        end = dt.datetime.combine(self.day + dt.timedelta(days=1), dt.time(), zone)
        return begin.astimezone(dt.UTC), end.astimezone(dt.UTC)


def compute_days(*, now: dt.datetime, seconds: float = 20.0) -> int:
    """Compute days with news for about so many seconds; return how many.

    Each batch is one transaction that takes its rows from others, so copies may run and die.
    """
    deadline = time.monotonic() + seconds
    total = 0
    while True:
        done = compute_batch(now=now)
        total += done
        if done < ROWS or time.monotonic() >= deadline:
            return total


@transaction.atomic
def compute_batch(*, now: dt.datetime) -> int:
    """Compute up to 500 days; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"next": now - NEXT_LOOK, "first": now - FIRST_LOOK, "rows": ROWS})
        days = [_Day(*row) for row in cursor.fetchall()]
        if not days:
            return 0
        former = _former(cursor, days)
        earlier = _with_earlier(cursor, days)
        rows = _rollups(days)
        results = []
        for number, day in enumerate(days):
            late = percentile(day.lateness, 0.95)
            facts = _facts(day, rows[number], number in earlier, former[day.id], late, now)
            results.append((day, judge_day(rows[number], facts), late))
        cursor.execute(_KEEP, _parameters(results, now))
    return len(days)


def _former(cursor: Any, days: Sequence[_Day]) -> dict[int, list[tuple[Any, Any]]]:
    cursor.execute(_FORMER, {"ids": [day.id for day in days], "former": FORMER})
    found: defaultdict[int, list[tuple[Any, Any]]] = defaultdict(list)
    for day_id, mean, offset in cursor.fetchall():
        found[day_id].append((mean, offset))
    return found


def _with_earlier(cursor: Any, days: Sequence[_Day]) -> set[int]:
    """Return the positions of days whose channel had values before."""
    cursor.execute(
        _EARLIER,
        {"channels": [d.channel for d in days], "starts": [d.edges()[0] for d in days]},
    )
    return {number - 1 for (number,) in cursor.fetchall()}


def _rollups(days: Sequence[_Day]) -> list[RollupBatch]:
    """Return the quarters of each day; days of equal edges are read together."""
    by_edges: defaultdict[tuple[dt.datetime, dt.datetime], list[int]] = defaultdict(list)
    for number, day in enumerate(days):
        by_edges[day.edges()].append(number)
    found = [np.empty(0, dtype=ROLLUP_DTYPE)] * len(days)
    for (begin, end), numbers in by_edges.items():
        channels = sorted({days[number].channel for number in numbers})
        rows = rollup_rows(channels, begin, end, tenant_id=None)
        for number in numbers:
            low, high = np.searchsorted(
                rows["channel"], [days[number].channel, days[number].channel + 1]
            )
            found[number] = rows[low:high]
    return found


def _facts(
    day: _Day, rows: RollupBatch, has_earlier: bool, former: list[tuple[Any, Any]],
    late: float | None, now: dt.datetime,
) -> DayFacts:  # fmt: skip
    begin, end = (to_microseconds(edge) / 1e6 for edge in day.edges())
    if not has_earlier and len(rows):
        begin = float(rows["first_time"][0]) / 1e6
    known_at = to_microseconds(day.created_at) / 1e6
    return DayFacts(
        kind=day.kind,
        direction=day.direction,
        start=known_at if begin < known_at < end else begin,
        end=max(begin, min(end, to_microseconds(now) / 1e6)),
        interval=None if day.kind == Kind.STATE else float(day.interval),
        stuck_after=day.stuck_after,
        is_history=end <= known_at,
        former_means=tuple(mean for mean, _offset in former if mean is not None),
        clock_offset=day.clock_offset,
        former_offset=next((offset for _mean, offset in former if offset is not None), None),
        # what was filled in could not come earlier
        lateness_p95=late if begin >= known_at else None,
    )


def _parameters(
    results: Sequence[tuple[_Day, DayFigures, float | None]], now: dt.datetime
) -> dict[str, Any]:
    values: dict[str, list[Any]] = {name: [] for name in ("id", *_COLUMNS)}
    for day, figures, late in results:
        values["id"].append(day.id)
        values["lateness_p50"].append(percentile(day.lateness, 0.5))
        values["lateness_p95"].append(late)
        values["findings"].append(",".join(figures.findings))
        for name in _COLUMNS.keys() - {"lateness_p50", "lateness_p95", "findings"}:
            values[name].append(getattr(figures, name))
    return values | {"now": now}
