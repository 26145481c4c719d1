"""Late rows whose key is in a packed day already: there, no key of the table refuses them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import psycopg
from numpy.typing import NDArray

from telemetry.ingest.batch import SampleBatch, to_microseconds
from telemetry.storage.merge import unpack_rows

# Younger rows are never packed, so live data is not looked up.
FRESH = dt.timedelta(days=1)
# Beyond so many channel-days in a batch the next packing finds the rest.
DAYS = 256
_DAY_US = 86_400_000_000

_PACKED = """
SELECT packed.channel_id, packed.data
FROM unnest(%s::int[], %s::int[]) AS wanted(channel_id, day)
JOIN telemetry_packed_day AS packed
    ON packed.channel_id = wanted.channel_id AND packed.day = date '1970-01-01' + wanted.day
ORDER BY packed.channel_id, packed.day
"""


@dataclass(frozen=True, slots=True)
class Known:
    """Masks over the rows of a batch: packed with the same value, or with another one."""

    duplicates: NDArray[np.bool_]
    conflicts: NDArray[np.bool_]


def find_known(
    connection: psycopg.Connection[tuple[object, ...]], rows: SampleBatch, *, now: dt.datetime
) -> Known | None:
    """Return which rows are packed already; None if there is none."""
    old = np.flatnonzero(rows["time"] < to_microseconds(now - FRESH))
    if not len(old):
        return None
    days = (rows["channel"][old].astype(np.int64) << 32) + rows["time"][old] // _DAY_US
    wanted = np.unique(days)[:DAYS]
    parameters = [(wanted >> 32).tolist(), (wanted & 0xFFFFFFFF).tolist()]
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_PACKED, parameters)
        packed = unpack_rows((int(row[0]), bytes(row[1])) for row in cursor)  # type: ignore[call-overload, arg-type]
    if not len(packed):
        return None
    return _compare(rows, packed)


def _compare(rows: SampleBatch, packed: SampleBatch) -> Known | None:
    _, ours, theirs = np.intersect1d(
        _keys(rows), _keys(packed), assume_unique=True, return_indices=True
    )
    if not len(ours):
        return None
    same = rows["value"][ours] == packed["value"][theirs]
    duplicates, conflicts = (np.zeros(len(rows), dtype=np.bool_) for _ in range(2))
    duplicates[ours[same]] = True
    conflicts[ours[~same]] = True
    return Known(duplicates, conflicts)


def _keys(rows: SampleBatch) -> NDArray[np.void]:
    keys = np.empty(len(rows), dtype=[("channel", "<i4"), ("time", "<i8")])
    keys["channel"], keys["time"] = rows["channel"], rows["time"]
    return keys
