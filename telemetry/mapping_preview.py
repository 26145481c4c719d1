"""What a mapping makes of a message, for the person who writes it. No database."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from devices.canonical import lookup
from telemetry.decoding.errors import MappingError
from telemetry.decoding.mapping import Mapping, compile_mapping
from telemetry.ingest.batch import to_microseconds
from telemetry.ingest.decode import DecodeError, Reading
from telemetry.quality import Quality

MAX_SPEC_BYTES = 131_072
MAX_PAYLOAD_BYTES = 65_536
MAX_ROWS = 500
ENCODINGS = ("text", "hex", "base64")
_FIRST = {
    name: number
    for number, name in enumerate(
        ("mask", "parts", "topics", "topic", "format", "options", "path", "obis", "channel", "unit",
         "part", "under", "device", "time", "when", "use", "values")
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A value as it would be stored; `kind`, `unit` and `phase` as its channel would get."""

    device: str
    channel: str
    value: float
    unit: str
    kind: str
    phase: str
    time: dt.datetime | None
    quality: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong; `path` is the place in the mapping, blank for a trouble of the message."""

    path: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be stored, and what would not."""

    rows: list[Row] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    captures: dict[str, str] = field(default_factory=dict)
    is_cut: bool = False


def read_spec(text: str) -> dict[str, Any]:
    """Read a mapping as YAML, of which JSON is a part.

    Raises: MappingError: it is too long, or not an object.
    """
    if len(text.encode()) > MAX_SPEC_BYTES:
        raise MappingError("", "too_large", f"More than {MAX_SPEC_BYTES} bytes.")
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise MappingError("", "bad_shape", f"No YAML and no JSON: {error!s:.300}") from None
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise MappingError("", "bad_shape", "A mapping is an object with names.")
    return found


def write_spec(spec: dict[str, Any]) -> str:
    """Return a mapping as people edit it."""
    if not spec:
        return ""
    return yaml.safe_dump(_in_order(spec), sort_keys=False, allow_unicode=True, width=100)


def _in_order(value: Any) -> Any:
    """Return the same with what comes first put first: the database keeps no order of keys."""
    if isinstance(value, list):
        return [_in_order(item) for item in value]
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (_FIRST.get(key, len(_FIRST)), key))
        return {key: _in_order(value[key]) for key in keys}
    return value


def read_payload(text: str, encoding: str) -> bytes:
    """Return the bytes that somebody pasted.

    Raises: DecodeError: bad_payload, too_large.
    """
    try:
        if encoding == "hex":
            payload = bytes.fromhex(text)
        elif encoding == "base64":
            payload = base64.b64decode("".join(text.split()), validate=True)
        else:
            payload = text.encode()
    except (ValueError, binascii.Error) as error:
        raise DecodeError("bad_payload", f"This is no {encoding}: {error}.") from None
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise DecodeError("too_large", f"{len(payload)} bytes; {MAX_PAYLOAD_BYTES} are allowed.")
    return payload


def preview_mapping(
    text: str, *, topic: str, payload: bytes, zone: dt.tzinfo, now: dt.datetime
) -> Preview:
    """Try a mapping on one message that would come now."""
    try:
        mapping = compile_mapping(read_spec(text))
    except MappingError as error:
        return Preview(troubles=[Trouble(error.path, error.code, error.detail)])
    captures = mapping.match(topic)
    if captures is None:
        return Preview(troubles=[Trouble("", "unknown_topic", "The mapping knows no such topic.")])
    try:
        readings = mapping.decode(topic, payload, to_microseconds(now), zone)
    except DecodeError as error:
        return Preview(troubles=[Trouble("", error.code, str(error))], captures=captures)
    rows = [row for reading in readings for row in _rows(reading)]
    troubles = [
        Trouble("", code, detail) for reading in readings for code, detail in reading.problems
    ]
    return Preview(rows[:MAX_ROWS], troubles[:MAX_ROWS], captures, len(rows) > MAX_ROWS)


def mask_of(text: str) -> Sequence[str]:
    """Return the keys that a mapping hides; none of one that cannot be read."""
    try:
        mapping: Mapping = compile_mapping(read_spec(text))
    except MappingError:
        return ()
    return sorted(mapping.mask)


def _rows(reading: Reading) -> list[Row]:
    templates = {template.source: template for template in reading.templates}
    time = reading.raw_time if isinstance(reading.raw_time, dt.datetime) else None
    rows = []
    for source, value in reading.values.items():
        template = templates.get(source) or lookup(source)
        rows.append(
            Row(
                device=reading.device or "",
                channel=template.name if template else source,
                value=value,
                unit=template.unit if template else "",
                kind=template.kind if template else "",
                phase=template.phase if template else "",
                time=time,
                quality=Quality(reading.quality).label,
            )
        )
    return rows
