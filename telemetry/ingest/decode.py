"""Payload bytes to readings: JSON, then MessagePack, then what is left of a cut JSON text.

Understood shapes, alone or in an array:

    {"ts": 1763600000, "values": {"active_power_import": 1.25, …}}
    {"ts": "2025-11-20T01:00:00Z", "active_power_import": 1.25, …}      flat
    {"ts": …, "registers": {"40001": 2301, …}}                           raw Modbus
    {"ts": …, "device": "meter-1", "values": {…}}                        array items
    {"ts": …, "quality": "uncertain", "values": {…}}                     all of them doubted
    {"ts": …, "devices": {"meter-1": {…}, …}}                            legacy telemetry
    23.5   or   {"value": 23.5, "ts": …}                                 topics with a metric
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from devices.canonical import ChannelTemplate
from telemetry.ingest.recovery import recover_json
from telemetry.quality import Quality
from telemetry.truth.numbers import read_number

MAX_READINGS = 2_000
MAX_VALUES = 2_000
MAX_DEPTH = 8
MAX_METRIC_LENGTH = 128
_TIME_KEYS = ("ts", "time", "timestamp")
_SAID = {quality.label: quality for quality in (Quality.UNCERTAIN, Quality.BAD, Quality.ESTIMATED)}
_META_KEYS = frozenset({*_TIME_KEYS, "device", "group", "seq", "boot", "values", "registers"})


class DecodeError(ValueError):
    """A payload that is no reading; `code` is the reason of the rejection."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class TimedValues(msgspec.Struct):
    """The usual message, decoded and validated in one step."""

    values: dict[str, float]
    ts: int | float | str | None = None
    boot: int | None = None
    seq: int | None = None


@dataclass(slots=True)
class Reading:
    """Values of one instant.

    `device` names the device when the payload does. `problems` holds (code, detail) of
    values that were left out. `number` is (boot, seq), by which the device counts its
    readings. `quality`: of all its values. `templates` describe channels by their source, for
    the case that they have to be made; `is_described`: by people, not by the message itself.
    Mappings may say besides: `presence`, whether the
    device is there, `announced`, what it tells of itself, and `answer`, a topic and what is
    sent there.
    """

    raw_time: Any
    values: dict[str, float]
    device: str | None = None
    problems: list[tuple[str, str]] = field(default_factory=list)
    number: tuple[int, int] | None = None
    quality: Quality = Quality.GOOD
    templates: Sequence[ChannelTemplate] = ()
    is_described: bool = True
    presence: bool | None = None
    announced: dict[str, str] | None = None
    answer: tuple[str, bytes] | None = None


@dataclass(slots=True)
class Decoded:
    """What a payload held; `is_repaired` when part of a cut JSON text was recovered."""

    readings: list[Reading]
    is_repaired: bool = False


_fast = msgspec.json.Decoder(TimedValues, strict=True)


def decode_usual(payload: bytes) -> TimedValues | None:
    """Return the usual message, or None when `decode` must look closer.

    Twice the same key cannot be seen in the decoded object; it is in the number of
    colons.
    """
    try:
        message = _fast.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    colons = len(message.values) + 1
    if message.ts is not None:
        colons += 1 + (message.ts.count(":") if isinstance(message.ts, str) else 0)
    if message.seq is not None:
        colons += 1 + (message.boot is not None)
    return message if payload.count(b":") == colons else None


def decode(payload: bytes, *, metric: str = "") -> Decoded:
    """Return every reading of a payload; `metric` names a bare value.

    Raises:
        DecodeError: empty, bad_encoding, bad_payload, too_deep, duplicate_key, no_values,
            too_many_values.
    """
    if not payload.strip():
        raise DecodeError("empty", "The payload is empty.")
    document, is_repaired = _parse(payload)
    readings = list(_readings(document, metric))
    if not any(reading.values or reading.problems for reading in readings):
        raise DecodeError("no_values", "The payload holds no values.")
    return Decoded(readings, is_repaired)


def _parse(payload: bytes) -> tuple[Any, bool]:
    try:
        return _parse_json(payload), False
    except json.JSONDecodeError as error:
        json_error = error
    if payload[0] >= 0x80:
        try:
            return _check(msgspec.msgpack.decode(payload)), False
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            pass
    recovered = recover_json(payload)
    if recovered is not None:
        return _check(recovered), True
    raise DecodeError("bad_payload", f"Neither JSON nor MessagePack: {json_error}.")


def _parse_json(payload: bytes) -> Any:
    try:
        text = payload.decode("utf-8")
        document = json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_constant=_refuse_constant,
            parse_int=_bounded_int,
        )
    except UnicodeDecodeError:
        if payload[0] < 0x80:
            raise DecodeError("bad_encoding", "The payload is not UTF-8.") from None
        raise json.JSONDecodeError("not UTF-8", "", 0) from None
    except RecursionError:
        raise DecodeError("too_deep", f"Nested deeper than {MAX_DEPTH} levels.") from None
    return _check(document)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise DecodeError("duplicate_key", "A key stands twice; which value is meant?")
    return document


def _refuse_constant(name: str) -> Any:
    raise DecodeError("not_finite", f"{name} is no number.")


def _bounded_int(text: str) -> int | float:
    return int(text) if len(text) <= 19 else float(text)


def _check(document: Any, depth: int = 0) -> Any:
    """Return the document if it is shallow enough."""
    if depth > MAX_DEPTH:
        raise DecodeError("too_deep", f"Nested deeper than {MAX_DEPTH} levels.")
    if isinstance(document, dict):
        for inner in document.values():
            if isinstance(inner, dict | list):
                _check(inner, depth + 1)
    elif isinstance(document, list):
        for inner in document:
            if isinstance(inner, dict | list):
                _check(inner, depth + 1)
    return document


def _readings(document: Any, metric: str) -> Iterator[Reading]:
    if isinstance(document, list):
        if len(document) > MAX_READINGS:
            raise DecodeError("too_many_values", f"More than {MAX_READINGS} readings at once.")
        for item in document:
            yield from _readings(item, metric) if not isinstance(item, list) else _no_reading(item)
    elif isinstance(document, dict):
        yield from _object_readings(document, metric)
    elif metric:
        yield _reading(None, {metric: document}, None)
    else:
        yield from _no_reading(document)


def _no_reading(item: Any) -> Iterator[Reading]:
    yield Reading(None, {}, problems=[("no_object", f"A {type(item).__name__} is no reading.")])


def _object_readings(document: dict[Any, Any], metric: str) -> Iterator[Reading]:
    time = next((document[key] for key in _TIME_KEYS if key in document), None)
    if metric and "value" in document:
        yield _numbered(_reading(time, {metric: document["value"]}, None), document)
        return
    devices = document.get("devices")
    if isinstance(devices, dict):
        for name, inner in devices.items():
            for reading in _readings(inner, ""):
                reading.device = str(name)
                reading.raw_time = time if reading.raw_time is None else reading.raw_time
                yield reading
        return
    device = document.get("device")
    values = document.get("values", document.get("registers"))
    if not isinstance(values, dict):
        values = {key: value for key, value in document.items() if key not in _META_KEYS}
        yield _numbered(_reading(time, values, None if device is None else str(device)), document)
        return
    reading = _numbered(_reading(time, values, None if device is None else str(device)), document)
    reading.quality = _SAID.get(str(document.get("quality")), Quality.GOOD)
    yield reading


def _numbered(reading: Reading, document: dict[Any, Any]) -> Reading:
    reading.number = read_number(document.get("boot"), document.get("seq"))
    return reading


def _reading(time: Any, values: dict[Any, Any], device: str | None) -> Reading:
    if len(values) > MAX_VALUES:
        raise DecodeError("too_many_values", f"More than {MAX_VALUES} values at once.")
    reading = Reading(time, {}, device)
    for name, value in values.items():
        problem = _problem(name, value)
        if problem:
            reading.problems.append(problem)
        else:
            reading.values[name] = float(value)
    return reading


def _problem(name: Any, value: Any) -> tuple[str, str] | None:
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_METRIC_LENGTH:
        return "bad_metric", f"{str(name)[:40]!r} is no name of a metric."
    if not name.isprintable():
        return "bad_metric", f"{name[:40]!r} holds characters that cannot be printed."
    if value is None:
        return "null_value", f"{name} is null."
    if not isinstance(value, int | float):
        return "not_a_number", f"{name} is {type(value).__name__} {str(value)[:40]!r}, no number."
    return None
