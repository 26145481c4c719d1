"""Usable samples as columns, one by one or in rollups: what figures are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from energy.lib.units import Conversion
from telemetry.ingest.batch import SampleBatch
from telemetry.quality import Quality
from telemetry.storage.batches import DayBatch, RollupBatch

UNUSABLE = (Quality.BAD, Quality.MISSING)
# from most to least trusted: the later is the worse
TRUST = (
    Quality.GOOD, Quality.MANUAL, Quality.ESTIMATED,
    Quality.UNCERTAIN, Quality.BAD, Quality.MISSING,
)  # fmt: skip
SEVERITIES = np.array([TRUST.index(quality) for quality in sorted(Quality)], dtype=np.int8)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rollups sorted by channel and time; a sample is a rollup of one.

    Times in µs since 1970. `severity`: the place in `TRUST` of the worst quality in the row;
    a rollup whose values are not all good counts as uncertain.
    """

    channel: Ints
    count: Ints
    sum: Floats
    minimum: Floats
    maximum: Floats
    first: Floats
    last: Floats
    first_time: Ints
    last_time: Ints
    severity: Ints

    def __len__(self) -> int:
        return len(self.channel)

    def take(self, which: Any) -> Rows:
        """Return those of a mask, a slice or indexes."""
        return Rows(*(getattr(self, field.name)[which] for field in fields(self)))


def from_samples(samples: SampleBatch) -> Rows:
    """Return a row for each usable sample."""
    usable = samples[~np.isin(samples["quality"], UNUSABLE)]
    value, time = usable["value"], usable["time"]
    return Rows(
        usable["channel"].astype(np.int64), np.ones(len(usable), np.int64), value, value, value,
        value, value, time, time, SEVERITIES[usable["quality"]].astype(np.int64),
    )  # fmt: skip


def from_rollups(rollups: RollupBatch | DayBatch) -> Rows:
    """Return a row for each rollup; what was not read of it is NaN, its times are its start."""
    worst = np.where(
        rollups["good"] == rollups["count"],
        TRUST.index(Quality.GOOD), TRUST.index(Quality.UNCERTAIN),
    )  # fmt: skip
    absent = np.broadcast_to(np.nan, len(rollups))
    known = set(rollups.dtype.names or ())

    def column(name: str, otherwise: NDArray[Any] = absent) -> NDArray[Any]:
        return rollups[name] if name in known else otherwise

    first_time = column("first_time", rollups["start"] if "start" in known else absent)
    return Rows(
        rollups["channel"].astype(np.int64), rollups["count"].astype(np.int64), column("sum"),
        column("minimum"), column("maximum"), column("first"), column("last"),
        first_time, column("last_time", first_time), worst,
    )  # fmt: skip


def join_rows(parts: Sequence[Rows]) -> Rows:
    """Return all rows, sorted by channel and time."""
    if len(parts) == 1:
        return parts[0]
    joined = Rows(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Rows))
    )
    return joined.take(np.lexsort((joined.first_time, joined.channel)))


def convert(conversion: Conversion, values: Floats) -> Floats:
    """Convert many values, each as `Conversion.apply` does; too large ones become infinite."""
    with np.errstate(over="ignore"):
        inverse = round(1 / conversion.factor)
        if abs(inverse * conversion.factor - 1) < 1e-12:
            return values / inverse + conversion.offset
        return values * conversion.factor + conversion.offset
