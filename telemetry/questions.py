"""Questions about the past of devices: what they mean, and what has no answer."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from devices.models import Channel, Device, Kind
from devices.queries import channels_by_uuid, channels_named, devices_to_read
from energy.lib.units import Conversion, IncompatibleUnits, UnknownUnit, conversion
from telemetry.figures import ChannelPlan
from telemetry.queries import RAW
from telemetry.timespec import (
    INTERVALS,
    Interval,
    InvalidTime,
    bucket_edges,
    choose_interval,
    find_zone,
    parse_moment,
)

AGGREGATES = ("avg", "min", "max", "last", "first", "sum", "count", "delta", "energy")
# a value that was never measured cannot be added up
NOT_FILLABLE = frozenset({"sum", "count", "delta", "energy"})
NOT_OF_AMOUNTS = frozenset({"avg", "delta", "energy"})
MAX_SERIES = 100
MAX_TOTAL_POINTS = 100_000
HOLD_INTERVALS = 3
HOLD_AT_LEAST = dt.timedelta(minutes=15)
ROLLUPS_FROM_SECONDS = 900
SHORTEST_MONTH_SECONDS = 28 * 86_400


class QuestionRefused(ValueError):
    """A question without an answer; `parameter` is to blame."""

    code = "invalid_request"
    parameter = ""


class UnknownDevice(QuestionRefused):
    """The tenant has no such device."""

    code, parameter = "not_found", "device"


class UnknownMetric(QuestionRefused):
    """A device has no channel of this name."""

    code, parameter = "unknown_metric", "metric"


class UnknownChannel(QuestionRefused):
    """The tenant has no channel of this id."""

    code, parameter = "not_found", "channel"


class NothingAskedFor(QuestionRefused):
    """Neither channels nor devices with metrics are named."""

    code, parameter = "required", "metric"


class CompareNotApplicable(QuestionRefused):
    """Samples have times of their own, so nothing of another period belongs to them."""

    code, parameter = "compare_not_applicable", "compare"


class TooManySeries(QuestionRefused):
    """Devices × metrics × aggregates exceed the limit."""

    code, parameter = "too_many_series", "metric"


class InvalidPeriod(QuestionRefused):
    """A time cannot be read, or the end is not after the start."""

    code, parameter = "invalid_period", "from"


class TimezoneRequired(QuestionRefused):
    """The devices stand in sites of different zones, so a day means different things."""

    code, parameter = "timezone_required", "tz"


class AggregateNotApplicable(QuestionRefused):
    """The aggregate has no meaning for the channel or the interval."""

    code, parameter = "aggregate_not_applicable", "agg"


class FillNotApplicable(QuestionRefused):
    """Filling would invent energy, or there are no buckets to fill."""

    code, parameter = "fill_not_applicable", "fill"


class UnitNotConvertible(QuestionRefused):
    """The channel measures something else."""

    code, parameter = "unit_not_convertible", "unit"


class TooManyPoints(QuestionRefused):
    """The answer would be too long; a wider interval is suggested if one fits."""

    code, parameter = "too_many_points", "interval"

    def __init__(self, detail: str, suggested_interval: str | None) -> None:
        super().__init__(detail)
        self.suggested_interval = suggested_interval


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody wants to know. Texts are checked here; names stand for themselves.

    Asked for are the metrics of each device, and channels by their ids.
    `aggregates` empty: the mean, the sum of amounts of intervals, or the samples as they are
    for the raw interval.
    `timezone` blank: the zone of the devices' site. `unit` blank: as stored.
    """

    device_ids: Sequence[uuid.UUID]
    metrics: Sequence[str]
    start: str
    end: str
    interval: str = "auto"
    aggregates: Sequence[str] = ()
    timezone: str = ""
    fill: str = "none"
    unit: str = ""
    max_points: int = 2000
    channel_ids: Sequence[uuid.UUID] = ()
    compare: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """One series to be: a channel, an aggregate and how its values become the unit."""

    channel: Channel
    aggregate: str
    unit: str
    conversion: Conversion


def find_channels(question: Question) -> tuple[list[Channel], dict[uuid.UUID, Device]]:
    """Return the channels in the order asked, each once, and their devices."""
    _check_names(question)
    chosen = channels_by_uuid(question.channel_ids) if question.channel_ids else {}
    if absent := [id_ for id_ in question.channel_ids if id_ not in chosen]:
        raise UnknownChannel(f"There is no channel {absent[0]}.")
    devices = devices_to_read(
        {*question.device_ids, *(channel.device_id for channel in chosen.values())}
    )
    if missing := [id_ for id_ in question.device_ids if id_ not in devices]:
        raise UnknownDevice(f"There is no device {missing[0]}.")
    channels = [chosen[id_] for id_ in question.channel_ids] + _find_named(question)
    return list({channel.id: channel for channel in channels}.values()), devices


def _check_names(question: Question) -> None:
    if bool(question.device_ids) != bool(question.metrics) or not (
        question.device_ids or question.channel_ids
    ):
        raise NothingAskedFor("Name devices and metrics, or channels.")
    pairs = len(question.device_ids) * len(question.metrics) + len(question.channel_ids)
    count = pairs * max(len(question.aggregates), 1)
    if count > MAX_SERIES:
        raise TooManySeries(f"{count} series asked for, at most {MAX_SERIES} at once.")


def _find_named(question: Question) -> list[Channel]:
    if not question.device_ids:
        return []
    found = channels_named(question.device_ids, question.metrics)
    wanted = [(id_, name) for id_ in question.device_ids for name in question.metrics]
    if missing := [pair for pair in wanted if pair not in found]:
        id_, name = missing[0]
        raise UnknownMetric(f"Device {id_} has no metric {name!r}.")
    return [found[pair] for pair in wanted]


def choose_zone(question: Question, devices: dict[uuid.UUID, Device]) -> ZoneInfo:
    names = {question.timezone} if question.timezone else {
        device.site.timezone for device in devices.values()
    }  # fmt: skip
    if len(names) > 1:
        raise TimezoneRequired(f"The sites are in {', '.join(sorted(names))}: give one as tz.")
    try:
        return find_zone(names.pop())
    except InvalidTime as error:
        raise _refuse(error, "tz") from error


def read_period(
    question: Question, zone: ZoneInfo, now: dt.datetime
) -> tuple[dt.datetime, dt.datetime]:
    try:
        start = parse_moment(question.start, now=now, zone=zone)
    except InvalidTime as error:
        raise _refuse(error, "from") from error
    try:
        end = parse_moment(question.end, now=now, zone=zone, round_up=True)
    except InvalidTime as error:
        raise _refuse(error, "to") from error
    if end <= start:
        raise InvalidPeriod(f"The period ends at {end:%Y-%m-%dT%H:%M:%SZ}, not after its start.")
    return start, end


def _refuse(error: InvalidTime, parameter: str) -> InvalidPeriod:
    refusal = InvalidPeriod(str(error))
    refusal.code = error.code
    refusal.parameter = parameter
    return refusal


def plan_columns(question: Question, channels: Sequence[Channel]) -> list[Column]:
    if question.interval == RAW:
        if question.aggregates:
            raise AggregateNotApplicable("Raw samples are not aggregated: leave agg out.")
        if question.fill != "none":
            raise FillNotApplicable("Raw samples have no gaps to fill: leave fill out.")
        if question.compare:
            raise CompareNotApplicable("Raw samples are not compared: take an interval.")
    columns = [
        _plan_column(channel, aggregate, question.unit)
        for channel in channels
        for aggregate in question.aggregates or (_usual(channel, question.interval),)
    ]
    unfit = [column.aggregate for column in columns if column.aggregate in NOT_FILLABLE]
    if unfit and question.fill in {"previous", "linear"}:
        raise FillNotApplicable(f"{unfit[0]} cannot be filled with {question.fill} values.")
    return columns


def _usual(channel: Channel, interval: str) -> str:
    if interval == RAW:
        return RAW
    return "sum" if channel.kind == Kind.INTERVAL else "avg"


def _plan_column(channel: Channel, aggregate: str, unit: str) -> Column:
    if aggregate == "count":
        return Column(channel, aggregate, "", Conversion(1.0, 0.0))
    if aggregate in NOT_OF_AMOUNTS and channel.kind == Kind.INTERVAL:
        raise AggregateNotApplicable(
            f"{channel.name} has amounts of intervals, which are added up: take sum."
        )
    stored, factor = channel.unit, 1.0
    if aggregate == "energy":
        stored, factor = "kWh", _kilowatts(channel)
    if not unit or unit == stored:
        return Column(channel, aggregate, stored, Conversion(factor, 0.0))
    try:
        wanted = conversion(stored, unit)
    except (UnknownUnit, IncompatibleUnits) as error:
        raise UnitNotConvertible(f"{channel.name}: {error}") from error
    if wanted.offset and aggregate == "sum":
        raise UnitNotConvertible(f"A sum in {stored} has no meaning in {unit}.")
    offset = 0.0 if aggregate == "delta" else wanted.offset
    return Column(channel, aggregate, unit, Conversion(wanted.factor * factor, offset))


def _kilowatts(channel: Channel) -> float:
    try:
        return conversion(channel.unit, "kW").factor
    except (UnknownUnit, IncompatibleUnits) as error:
        raise AggregateNotApplicable(
            f"{channel.name} is no power, so it has no energy; take delta for a counter."
        ) from error


def plan_read(channel: Channel, device: Device) -> ChannelPlan:
    expected = dt.timedelta(seconds=expected_seconds(channel, device))
    return ChannelPlan(
        channel_id=channel.id,
        hold=max(HOLD_INTERVALS * expected, HOLD_AT_LEAST),
        may_reset=channel.kind == Kind.COUNTER,
        expected=max(expected, dt.timedelta(seconds=1)),
    )


def expected_seconds(channel: Channel, device: Device) -> int:
    """Return the distance of a channel's samples."""
    return channel.expected_interval_seconds or device.profile.expected_interval_seconds


def length_of_amounts(channels: Sequence[Channel], devices: Mapping[uuid.UUID, Device]) -> int:
    """Return the longest interval, in seconds, that amounts among the channels are of, or 0.

    At most a short month: amounts of longer ones are shown by the month.
    """
    found = [
        expected_seconds(channel, devices[channel.device_id])
        for channel in channels
        if channel.kind == Kind.INTERVAL
    ]
    return min(max(found, default=0), SHORTEST_MONTH_SECONDS)


def cut_period(
    question: Question,
    start: dt.datetime,
    end: dt.datetime,
    zone: ZoneInfo,
    *,
    columns: int,
    at_least: int,
) -> tuple[list[dt.datetime], Interval]:
    """Return the edges of the buckets and their interval.

    Args: at_least: the seconds of the narrowest interval that auto may take.
    """
    limit = min(question.max_points, MAX_TOTAL_POINTS // columns)

    def fitting() -> Interval | None:
        return choose_interval(start, end, zone=zone, max_points=limit, at_least=at_least)

    interval = fitting() if question.interval == "auto" else INTERVALS[question.interval]
    if interval is not None:
        edges = bucket_edges(start, end, interval=interval, zone=zone, limit=limit)
        if edges[-1] >= end:
            return edges, interval
    suggested = fitting()
    raise refuse_length(limit, suggested.name if suggested else None)


def refuse_length(limit: int, suggested: str | None) -> TooManyPoints:
    hint = f"take interval={suggested}" if suggested else "take a shorter period"
    return TooManyPoints(f"More than {limit} points in a series: {hint}.", suggested)
