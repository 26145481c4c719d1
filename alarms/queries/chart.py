"""What a channel measured around the beginning of an alarm."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alarms.models import Alarm
from telemetry.ingest.batch import from_microseconds, to_microseconds
from telemetry.storage.reads import raw_samples, rollup_rows

AROUND = dt.timedelta(hours=1)
AFTER_END = dt.timedelta(minutes=15)
LONGEST = dt.timedelta(hours=6)  # after the beginning, so that short alarms are seen to end
MAX_SAMPLES = 50_000
COLUMNS = 240
QUARTER = dt.timedelta(minutes=15)
HOLD_INTERVALS = 3
# of these the limit is none of the values that the channel measures
_DERIVED = frozenset({"rate", "last_week", "no_data"})


@dataclass(frozen=True, slots=True)
class Point:
    """The samples of a moment or of a short while, in the channel's unit. `at`: UTC."""

    at: dt.datetime
    low: float
    high: float
    mean: float


@dataclass(frozen=True, slots=True)
class AlarmChart:
    """Stretches without gaps within [start, end), and what the alarm was about.

    source: "raw", "15m" where single samples are not kept any more, "" where nothing is.
    limit: None where it is not one of the channel's values. ended_at: None if later than
    `end`. decimals: digits of the device.
    """

    start: dt.datetime
    end: dt.datetime
    name: str
    label: str
    unit: str
    decimals: int
    source: str
    runs: Sequence[Sequence[Point]]
    limit: float | None
    value: float | None
    raised_at: dt.datetime
    ended_at: dt.datetime | None

    @property
    def points(self) -> list[Point]:
        """Return the points of all stretches."""
        return [point for run in self.runs for point in run]


def read_chart(alarm: Alarm, *, now: dt.datetime) -> AlarmChart | None:
    """Return an hour before and after an alarm began; None if it is about no channel.

    Longer where it ended later, up to six hours. At most 240 points. Three queries, and one
    more where samples are not kept any more.
    """
    channel = alarm.channel
    if channel is None:
        return None
    start, end = alarm.raised_at - AROUND, _end(alarm)
    source, points, step = _points(alarm, start, end)
    interval = alarm.device.profile.expected_interval_seconds if alarm.device else 0
    hold = max(HOLD_INTERVALS * interval, 2 * step.total_seconds())
    is_derived = _kind(alarm) in _DERIVED or alarm.unit not in {"", channel.unit}
    ended = alarm.cleared_at
    return AlarmChart(
        start=start, end=end, name=channel.name, label=channel.label, unit=channel.unit,
        decimals=channel.decimals, source=source if points else "",
        runs=tuple(_split(points, hold)),
        limit=None if is_derived else alarm.limit,
        value=None if is_derived else alarm.value,
        raised_at=alarm.raised_at,
        ended_at=ended if ended is not None and ended < end else None,
    )  # fmt: skip


def _end(alarm: Alarm) -> dt.datetime:
    end = alarm.raised_at + AROUND
    if alarm.cleared_at is not None and alarm.cleared_at <= alarm.raised_at + LONGEST:
        return max(end, alarm.cleared_at + AFTER_END)
    return end


def _kind(alarm: Alarm) -> str:
    definition = alarm.version.definition if alarm.version else {}
    return str(definition.get("when", {}).get("kind", ""))


def _points(
    alarm: Alarm, start: dt.datetime, end: dt.datetime
) -> tuple[str, list[Point], dt.timedelta]:
    ids = [alarm.channel_id] if alarm.channel_id is not None else []
    step = (end - start) / COLUMNS
    rows = raw_samples(ids, start, end, MAX_SAMPLES, tenant_id=alarm.tenant_id)
    rows = rows[np.isfinite(rows["value"])]
    if len(rows) > COLUMNS:
        return "raw", list(_merged(rows["time"], rows["value"], start, step)), step
    if len(rows):
        return "raw", list(_plain(rows["time"], rows["value"])), step
    quarters = rollup_rows(ids, start, end, tenant_id=alarm.tenant_id)
    return "15m", list(_quarters(quarters)), QUARTER


def _plain(times: NDArray[np.int64], values: NDArray[np.float64]) -> Iterator[Point]:
    for time, value in zip(times.tolist(), values.tolist(), strict=True):
        yield Point(from_microseconds(time), value, value, value)


def _merged(
    times: NDArray[np.int64], values: NDArray[np.float64], start: dt.datetime, step: dt.timedelta
) -> Iterator[Point]:
    first, width = to_microseconds(start), step // dt.timedelta(microseconds=1)
    places = (times - first) // width
    begins = np.flatnonzero(np.diff(places, prepend=-1))
    lows, highs = np.minimum.reduceat(values, begins), np.maximum.reduceat(values, begins)
    counts = np.diff(np.append(begins, len(values)))
    means = np.add.reduceat(values, begins) / counts
    middles = first + places[begins] * width + width // 2
    for columns in zip(*(a.tolist() for a in (middles, lows, highs, means)), strict=True):
        yield Point(from_microseconds(columns[0]), *columns[1:])


def _quarters(rows: NDArray[np.void]) -> Iterator[Point]:
    for row in rows:
        if row["count"] and np.isfinite(row["sum"]):
            at = from_microseconds(int(row["start"])) + QUARTER / 2
            mean = float(row["sum"]) / int(row["count"])
            yield Point(at, float(row["minimum"]), float(row["maximum"]), mean)


def _split(points: Sequence[Point], hold_seconds: float) -> Iterator[list[Point]]:
    run: list[Point] = []
    for point in points:
        if run and (point.at - run[-1].at).total_seconds() > hold_seconds:
            yield run
            run = []
        run.append(point)
    if run:
        yield run
