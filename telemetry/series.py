"""Answers questions about the past of devices with columns of times, values and qualities."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from devices.models import Device
from telemetry.comparison import align, choose_shift, earlier
from telemetry.figures import Cells, ChannelPlan, Window
from telemetry.fill import Point, fill_gaps
from telemetry.ingest.batch import SampleBatch
from telemetry.quality import QUALITY_NAMES
from telemetry.queries import RAW, read_buckets, read_samples, samples_are_kept
from telemetry.questions import (
    MAX_TOTAL_POINTS,
    ROLLUPS_FROM_SECONDS,
    Column,
    Question,
    choose_zone,
    cut_period,
    find_channels,
    length_of_amounts,
    plan_columns,
    plan_read,
    read_period,
    refuse_length,
)
from telemetry.rows import TRUST, convert
from telemetry.sources import choose_source
from telemetry.timespec import Interval, bucket_edges, choose_interval

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_QUALITY_OF_SEVERITY = np.array([quality.label for quality in TRUST], dtype=object)
_QUALITY_OF_NUMBER = np.array([QUALITY_NAMES[n] for n in sorted(QUALITY_NAMES)], dtype=object)


@dataclass(frozen=True, slots=True)
class Series:
    """Columns of equal length: times in ms since 1970, values, names of qualities.

    `channel` is the channel's public id. `c`: completeness, the share of the samples to be
    expected in a bucket that came and are usable, at most 1; empty where not asked for.
    """

    device: uuid.UUID
    metric: str
    unit: str
    agg: str
    t: list[int]
    v: list[float | None]
    q: list[str]
    channel: uuid.UUID
    c: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same series in an earlier period; their times are moved into the asked one."""

    kind: str
    start: dt.datetime
    end: dt.datetime
    series: list[Series]


@dataclass(frozen=True, slots=True)
class Answer:
    """The series in the order of the question.

    `is_partial`: the first or last bucket is not covered, or the period has not ended.
    `source`: the widest table that was read.
    """

    start: dt.datetime
    end: dt.datetime
    interval: str
    timezone: str
    source: str
    series: list[Series]
    is_partial: bool
    comparison: Comparison | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What stays the same for the asked period and the compared one."""

    tenant_id: uuid.UUID
    columns: Sequence[Column]
    plans: Sequence[ChannelPlan]
    zone: ZoneInfo
    interval: Interval
    kept: dt.timedelta
    now: dt.datetime
    fill: str


def answer_question(
    *, tenant_id: uuid.UUID, question: Question, now: dt.datetime, longest: dt.timedelta
) -> Answer:
    """Answer in about ten queries, however many series; runs in the tenant's scope.

    Args: longest: how long the installation keeps samples.

    Raises:
        QuestionRefused: see its subclasses.
        telemetry.queries.QueryTooSlow: too many samples in the period.
        telemetry.figures.ValuesTooLarge: some cannot be added up.
    """
    channels, devices = find_channels(question)
    zone = choose_zone(question, devices)
    start, end = read_period(question, zone, now)
    columns = plan_columns(question, channels)
    if question.interval == RAW:
        return _answer_raw(tenant_id, question, columns, start, end, zone, now)
    kept = samples_are_kept(tenant_id, longest=longest)
    # of the beginning there may be no sample any more, and amounts are not cut in pieces
    at_least = max(
        ROLLUPS_FROM_SECONDS if start < now - kept else 0, length_of_amounts(channels, devices)
    )
    edges, interval = cut_period(
        question, start, end, zone, columns=len(columns), at_least=at_least
    )
    reading = Reading(
        tenant_id, columns, _plans(columns, devices), zone, interval, kept, now, question.fill
    )
    window = Window(start, end, min(end, max(now, start)), edges)
    series, source = _read(reading, window)
    return Answer(
        start, end, interval.name, zone.key, source, series,
        is_partial=edges[0] < start or edges[-1] > end or end > now,
        comparison=_compare(reading, window, question.compare) if question.compare else None,
    )  # fmt: skip


def _plans(columns: Sequence[Column], devices: Mapping[uuid.UUID, Device]) -> list[ChannelPlan]:
    channels = {column.channel.id: column.channel for column in columns}
    return [plan_read(channel, devices[channel.device_id]) for channel in channels.values()]


def _read(reading: Reading, window: Window) -> tuple[list[Series], str]:
    aggregates = list(dict.fromkeys(column.aggregate for column in reading.columns))
    source = choose_source(
        reading.plans, window, interval=reading.interval, zone=reading.zone, kept=reading.kept,
        now=reading.now, aggregates=aggregates,
    )  # fmt: skip
    cells = read_buckets(
        tenant_id=reading.tenant_id, plans=reading.plans, window=window, source=source,
        aggregates=aggregates,
    )  # fmt: skip
    expected = {plan.channel_id: plan.expected for plan in reading.plans}
    # edges are whole seconds, so the floats are exact
    times = (np.array([edge.timestamp() for edge in window.edges]) * 1000).astype(np.int64)
    series = [
        _series(
            column, cells[column.channel.id, column.aggregate], window, times, reading.fill,
            expected[column.channel.id],
        )
        for column in reading.columns
    ]  # fmt: skip
    return series, source.name


def _series(
    column: Column,
    cells: Cells,
    window: Window,
    times: NDArray[np.int64],
    fill: str,
    expected: dt.timedelta,
) -> Series:
    """Return the column of a channel; `times` are the edges in epoch ms."""
    positions, numbers = cells.positions, _numbers(convert(column.conversion, cells.values))
    qualities = _QUALITY_OF_SEVERITY[cells.severity].tolist()
    counts = np.zeros(len(times), dtype=np.int64)
    counts[positions] = cells.counts
    if fill != "none":
        known = {
            position: Point(value, quality)
            for position, value, quality in zip(positions.tolist(), numbers, qualities, strict=True)
        }
        begun = sum(1 for edge in window.edges[:-1] if edge < window.until)
        filled = fill_gaps(known, fill=fill, edges=window.edges, begun=begun)
        positions = np.array(list(filled), dtype=np.int64)
        numbers = [point.value for point in filled.values()]
        qualities = [point.quality for point in filled.values()]
    return Series(
        device=column.channel.device_id,
        metric=column.channel.name,
        unit=column.unit,
        agg=column.aggregate,
        t=times[positions].tolist(),
        v=numbers,
        q=qualities,
        channel=column.channel.uuid,
        c=_completeness(window, times, positions, counts, expected),
    )


def _completeness(
    window: Window,
    times: NDArray[np.int64],
    positions: NDArray[np.int64],
    counts: NDArray[np.int64],
    expected: dt.timedelta,
) -> list[float]:
    begins = np.maximum(times[positions], epoch_ms(window.start))
    ends = np.minimum(times[positions + 1], epoch_ms(window.until))
    wanted = np.maximum(ends - begins, 0) / (expected / dt.timedelta(milliseconds=1))
    share = np.divide(counts[positions], wanted, out=np.zeros(len(positions)), where=wanted > 0)
    found: list[float] = np.round(np.minimum(share, 1.0), 4).tolist()
    return found


def _numbers(values: np.ndarray) -> list[float | None]:
    """Return numbers for JSON: what is none becomes None."""
    numbers: list[float | None] = values.tolist()
    if np.isfinite(values).all():
        return numbers
    return [number if finite else None for number, finite in
            zip(numbers, np.isfinite(values).tolist(), strict=True)]  # fmt: skip


def _compare(reading: Reading, window: Window, kind: str) -> Comparison:
    """Read the earlier period; its buckets get the times of those they are compared with."""
    zone = reading.zone
    shift = choose_shift(kind, window.start, window.end, zone)
    start, end = (earlier(moment, shift, zone) for moment in (window.start, window.end))
    edges = bucket_edges(
        start, end, interval=reading.interval, zone=zone, limit=len(window.edges) + 50
    )
    series, _ = _read(reading, Window(start, end, min(end, max(reading.now, start)), edges))
    places: Sequence[dt.datetime | None]
    if reading.interval.months or reading.interval.days > 1:
        # weeks and months follow each other; their first days do not lie a year apart
        places = [*window.edges[:-1], *[None] * len(edges)][: len(edges) - 1]
    else:
        places = align(edges[:-1], shift, zone)
    times = {
        epoch_ms(edge): epoch_ms(place)
        for edge, place in zip(edges[:-1], places, strict=True)
        if place is not None
    }
    return Comparison(kind, start, end, [_move(one, times) for one in series])


def _move(series: Series, times: Mapping[int, int]) -> Series:
    kept = [place for place, time in enumerate(series.t) if time in times]
    return Series(
        series.device, series.metric, series.unit, series.agg,
        [times[series.t[place]] for place in kept], [series.v[place] for place in kept],
        [series.q[place] for place in kept], series.channel, [series.c[place] for place in kept],
    )  # fmt: skip


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
    samples = read_samples(
        tenant_id=tenant_id, channel_ids=[column.channel.id for column in columns],
        start=start, end=end, limit=limit + 1,
    )  # fmt: skip
    series = [raw_series(column, samples) for column in columns]
    if max(len(one.t) for one in series) > limit:
        fitting = choose_interval(start, end, zone=zone, max_points=limit)
        raise refuse_length(limit, fitting.name if fitting else None)
    return Answer(start, end, RAW, zone.key, RAW, series, is_partial=end > now)


def raw_series(column: Column, samples: SampleBatch) -> Series:
    """Return the samples of the column's channel as they are; `samples` is sorted."""
    first, last = np.searchsorted(
        samples["channel"], [column.channel.id, column.channel.id + 1]
    ).tolist()
    own = samples[first:last]
    return Series(
        device=column.channel.device_id,
        metric=column.channel.name,
        unit=column.unit,
        agg=RAW,
        t=(own["time"] // 1000).tolist(),
        v=_numbers(convert(column.conversion, own["value"])),
        q=_QUALITY_OF_NUMBER[own["quality"]].tolist(),
        channel=column.channel.uuid,
    )


MEMBERS = ("device", "metric", "channel", "unit", "agg", "t", "v", "q")


def as_members(series: Series) -> dict[str, Any]:
    """Return the columns by name, without the completeness."""
    return {name: getattr(series, name) for name in MEMBERS}


def epoch_ms(moment: dt.datetime) -> int:
    """Return ms since 1970, rounded down."""
    return (moment - EPOCH) // dt.timedelta(milliseconds=1)
