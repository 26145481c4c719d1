"""The power of a connector over a session."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charging.models import Connector
from telemetry.ingest.batch import from_microseconds, to_microseconds
from telemetry.storage.reads import raw_samples, rollup_rows

COLUMNS = 240
MAX_SAMPLES = 100_000
LONGEST_RAW = dt.timedelta(days=1)
QUARTER = dt.timedelta(minutes=15)
HOLD = dt.timedelta(seconds=60)  # controllers are asked every second, meters every ten


@dataclass(frozen=True, slots=True)
class Power:
    """The mean and the largest power of a short while. `at`: its middle, UTC."""

    at: dt.datetime
    kw: float
    most_kw: float


@dataclass(frozen=True, slots=True)
class PowerCurve:
    """Stretches without gaps in [start, end); `source` is "raw", "15m" or "" for nothing."""

    start: dt.datetime
    end: dt.datetime
    source: str
    runs: tuple[tuple[Power, ...], ...]

    @property
    def points(self) -> list[Power]:
        """Return the points of all stretches."""
        return [point for run in self.runs for point in run]


def read_power(connector: Connector, *, start: dt.datetime, end: dt.datetime) -> PowerCurve | None:
    """Return the power between two moments, at most 240 points; None: nobody measures it.

    One or two queries. Quarter hours for what is longer than a day, or not kept any more.
    """
    channel_id = connector.power_channel_id
    if channel_id is None:
        return None
    step = max((end - start) / COLUMNS, dt.timedelta(seconds=1))
    if end - start <= LONGEST_RAW:
        rows = raw_samples([channel_id], start, end, MAX_SAMPLES, tenant_id=connector.tenant_id)
        rows = rows[np.isfinite(rows["value"])]
        if len(rows):
            points = list(_merged(rows["time"], rows["value"], start, step))
            return PowerCurve(start, end, "raw", tuple(_split(points, max(HOLD, 2 * step))))
    quarters = rollup_rows([channel_id], start, end, tenant_id=connector.tenant_id)
    points = list(_quarters(quarters))
    source = "15m" if points else ""
    return PowerCurve(start, end, source, tuple(_split(points, max(2 * QUARTER, 2 * step))))


def _merged(
    times: NDArray[np.int64], values: NDArray[np.float64], start: dt.datetime, step: dt.timedelta
) -> Iterator[Power]:
    width = step // dt.timedelta(microseconds=1)
    begins = np.flatnonzero(np.diff((times - to_microseconds(start)) // width, prepend=-1))
    counts = np.diff(np.append(begins, len(values)))
    middles = np.add.reduceat(times - times[0], begins) // counts + times[0]
    means = np.add.reduceat(values, begins) / counts
    highs = np.maximum.reduceat(values, begins)
    for at, mean, high in zip(middles.tolist(), means.tolist(), highs.tolist(), strict=True):
        yield Power(from_microseconds(at), mean, high)


def _quarters(rows: NDArray[np.void]) -> Iterator[Power]:
    for row in rows:
        if row["count"] and np.isfinite(row["sum"]):
            at = from_microseconds(int(row["start"])) + QUARTER / 2
            yield Power(at, float(row["sum"]) / int(row["count"]), float(row["maximum"]))


def _split(points: Sequence[Power], hold: dt.timedelta) -> Iterator[tuple[Power, ...]]:
    run: list[Power] = []
    for point in points:
        if run and point.at - run[-1].at > hold:
            yield tuple(run)
            run = []
        run.append(point)
    if run:
        yield tuple(run)
