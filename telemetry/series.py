"""Answers questions about the past of devices with columns of times, values and qualities."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from telemetry.fill import Point, fill_gaps
from telemetry.quality import QUALITY_NAMES
from telemetry.queries import (
    Bucket,
    RawSample,
    Window,
    quality_name,
    read_buckets,
    read_samples,
)
from telemetry.questions import (
    MAX_TOTAL_POINTS,
    RAW,
    Column,
    Question,
    choose_zone,
    cut_period,
    find_channels,
    find_devices,
    plan_columns,
    plan_read,
    read_period,
    refuse_length,
)
from telemetry.timespec import choose_interval

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Series:
    """Columns of equal length: times in ms since 1970, values, names of qualities."""

    device: uuid.UUID
    metric: str
    unit: str
    agg: str
    t: list[int]
    v: list[float | None]
    q: list[str]


@dataclass(frozen=True, slots=True)
class Answer:
    """The series in the order of the question.

    `is_partial`: the first or last bucket is not covered, or the period has not ended.
    """

    start: dt.datetime
    end: dt.datetime
    interval: str
    timezone: str
    series: list[Series]
    is_partial: bool


def answer_question(*, tenant_id: uuid.UUID, question: Question, now: dt.datetime) -> Answer:
    """Answer in three queries, however many series; runs in the tenant's scope.

    Raises:
        QuestionRefused: see its subclasses.
        telemetry.queries.QueryTooSlow: too many samples in the period.
        telemetry.queries.ValuesTooLarge: some cannot be added up.
    """
    devices = find_devices(question)
    channels = find_channels(question)
    zone = choose_zone(question, devices)
    start, end = read_period(question, zone, now)
    columns = plan_columns(question, channels)
    if question.interval == RAW:
        return _answer_raw(tenant_id, question, columns, start, end, zone, now)
    edges, interval = cut_period(question, start, end, zone, len(columns))
    window = Window(start, end, min(end, max(now, start)), edges)
    buckets = read_buckets(
        tenant_id=tenant_id,
        plans=[plan_read(channel, devices[channel.device_id]) for channel in channels],
        window=window,
        aggregates=list(dict.fromkeys(column.aggregate for column in columns)),
    )
    series = _assemble(columns, buckets, question.fill, window)
    is_partial = edges[0] < start or edges[-1] > end or end > now
    return Answer(start, end, interval, zone.key, series, is_partial)


def _assemble(
    columns: Sequence[Column], buckets: Sequence[Bucket], fill: str, window: Window
) -> list[Series]:
    found: dict[tuple[int, str], dict[int, Bucket]] = {}
    worst: dict[tuple[int, bool], dict[int, int]] = {}
    for bucket in buckets:
        found.setdefault((bucket.channel_id, bucket.aggregate), {})[bucket.position] = bucket
        flows = bucket.aggregate == "energy"
        for key in {(bucket.channel_id, flows), (bucket.channel_id, True)}:
            severities = worst.setdefault(key, {})
            severities[bucket.position] = max(severities.get(bucket.position, 0), bucket.severity)
    begun = sum(1 for edge in window.edges[:-1] if edge < window.until)
    series = []
    for column in columns:
        points = _points(
            column,
            found.get((column.channel.id, column.aggregate), {}),
            worst.get((column.channel.id, column.aggregate == "energy"), {}),
        )
        filled = fill_gaps(points, fill=fill, edges=window.edges, begun=begun)
        series.append(_series(column, filled, window.edges))
    return series


def _points(
    column: Column, found: Mapping[int, Bucket], severities: Mapping[int, int]
) -> dict[int, Point]:
    """Join values and qualities; a bucket with nothing but bad samples has no value."""
    points = {}
    for position, severity in severities.items():
        bucket = found.get(position)
        value = bucket.value if bucket else None
        points[position] = Point(
            None if value is None else column.conversion.apply(value), quality_name(severity)
        )
    return points


def _series(column: Column, points: dict[int, Point], edges: Sequence[dt.datetime]) -> Series:
    return Series(
        device=column.channel.device_id,
        metric=column.channel.name,
        unit=column.unit,
        agg=column.aggregate,
        t=[epoch_ms(edges[position]) for position in points],
        v=[point.value for point in points.values()],
        q=[point.quality for point in points.values()],
    )


def _answer_raw(
    tenant_id: uuid.UUID,
    question: Question,
    columns: Sequence[Column],
    start: dt.datetime,
    end: dt.datetime,
    zone: ZoneInfo,
    now: dt.datetime,
) -> Answer:
    limit = min(question.max_points, MAX_TOTAL_POINTS // len(columns))
    samples: dict[int, list[RawSample]] = {column.channel.id: [] for column in columns}
    for sample in read_samples(
        tenant_id=tenant_id, channel_ids=list(samples), start=start, end=end, limit=limit + 1
    ):
        samples[sample.channel_id].append(sample)
    if max(map(len, samples.values())) > limit:
        fitting = choose_interval(start, end, zone=zone, max_points=limit)
        raise refuse_length(limit, fitting.name if fitting else None)
    series = [_raw_series(column, samples[column.channel.id]) for column in columns]
    return Answer(start, end, RAW, zone.key, series, is_partial=end > now)


def _raw_series(column: Column, samples: Sequence[RawSample]) -> Series:
    return Series(
        device=column.channel.device_id,
        metric=column.channel.name,
        unit=column.unit,
        agg=RAW,
        t=[sample.time_ms for sample in samples],
        v=[column.conversion.apply(sample.value) for sample in samples],
        q=[QUALITY_NAMES[sample.quality] for sample in samples],
    )


def epoch_ms(moment: dt.datetime) -> int:
    """Return ms since 1970, rounded down."""
    return (moment - EPOCH) // dt.timedelta(milliseconds=1)
