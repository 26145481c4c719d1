"""The values of a virtual channel in a stretch of time, from the samples of its inputs.

The result depends on the stored samples alone, never on the order in which they came.

Quarterly: a value stands at the start of each quarter of an hour in which every input has
one. Gauges count with the average of the quarter, amounts of intervals with their sum,
counters and states with their first value in it, which is final as soon as it is there.

Latest: a value stands wherever an input has a sample; the others count with their latest
value, if it is not older than the tolerance.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from telemetry.ingest.batch import SAMPLE_DTYPE, SampleBatch, from_microseconds
from telemetry.quality import Quality
from telemetry.storage.reads import raw_samples
from telemetry.virtual.definitions import QUARTER_US, Definition, Input

Times = NDArray[np.int64]
Floats = NDArray[np.float64]

# the worst of its inputs is the quality of a value
_RANK = np.zeros(len(Quality), dtype=np.int64)
_ORDER = (Quality.GOOD, Quality.MANUAL, Quality.ESTIMATED, Quality.UNCERTAIN)
for _place, _quality in enumerate(_ORDER):
    _RANK[_quality] = _place
_BY_RANK = np.array([int(quality) for quality in _ORDER], dtype=np.int16)


def compute(definition: Definition, start: int, end: int) -> SampleBatch:
    """Return the rows of [start, end), µs UTC; quarterly both are whole quarters."""
    lookback = 0 if definition.is_quarterly else definition.tolerance
    channels = sorted({found.channel for found in definition.inputs})
    samples = raw_samples(
        channels,
        from_microseconds(start - lookback),
        from_microseconds(end),
        tenant_id=definition.tenant_id,
    )
    usable = ~np.isin(samples["quality"], (Quality.BAD, Quality.MISSING))
    samples = samples[usable]
    if definition.is_quarterly:
        times = np.arange(start, end, QUARTER_US, dtype=np.int64)
    else:
        times = np.unique(samples["time"][samples["time"] >= start])
    columns, ranks = {}, np.zeros(len(times), dtype=np.int64)
    has_all = np.ones(len(times), dtype=np.bool_)
    for found in definition.inputs:
        own = samples[samples["channel"] == found.channel]
        values, rank = _column(definition, found, own, times)
        columns[found.name] = values
        has_all &= ~np.isnan(values)
        ranks = np.maximum(ranks, rank)
    return _rows(definition, times, columns, ranks, has_all)


def _rows(
    definition: Definition,
    times: Times,
    columns: dict[str, Floats],
    ranks: NDArray[np.int64],
    has_all: NDArray[np.bool_],
) -> SampleBatch:
    if not len(times):
        return np.empty(0, dtype=SAMPLE_DTYPE)
    values = definition.formula.evaluate(columns)
    kept = has_all & np.isfinite(values)
    rows = np.empty(int(kept.sum()), dtype=SAMPLE_DTYPE)
    rows["channel"] = definition.channel
    rows["time"] = times[kept]
    rows["value"] = values[kept]
    rows["quality"] = _BY_RANK[ranks[kept]]
    return rows


def _column(
    definition: Definition, found: Input, own: SampleBatch, times: Times
) -> tuple[Floats, NDArray[np.int64]]:
    """Return value and rank of quality at each time; NaN where the input has none."""
    if not definition.is_quarterly:
        return _latest(own, times, definition.tolerance)
    return _by_quarter(found, own, times)


def _latest(own: SampleBatch, times: Times, tolerance: int) -> tuple[Floats, NDArray[np.int64]]:
    at = np.searchsorted(own["time"], times, side="right") - 1
    values, ranks = np.full(len(times), np.nan), np.zeros(len(times), dtype=np.int64)
    if len(own):
        is_fresh = (at >= 0) & (times - own["time"][at] <= tolerance)
        values[is_fresh] = own["value"][at[is_fresh]]
        ranks[is_fresh] = _RANK[own["quality"][at[is_fresh]]]
    return values, ranks


def _by_quarter(found: Input, own: SampleBatch, times: Times) -> tuple[Floats, NDArray[np.int64]]:
    """Average, sum or first value; samples are sorted, so the same ones give the same bits."""
    values, ranks = np.full(len(times), np.nan), np.zeros(len(times), dtype=np.int64)
    if not len(own):
        return values, ranks
    quarter = (own["time"] - times[0]) // QUARTER_US
    starts = np.flatnonzero(np.diff(quarter, prepend=-1))
    which = quarter[starts]
    if not (found.is_averaged or found.is_summed):
        values[which] = own["value"][starts]
        ranks[which] = _RANK[own["quality"][starts]]
        return values, ranks
    sums = np.add.reduceat(own["value"], starts)
    counts = np.diff(np.append(starts, len(own)))
    values[which] = sums if found.is_summed else sums / counts
    ranks[which] = np.maximum.reduceat(_RANK[own["quality"]], starts)
    return values, ranks
