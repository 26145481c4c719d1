"""Reads of values for a question: from samples, rollups of quarter hours or of days.

What has not settled yet, and what a period cuts off a quarter or a day, comes from the rows
below: the pieces of a period never overlap.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from accounts.models import Tenant
from telemetry.figures import Cells, ChannelPlan, Window, make_figures
from telemetry.ingest.batch import SAMPLE_DTYPE, SampleBatch, to_microseconds
from telemetry.rows import UNUSABLE, Rows, from_rollups, from_samples, join_rows
from telemetry.storage.models import RollupZone
from telemetry.storage.reads import MERGEABLE, day_rows, merged_rows, raw_samples, rollup_rows
from telemetry.timespec import local_midnight

STATEMENT_TIMEOUT_MS = 5000
QUARTER = dt.timedelta(minutes=15)
# of samples that lie in the table of samples and not in packed days, with a margin
HOT = dt.timedelta(days=8)
MAX_ROWS = 3_000_000  # samples of one question: 24 bytes each, several times over

RAW, QUARTERS, DAYS = "raw", "15m", "1d"
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

# what of a rollup each aggregate is made of, beside the counts
COLUMNS_OF: dict[str, tuple[str, ...]] = {
    "avg": ("sum",), "sum": ("sum",), "min": ("minimum",), "max": ("maximum",), "count": (),
    "first": ("first",), "last": ("last",), "delta": ("first", "last", "minimum", "maximum"),
    "energy": ("sum", "last", "first_time", "last_time"),
}  # fmt: skip

# the last usable value before a quarter: of the rollups, or of samples not rolled up yet
_BEFORE = """
SELECT channel.id, (extract(epoch FROM found.at) * 1000000)::int8, found.value, found.is_good
FROM unnest(%(channels)s::int[]) AS wanted(id)
JOIN devices_channel AS channel ON channel.id = wanted.id AND channel.tenant_id = %(tenant)s
CROSS JOIN LATERAL (
    SELECT * FROM (
        (SELECT time AS at, value, quality = 0 AS is_good FROM telemetry_sample
         WHERE channel_id = channel.id AND time < %(start)s AND time >= %(hot)s
             AND quality <> ALL (%(unusable)s)
         ORDER BY time DESC LIMIT 1)
        UNION ALL
        (SELECT last_time, last, good = count FROM telemetry_rollup_15m
         WHERE channel_id = channel.id AND start < %(start)s
         ORDER BY start DESC LIMIT 1)
    ) AS candidate
    ORDER BY at DESC LIMIT 1
) AS found
"""


class QueryTooSlow(RuntimeError):
    """The database did not finish within `STATEMENT_TIMEOUT_MS`, or the samples are too many."""


@dataclass(frozen=True, slots=True)
class Source:
    """Which table answers: raw, 15m or 1d, and until when its rows are complete.

    `zone` is that of the days.
    """

    name: str
    settled: dt.datetime
    zone: ZoneInfo


def read_buckets(
    *,
    tenant_id: uuid.UUID,
    plans: Sequence[ChannelPlan],
    window: Window,
    aggregates: Sequence[str],
    source: Source,
) -> dict[tuple[int, str], Cells]:
    """Return the cells of every channel and aggregate; see `telemetry.figures`.

    Aggregates: avg, min, max, sum, count, first, last over the samples of a bucket;
    delta, the rise of a counter since the sample before (for charts: bills need the ledger
    of `metering`, which knows changes of meters and rollovers); energy, value × hours while a
    sample holds (kW give kWh). The number of statements does not depend on the channels.

    Raises:
        QueryTooSlow: the period is too long for the samples in it.
        ValuesTooLarge: a device sent nonsense that is finite; raw samples show it.
    """
    channels = [plan.channel_id for plan in plans]
    first = floor_quarter(window.start)
    parts, unusable = [], np.empty(0, dtype=SAMPLE_DTYPE)
    with limited_time():
        if {"delta", "energy"} & set(aggregates):
            parts.append(_rows_before(tenant_id, channels, first))
        for name, start, end in cut_pieces(window, source):
            if name == RAW:
                samples = _samples(tenant_id, channels, start, end)
                unusable = np.concatenate((unusable, _unusable(samples, window.start)))
                parts.append(from_samples(samples))
            elif name == QUARTERS:
                parts.append(_quarters(tenant_id, channels, start, end, window, aggregates))
            else:
                parts.append(from_rollups(day_rows(
                    channels, start.astimezone(source.zone).date(),
                    end.astimezone(source.zone).date() - dt.timedelta(days=1),
                    tenant_id=tenant_id,
                )))  # fmt: skip
    rows = join_rows(parts) if parts else from_samples(unusable)
    if source.name == DAYS and "delta" in aggregates and _fell(plans, rows):
        # how often a counter began again within a day, only the quarters know
        return read_buckets(
            tenant_id=tenant_id, plans=plans, window=window, aggregates=aggregates,
            source=replace(source, name=QUARTERS),
        )  # fmt: skip
    return make_figures(
        plans=plans, window=window, aggregates=aggregates, rows=rows, unusable=unusable
    )


def read_samples(
    *,
    tenant_id: uuid.UUID,
    channel_ids: Sequence[int],
    start: dt.datetime,
    end: dt.datetime,
    limit: int | None,
) -> SampleBatch:
    """Return the stored samples of [start, end), at most `limit` of each channel.

    Raises:
        QueryTooSlow: the database did not finish in time.
    """
    with limited_time():
        return raw_samples(channel_ids, start, end, limit, tenant_id=tenant_id)


def cut_pieces(window: Window, source: Source) -> Iterator[tuple[str, dt.datetime, dt.datetime]]:
    """Yield which table covers which part of the period, in the order of time.

    Samples are read from the beginning of the first quarter: one of them may be the last
    before the period.
    """
    start, end = floor_quarter(window.start), window.end
    if source.name == RAW:
        yield RAW, start, end
        return
    settled = max(floor_quarter(min(end, source.settled)), start)
    body = start if start == window.start else min(start + QUARTER, settled)
    marks = [(RAW, start), (QUARTERS, body), (QUARTERS, settled), (RAW, settled), ("", end)]
    if source.name == DAYS:
        midnight = _next_midnight(body, source.zone)
        last = local_midnight(settled.astimezone(source.zone).date(), source.zone)
        if midnight < last:
            marks[2:3] = [(DAYS, midnight), (QUARTERS, last)]
    for (name, low), (_, high) in pairwise(marks):
        if low < high:
            yield name, low, high


def days_are_cut(channel_ids: Sequence[int], zone: ZoneInfo) -> bool:
    """Tell whether the days of all these channels are those of the zone; one query."""
    cut = RollupZone.objects.filter(channel_id__in=channel_ids, zone=zone.key)
    return cut.count() == len(set(channel_ids))


def samples_are_kept(tenant_id: uuid.UUID, *, longest: dt.timedelta) -> dt.timedelta:
    """Return how long the tenant's samples stay; one query. Rollups stay for good."""
    days = Tenant.objects.filter(id=tenant_id).values_list("plan__retention_days", flat=True)
    plan = next(iter(days), None)
    return longest if plan is None else min(longest, dt.timedelta(days=plan))


def floor_quarter(moment: dt.datetime) -> dt.datetime:
    """Return the beginning of the quarter hour, UTC."""
    return moment.astimezone(dt.UTC) - (moment - EPOCH) % QUARTER


@contextmanager
def limited_time() -> Iterator[None]:
    """Let no statement run longer than `STATEMENT_TIMEOUT_MS`.

    Raises:
        QueryTooSlow: one did.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('statement_timeout', %s, true), set_config('jit', 'off', true)",
                [str(STATEMENT_TIMEOUT_MS)],
            )
            yield
    except QueryCanceled as error:
        raise QueryTooSlow from error
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise QueryTooSlow from error
        raise


def _samples(
    tenant_id: uuid.UUID, channels: Sequence[int], start: dt.datetime, end: dt.datetime
) -> SampleBatch:
    limit = MAX_ROWS // len(channels)
    samples = raw_samples(channels, start, end, limit + 1, tenant_id=tenant_id)
    # fewer rows in all than one channel may have: none was cut
    if len(samples) > limit and np.unique(samples["channel"], return_counts=True)[1].max() > limit:
        raise QueryTooSlow
    return samples


def _quarters(
    tenant_id: uuid.UUID,
    channels: Sequence[int],
    start: dt.datetime,
    end: dt.datetime,
    window: Window,
    aggregates: Sequence[str],
) -> Rows:
    """Read what the aggregates need, merged into the buckets where these are equally wide."""
    columns = sorted({"count", "good"}.union(*(COLUMNS_OF[name] for name in aggregates)))
    step = window.edges[1] - window.edges[0]
    is_even = all(high - low == step for low, high in pairwise(window.edges))
    if is_even and step > QUARTER and MERGEABLE.issuperset(columns):
        return from_rollups(merged_rows(
            channels, start, end, tenant_id=tenant_id, columns=columns, step=step,
            origin=window.edges[0],
        ))  # fmt: skip
    return from_rollups(rollup_rows(channels, start, end, tenant_id=tenant_id, columns=columns))


def _fell(plans: Sequence[ChannelPlan], rows: Rows) -> bool:
    counters = [plan.channel_id for plan in plans if plan.may_reset]
    fell = (rows.minimum < rows.first) | (rows.last < rows.maximum)
    return bool((fell & np.isin(rows.channel, counters)).any())


def _unusable(samples: SampleBatch, start: dt.datetime) -> SampleBatch:
    inside = samples["time"] >= to_microseconds(start)
    return samples[np.isin(samples["quality"], UNUSABLE) & inside]


def _rows_before(tenant_id: uuid.UUID, channels: Sequence[int], start: dt.datetime) -> Rows:
    parameters: dict[str, Any] = {
        "channels": list(channels), "tenant": tenant_id, "start": start, "hot": start - HOT,
        "unusable": [int(quality) for quality in UNUSABLE],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_BEFORE, parameters)
        found = [(channel, at, value, 0 if good else 1) for channel, at, value, good in cursor]
    return from_samples(np.array(found, dtype=SAMPLE_DTYPE))


def _next_midnight(moment: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """Return the first beginning of a local day at or after the moment."""
    day = moment.astimezone(zone).date()
    midnight = local_midnight(day, zone)
    return midnight if midnight >= moment else local_midnight(day + dt.timedelta(days=1), zone)
