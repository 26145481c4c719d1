"""Takes readings of a request: judged as the worker will judge them, then made durable.

What can be known before the answer is said in the answer: names, times, numbers, units and
their bounds, channels, values that are stored already. What is accepted is in the append-only
file of the durable Redis when this returns.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from energy.lib import metrics
from telemetry.doors.given import DeviceName, Given, GivenReading, Refused
from telemetry.doors.names import Target, find_targets
from telemetry.doors.stored import find_stored
from telemetry.ingest.assemble import Assembled, Columns, assemble, conflict
from telemetry.ingest.batch import from_microseconds
from telemetry.ingest.buffer import IngestBuffer
from telemetry.ingest.clocks import MessageClock
from telemetry.ingest.decode import MAX_METRIC_LENGTH
from telemetry.ingest.directory import Directory
from telemetry.ingest.envelope import Envelope
from telemetry.ingest.source import Source
from telemetry.ingest.times import TimeError
from telemetry.ingest.topics import door_topic
from telemetry.quality import Quality

ENVELOPES_AN_ENTRY = 500
MAX_VALUES_AN_ENVELOPE = 70  # whatever their names, within the 64 KiB of a message
_BIGGEST = 1.7e308


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of the values of a request; every value is in one of the three.

    A refused item or line without a metric stands for all its values.
    """

    accepted: int
    duplicates: int
    refused: list[Refused]


@dataclass(slots=True)
class _Value:
    reading: GivenReading
    metric: str
    number: float
    time: int
    quality: Quality
    source: Source


@dataclass(slots=True)
class _Judge:
    """Collects the usable values of a request, and why the others are not."""

    received_at: int
    directory: Directory
    refused: list[Refused]
    values: list[_Value] = field(default_factory=list)

    def refuse(self, reading: GivenReading, code: str, detail: str, metric: str = "") -> None:
        self.refused.append(Refused(reading.index, code, detail, metric))

    def add(self, reading: GivenReading, source: Source, clock: MessageClock) -> None:
        try:
            time, is_own_time = clock.settle(reading.raw_time, source.clock_policy)
        except (TimeError, OverflowError, ValueError) as error:
            self.refuse(reading, getattr(error, "code", "bad_time"), str(error))
            return
        if source.error is not None:
            self.refuse(reading, *source.error)
            return
        quality = Quality.GOOD if is_own_time else Quality.UNCERTAIN
        for metric, value in reading.values.items():
            problem = _problem(metric, value)
            if problem:
                self.refuse(reading, *problem, metric=str(metric)[:MAX_METRIC_LENGTH])
            else:
                self.values.append(_Value(reading, metric, float(value), time, quality, source))

    def find_channels(self) -> None:
        """Make channels of new metrics; drop the values of those that get none."""
        missing: dict[int, tuple[Source, dict[str, None]]] = {}
        for value in self.values:
            if value.metric not in value.source.slots:
                _, metrics_ = missing.setdefault(id(value.source), (value.source, {}))
                metrics_[value.metric] = None
        for source, names in missing.values():
            self.directory.add_metrics(source, list(names))
        kept = []
        for value in self.values:
            if value.metric in value.source.slots:
                kept.append(value)
            else:
                reason = value.source.refused.get(value.metric, ("unknown_metric", value.metric))
                self.refuse(value.reading, *reason, metric=value.metric)
        self.values = kept


def accept_readings(
    given: Given,
    *,
    own_device: uuid.UUID | None,
    received_at: int,
    buffer: IngestBuffer | None = None,
) -> Receipt:
    """Judge the readings of a request and make the good ones durable.

    In the scope of the caller, which limits the devices. `duplicates` are values with the key
    (device, metric, time) that another value of the request has, or that is stored at this
    moment, with the same number; another number for such a key is refused.

    Args: own_device: whom readings belong to that name nobody. received_at: µs UTC.

    Raises: BufferFull, BufferUnavailable: nothing may be taken as accepted; sending all of it
    again is harmless.
    """
    judge = _Judge(received_at, Directory(), list(given.refused))
    _judge_readings(judge, given.readings, own_device)
    judge.find_channels()
    assembled = _assemble(judge)
    duplicates = len(judge.values) - len(assembled.rows) - len(assembled.refused)
    for index, code, detail in assembled.refused:
        value = judge.values[index]
        judge.refuse(value.reading, code, detail, value.metric)
    fresh, known = _split_stored(judge, assembled)
    accepted = [judge.values[int(index)] for index in fresh]
    append(_envelopes(accepted, received_at), buffer=buffer)
    metrics.MESSAGES_RECEIVED.labels("http").inc(len(given.readings))
    judge.refused.sort(key=lambda found: found.index)
    return Receipt(len(accepted), duplicates + known, judge.refused)


def append(envelopes: Sequence[Envelope], *, buffer: IngestBuffer | None = None) -> None:
    """Make messages durable, in entries that workers can take at once.

    Raises: BufferFull, BufferUnavailable.
    """
    target = buffer or IngestBuffer()
    for start in range(0, len(envelopes), ENVELOPES_AN_ENTRY):
        target.append(list(envelopes[start : start + ENVELOPES_AN_ENTRY]))


def _judge_readings(
    judge: _Judge, readings: Sequence[GivenReading], own_device: uuid.UUID | None
) -> None:
    own = DeviceName(id=own_device) if own_device else None
    names = [reading.device or own for reading in readings]
    targets = find_targets({name for name in names if name})
    sources = _load_sources(judge, targets.values())
    clocks = _clocks_of(zip(readings, names, strict=True), judge.received_at)
    for reading, name in zip(readings, names, strict=True):
        if name is None:
            judge.refuse(reading, "unknown_device", "Name a device, or use the key of a device.")
        elif (error := targets[name].error) is not None:
            judge.refuse(reading, *error)
        elif own_device and targets[name].device_id != own_device:
            judge.refuse(reading, "unexpected_device", "The key is for another device.")
        else:
            judge.add(reading, sources[targets[name].device_id], clocks[name])


def _clocks_of(
    named: Iterable[tuple[GivenReading, DeviceName | None]], received_at: int
) -> dict[DeviceName | None, MessageClock]:
    """Return the clock of each device, which sent all its readings of the request at once."""
    times: dict[DeviceName | None, list[Any]] = {}
    for reading, name in named:
        times.setdefault(name, []).append(reading.raw_time)
    return {
        name: MessageClock(raw_times, received_at=received_at, is_retained=False)
        for name, raw_times in times.items()
    }


def _load_sources(judge: _Judge, targets: Iterable[Target]) -> dict[uuid.UUID | None, Source]:
    topics = {
        target.device_id: door_topic(target.tenant_id, target.device_id)
        for target in targets
        if target.device_id and target.tenant_id
    }
    clock = judge.received_at / 1_000_000
    judge.directory.load(topics.values(), clock=clock)
    found: dict[uuid.UUID | None, Source] = {}
    for device_id, topic in topics.items():
        found[device_id] = judge.directory.find(topic, clock=clock) or Source(
            error=("unknown_device", "The device was deleted.")
        )
    return found


def _problem(metric: Any, value: Any) -> tuple[str, str] | None:
    if not isinstance(metric, str) or not metric.strip() or len(metric) > MAX_METRIC_LENGTH:
        return "bad_metric", f"{str(metric)[:40]!r} is no name of a metric."
    if not metric.isprintable():
        return "bad_metric", f"{metric[:40]!r} holds characters that cannot be printed."
    if value is None:
        return "null_value", f"{metric} is null."
    if not isinstance(value, int | float):
        return "not_a_number", f"{metric} is {type(value).__name__} {str(value)[:40]!r}, no number."
    if isinstance(value, int) and abs(value) > _BIGGEST:
        return "out_of_range", "The number is no measurement."
    if not math.isfinite(value):
        return "not_finite", f"{metric} is {value}."
    return None


def _assemble(judge: _Judge) -> Assembled:
    """Scale and check; the message of a row is the position of its value."""
    columns = Columns()
    for position, value in enumerate(judge.values):
        slot = value.source.slots[value.metric]
        columns.add(position, value.time, [slot], [value.number], value.quality)
    return assemble(columns, judge.directory.table)


def _split_stored(judge: _Judge, assembled: Assembled) -> tuple[NDArray[np.int64], int]:
    """Return the positions of values that are not stored yet, and how many are.

    Those that are stored with another number are refused.
    """
    stored = find_stored(assembled.rows, now=from_microseconds(judge.received_at))
    differs = stored.is_stored & (stored.values != assembled.rows["value"])
    for at in np.flatnonzero(differs):
        value = judge.values[int(assembled.messages[at])]
        judge.refuse(value.reading, "conflicting_value", conflict(assembled.rows[at]), value.metric)
    fresh = np.sort(assembled.messages[~stored.is_stored])
    return fresh, int(stored.is_stored.sum() - differs.sum())


def _envelopes(values: Sequence[_Value], received_at: int) -> list[Envelope]:
    """Return one message for each device and instant, of at most seventy values."""
    messages: dict[tuple[uuid.UUID, int, Quality, int], dict[str, float]] = {}
    tenants: dict[uuid.UUID, uuid.UUID] = {}
    counts: dict[tuple[uuid.UUID, int], int] = {}
    for value in values:
        device_id, tenant_id = value.source.device_id, value.source.tenant_id
        if device_id is None or tenant_id is None:
            continue
        tenants[device_id] = tenant_id
        count = counts.get((device_id, value.time), 0)
        counts[device_id, value.time] = count + 1
        key = device_id, value.time, value.quality, count // MAX_VALUES_AN_ENVELOPE
        messages.setdefault(key, {})[value.metric] = value.number
    return [
        Envelope(
            "http",
            door_topic(tenants[device_id], device_id),
            msgspec.json.encode({"ts": time, **_doubt(quality), "values": numbers}),
            received_at,
        )
        for (device_id, time, quality, _part), numbers in messages.items()
    ]


def _doubt(quality: Quality) -> dict[str, str]:
    """Return what a message says of its quality; nothing of the usual one."""
    return {} if quality is Quality.GOOD else {"quality": quality.label}
