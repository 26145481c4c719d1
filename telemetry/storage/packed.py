"""Figures of windows whose day is packed: computed here, as SQL cannot unpack."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from telemetry.ingest.batch import SAMPLE_DTYPE, SampleBatch
from telemetry.quality import Quality
from telemetry.storage.copying import POSTGRES_EPOCH_US, copy_rows
from telemetry.storage.marks import QUARTER_US, QUARTERS_A_DAY, Windows
from telemetry.storage.merge import merge, unpack_rows

DAYS = 32  # channel-days in memory at a time: 2.8 million samples of one a second
FRESH = dt.timedelta(days=1)  # younger days are never packed
# sums of values beyond this may exceed what a number can hold
HUGE = 1e290
_EPOCH = dt.date(1970, 1, 1)

_FIND = """
SELECT packed.channel_id, packed.day - date '1970-01-01'
FROM unnest(%s::int[], %s::int[]) AS wanted(channel_id, day)
JOIN telemetry_packed_day AS packed
    ON packed.channel_id = wanted.channel_id AND packed.day = date '1970-01-01' + wanted.day
"""
_HOT = """
SELECT hot.channel_id, hot.time, hot.value, hot.quality
FROM unnest(%(channels)s::int[], %(days)s::int[]) AS wanted(channel_id, day)
CROSS JOIN LATERAL (
    SELECT sample.channel_id, sample.time, sample.value, sample.quality
    FROM telemetry_sample AS sample
    WHERE sample.channel_id = wanted.channel_id
        AND sample.time >= to_timestamp(wanted.day * 86400.0)
        AND sample.time < to_timestamp(wanted.day * 86400.0 + 86400.0)
    OFFSET 0
) AS hot
"""
_PACKED = """
SELECT packed.channel_id, packed.data
FROM unnest(%(channels)s::int[], %(days)s::int[]) AS wanted(channel_id, day)
JOIN telemetry_packed_day AS packed
    ON packed.channel_id = wanted.channel_id AND packed.day = date '1970-01-01' + wanted.day
ORDER BY packed.channel_id, packed.day
"""


def find_packed(windows: Windows, *, now: dt.datetime) -> NDArray[np.bool_]:
    """Return the mask of the windows whose channel and day are packed."""
    days = windows.numbers // QUARTERS_A_DAY
    newest = ((now - FRESH).date() - _EPOCH).days
    is_old = days < newest
    if not is_old.any():
        return is_old
    keys = _key(windows.channels, days)
    wanted = np.unique(keys[is_old])
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [(wanted >> 32).tolist(), (wanted & 0xFFFFFFFF).tolist()])
        found = [(channel << 32) + day for channel, day in cursor.fetchall()]
    return np.isin(keys, np.array(found, dtype=np.int64))


def split_by_days(windows: Windows) -> Iterator[Windows]:
    """Yield parts that lie in few enough channel-days to be read at once."""
    keys = _key(windows.channels, windows.numbers // QUARTERS_A_DAY)
    unique, place = np.unique(keys, return_inverse=True)
    for start in range(0, len(unique), DAYS):
        yield windows.take((place >= start) & (place < start + DAYS))


def read_days(windows: Windows) -> SampleBatch:
    """Return all samples of the days of these windows, hot and packed."""
    keys = np.unique(_key(windows.channels, windows.numbers // QUARTERS_A_DAY))
    parameters = {"channels": (keys >> 32).tolist(), "days": (keys & 0xFFFFFFFF).tolist()}
    hot = copy_rows(_HOT, parameters, SAMPLE_DTYPE)
    hot["time"] += POSTGRES_EPOCH_US
    with connection.cursor() as cursor:
        cursor.execute(_PACKED, parameters)
        packed = unpack_rows(cursor.fetchall())
    return merge(packed=packed, hot=hot).samples


def figures_of(samples: SampleBatch, windows: Windows) -> dict[str, list[Any]]:
    """Return the columns of the rollups of windows, as SQL would compute them."""
    usable = samples[~np.isin(samples["quality"], (Quality.BAD, Quality.MISSING))]
    keys = _key(usable["channel"], usable["time"] // QUARTER_US)
    wanted = _key(windows.channels, windows.numbers)
    begins = np.searchsorted(keys, wanted, side="left").tolist()
    ends = np.searchsorted(keys, wanted, side="right").tolist()
    rows = [_figures(usable[begin:end]) for begin, end in zip(begins, ends, strict=True)]
    names = ("count", "sum", "minimum", "maximum", "first", "last", "first_us", "last_us", "good")
    return {name: [row[at] for row in rows] for at, name in enumerate(names)}


def _figures(rows: SampleBatch) -> tuple[Any, ...]:
    if not len(rows):
        return (0, *[None] * 7, 0)
    values, times = rows["value"], rows["time"]
    is_huge = bool((np.abs(values) > HUGE).any())
    total = None if is_huge else float(np.cumsum(values)[-1])  # one after the other, as in SQL
    good = int((rows["quality"] == Quality.GOOD).sum())
    return (
        len(rows), total, float(values.min()),
        float(values.max()), float(values[0]), float(values[-1]),
        int(times[0]), int(times[-1]), good,
    )  # fmt: skip


def _key(channels: Any, numbers: Any) -> NDArray[np.int64]:
    return (channels.astype(np.int64) << 32) + numbers.astype(np.int64)
