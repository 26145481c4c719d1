"""Which keys are stored already."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from telemetry.ingest.batch import SampleBatch, from_microseconds
from telemetry.storage.marks import windows_of
from telemetry.storage.packed import find_packed, read_days, split_by_days

# each key is one probe of the primary key, which OFFSET 0 keeps so: PostgreSQL's statistics
# end before the newest rows; the bounds let it skip partitions
_FIND = """
SELECT wanted.at - 1, known.value
FROM unnest(%(channels)s::int[], %(times)s::timestamptz[]) WITH ORDINALITY
    AS wanted(channel_id, time, at)
CROSS JOIN LATERAL (
    SELECT sample.value FROM telemetry_sample AS sample
    WHERE sample.channel_id = wanted.channel_id AND sample.time = wanted.time
        AND sample.time BETWEEN %(first)s AND %(last)s
    OFFSET 0
) AS known
"""


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """Row by row: is the key stored, and with which value."""

    is_stored: NDArray[np.bool_]
    values: NDArray[np.float64]


def find_stored(rows: SampleBatch, *, now: dt.datetime) -> StoredKeys:
    """Look up the keys of rows, sorted by (channel, time), also in packed days.

    The rows are of channels that the caller may write to, so no tenant is asked for here.
    """
    found = StoredKeys(np.zeros(len(rows), dtype=np.bool_), np.zeros(len(rows)))
    if not len(rows):
        return found
    times = [from_microseconds(int(time)) for time in rows["time"]]
    with connection.cursor() as cursor:
        cursor.execute(
            _FIND,
            {
                "channels": rows["channel"].tolist(),
                "times": times,
                "first": min(times),
                "last": max(times),
            },
        )
        for at, value in cursor.fetchall():
            found.is_stored[at] = True
            found.values[at] = value
    _look_into_packed(rows, found, now)
    return found


def _look_into_packed(rows: SampleBatch, found: StoredKeys, now: dt.datetime) -> None:
    left = np.flatnonzero(~found.is_stored)
    windows = windows_of(rows[left])
    windows = windows.take(find_packed(windows, now=now))
    if not len(windows):
        return
    places = {(int(rows["channel"][at]), int(rows["time"][at])): int(at) for at in left}
    for part in split_by_days(windows):
        samples = read_days(part)
        for row in samples[np.isin(samples["time"], rows["time"][left])]:
            at = places.get((int(row["channel"]), int(row["time"])))
            if at is not None:
                found.is_stored[at] = True
                found.values[at] = row["value"]
