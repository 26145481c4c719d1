"""Samples of packed days and hot rows beside them: the first to be stored is the one kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from telemetry.ingest.batch import SAMPLE_DTYPE, SampleBatch
from telemetry.storage.packing import unpack_day


@dataclass(frozen=True, slots=True)
class Merged:
    """All samples by (channel, time), each key once; `conflicts` are hot rows that lost."""

    samples: SampleBatch
    duplicates: int
    conflicts: SampleBatch


def unpack_rows(rows: Iterable[tuple[int, bytes]]) -> SampleBatch:
    """Return the samples of packed days, given as (channel, data)."""
    parts = []
    for channel, data in rows:
        times, values, qualities = unpack_day(bytes(data))
        part = np.empty(len(times), dtype=SAMPLE_DTYPE)
        part["channel"], part["time"] = channel, times
        part["value"], part["quality"] = values, qualities
        parts.append(part)
    return np.concatenate(parts) if parts else np.empty(0, dtype=SAMPLE_DTYPE)


def merge(*, packed: SampleBatch, hot: SampleBatch) -> Merged:
    """Unite packed samples with hot rows; a packed one came first and stays."""
    rows = np.concatenate([packed, hot])
    order = np.lexsort((rows["time"], rows["channel"]))  # stable: packed stays before hot
    rows = rows[order]
    again = np.zeros(len(rows), dtype=np.bool_)
    again[1:] = (rows["channel"][1:] == rows["channel"][:-1]) & (
        rows["time"][1:] == rows["time"][:-1]
    )
    if not again.any():
        return Merged(rows, 0, rows[:0])
    before = np.maximum.accumulate(np.where(again, 0, np.arange(len(rows))))
    differs: NDArray[np.bool_] = again & (rows["value"] != rows["value"][before])
    return Merged(rows[~again], int(again.sum() - differs.sum()), rows[differs])
