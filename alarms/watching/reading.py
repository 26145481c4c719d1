"""Samples as rules see them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from telemetry.ingest.batch import EPOCH, SAMPLE_DTYPE, SampleBatch, to_microseconds
from telemetry.quality import Quality
from telemetry.storage.reads import samples_since

# clocks of devices may be ahead; later samples than this are not read again
AHEAD = dt.timedelta(days=1)
# what is doubtful is judged all the same: a device in trouble sends doubtful values
_UNUSABLE = (Quality.BAD, Quality.MISSING)
_LATEST = """
SELECT channel_id, time, value, quality FROM telemetry_latestvalue
WHERE channel_id = ANY (%s) AND time < %s AND value IS NOT NULL
"""


def usable(samples: SampleBatch) -> SampleBatch:
    """Return the samples that rules look at."""
    return samples[~np.isin(samples["quality"], _UNUSABLE)]


def usable_since(wanted: Sequence[tuple[int, int]], end: dt.datetime) -> SampleBatch:
    """Return the samples of (channel, after µs) before `end`, sorted by channel and time."""
    if not wanted:
        return np.empty(0, SAMPLE_DTYPE)
    return usable(samples_since([(channel, max(after, 0)) for channel, after in wanted], end))


def latest_before(channels: Sequence[int], moment: dt.datetime) -> dict[int, tuple[int, float]]:
    """Return time in µs and value of channels that said nothing since a moment."""
    with connection.cursor() as cursor:
        cursor.execute(_LATEST, [list(channels), moment])
        return {
            channel: (to_microseconds(time), value)
            for channel, time, value, quality in cursor.fetchall()
            if quality not in _UNUSABLE and time >= EPOCH
        }


def newest_receipt() -> float | None:
    """Return when the last message of all tenants was received, in s since 1970."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM max(received_at)) FROM telemetry_latestvalue")
        found = cursor.fetchone()[0]
    return None if found is None else float(found)


def as_rows(channel: int, times: NDArray[np.int64], values: NDArray[np.float64]) -> SampleBatch:
    """Return samples of one channel as a batch."""
    rows = np.zeros(len(times), SAMPLE_DTYPE)
    rows["channel"], rows["time"], rows["value"] = channel, times, values
    return rows
