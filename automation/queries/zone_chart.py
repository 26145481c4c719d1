"""What a channel measured lately, for a small chart."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable

import numpy as np

from telemetry.ingest.batch import from_microseconds, to_microseconds
from telemetry.storage.reads import raw_samples

SPAN = dt.timedelta(hours=24)
COLUMNS = 144
MAX_SAMPLES = 100_000


def recent_values(
    channels: Iterable[int], *, tenant_id: uuid.UUID, now: dt.datetime
) -> dict[int, list[tuple[dt.datetime, float]]]:
    """Return the means of ten minutes each of the last 24 hours, by channel."""
    ids = sorted(set(channels))
    if not ids:
        return {}
    start = now - SPAN
    rows = raw_samples(ids, start, now, MAX_SAMPLES, tenant_id=tenant_id)
    rows = rows[np.isfinite(rows["value"])]
    first, width = to_microseconds(start), SPAN // COLUMNS // dt.timedelta(microseconds=1)
    found: dict[int, list[tuple[dt.datetime, float]]] = {one: [] for one in ids}
    for channel in ids:
        mine = rows[rows["channel"] == channel]
        if not len(mine):
            continue
        places = (mine["time"] - first) // width
        begins = np.flatnonzero(np.diff(places, prepend=-1))
        counts = np.diff(np.append(begins, len(mine)))
        means = np.add.reduceat(mine["value"], begins) / counts
        middles = first + places[begins] * width + width // 2
        found[channel] = [
            (from_microseconds(at), mean)
            for at, mean in zip(middles.tolist(), means.tolist(), strict=True)
        ]
    return found
