"""InfluxDB's line protocol. Pure.

    measurement,tag=value,… field=1.5,field2=3i,state="text",flag=t 1763600000000000000

Where a backslash escapes: in a measurement comma and blank; in names and values of tags and
in names of fields also `=`; in texts `"` and itself. Anywhere else it is a plain character.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PRECISIONS = {
    "ns": 1_000, "n": 1_000, "us": 1, "u": 1, "µ": 1, "ms": 1_000, "s": 1_000_000,
    "m": 60_000_000, "h": 3_600_000_000,
}  # fmt: skip
_DIVIDED = frozenset({"ns", "n"})
_FLOAT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_INTEGER = re.compile(r"[+-]?\d{1,20}")
_TRUE = frozenset({"t", "T", "true", "True", "TRUE"})
_FALSE = frozenset({"f", "F", "false", "False", "FALSE"})
_NAME = re.compile(r"\\([,= ])")
_MEASUREMENT = re.compile(r"\\([, ])")
_TEXT = re.compile(r"\\([\"\\])")


class LineError(ValueError):
    """A line that cannot be read."""


@dataclass(frozen=True, slots=True)
class Line:
    """A point: `fields` hold floats, bools and texts; `time` is µs UTC or None."""

    number: int
    measurement: str
    tags: dict[str, str]
    fields: dict[str, Any]
    time: int | None


def read_lines(text: str, precision: str = "ns") -> Iterator[Line | tuple[int, str]]:
    """Yield each point, or the number of a line and why it is none; lines count from 1."""
    number = 1
    for raw in split_lines(text):
        line = raw.strip(" \t\r\n")
        if line and not line.startswith("#"):
            try:
                yield _read_line(line, number, precision)
            except LineError as error:
                yield number, str(error)
        number += 1 + raw.count("\n")


def split_lines(text: str) -> Iterator[str]:
    """Split at line ends outside of texts in quotes."""
    if '"' not in text:
        yield from text.split("\n")
        return
    pending: list[str] = []
    for part in text.split("\n"):
        pending.append(part)
        joined = "\n".join(pending)
        if not _is_open(joined):
            yield joined
            pending = []
    if pending:  # a text that never ends: one line at a time is at fault
        yield from pending


def _is_open(line: str) -> bool:
    """Tell whether a text in quotes goes on; quotes count behind the names only."""
    end = _find(line, 0, " ")
    is_open, at = False, end
    while at < len(line):
        character = line[at]
        if character == "\\":
            at += 1
        elif character == '"' and (is_open or line[at - 1] == "="):
            is_open = not is_open
        at += 1
    return is_open and not line.lstrip().startswith("#")


def _read_line(line: str, number: int, precision: str) -> Line:
    head_end = _find(line, 0, " ")
    fields, rest = _read_fields(line, head_end)
    measurement, tags = _read_head(line[:head_end])
    return Line(number, measurement, tags, fields, _read_time(rest, precision))


def _find(text: str, start: int, stops: str) -> int:
    """Return where the first of `stops` stands unescaped; the length when nowhere."""
    at = start
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        if text[at] in stops:
            return at
        at += 1
    return len(text)


def _read_head(head: str) -> tuple[str, dict[str, str]]:
    end = _find(head, 0, ",")
    measurement = _MEASUREMENT.sub(r"\1", head[:end])
    if not measurement:
        raise LineError("missing measurement")
    tags: dict[str, str] = {}
    while end < len(head):
        start, end = end + 1, _find(head, end + 1, ",")
        equals = _find(head, start, "=,")
        name, value = head[start:equals], head[equals + 1 : end]
        if equals >= end or not name:
            raise LineError("missing tag key")
        if not value:
            raise LineError("missing tag value")
        name = _NAME.sub(r"\1", name)
        if name in tags:
            raise LineError(f"duplicate tag {name[:40]!r}")
        tags[name] = _NAME.sub(r"\1", value)
    return measurement, tags


def _read_fields(line: str, at: int) -> tuple[dict[str, Any], str]:
    """Return the fields behind the head, and the text behind them."""
    while at < len(line) and line[at] == " ":
        at += 1
    if at >= len(line):
        raise LineError("missing fields")
    fields: dict[str, Any] = {}
    while True:
        equals = _find(line, at, "=, ")
        if equals >= len(line) or line[equals] != "=" or equals == at:
            raise LineError("missing field key or value")
        name = _NAME.sub(r"\1", line[at:equals])
        value, at = _read_value(line, equals + 1)
        if name in fields:
            raise LineError(f"duplicate field {name[:40]!r}")
        fields[name] = value
        if at >= len(line) or line[at] == " ":
            return fields, line[at:].strip()
        at += 1  # the comma


def _read_value(line: str, at: int) -> tuple[Any, int]:
    if at < len(line) and line[at] == '"':
        end = _find(line, at + 1, '"')
        if end >= len(line):
            raise LineError("unbalanced quotes")
        if end + 1 < len(line) and line[end + 1] not in ", ":
            raise LineError("characters behind a text")
        return _TEXT.sub(r"\1", line[at + 1 : end]), end + 1
    comma, blank = line.find(",", at), line.find(" ", at)
    end = min(found for found in (comma, blank, len(line)) if found >= 0)
    return _number(line[at:end]), end


def _number(text: str) -> float | bool:
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if text[-1:] in {"i", "u"} and _INTEGER.fullmatch(text[:-1]):
        if text[-1] == "u" and text.startswith("-"):
            raise LineError(f"invalid number {text[:40]!r}")
        return float(text[:-1])
    if not _FLOAT.fullmatch(text):
        raise LineError(f"invalid field value {text[:40]!r}")
    value = float(text)
    if not math.isfinite(value):
        raise LineError(f"invalid number {text[:40]!r}")
    return value


def _read_time(text: str, precision: str) -> int | None:
    if not text:
        return None
    if not _INTEGER.fullmatch(text):
        raise LineError(f"bad timestamp {text[:40]!r}")
    factor = PRECISIONS[precision]
    # whole microseconds are kept; two points within one microsecond are one instant here
    return int(text) // factor if precision in _DIVIDED else int(text) * factor
