"""Emoncms' input API: `post` for one node, `bulk` for many. Pure.

Times are whole seconds, as there. A node names a device; with the key of a device the node
says nothing, and two nodes that use one name at one time are found to differ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from telemetry.doors.body import read_json
from telemetry.doors.given import BadBody, DeviceName, Given, GivenReading, device_named

_MICROSECONDS = 1_000_000


def read_post(parameters: Mapping[str, str], *, node: str, has_device: bool) -> Given:
    """Read `input/post`: `fulljson`, `json` in its loose form, `csv`, or `data`, which is any.

    Args: node: from the path, else the parameter, else 0. has_device: the key is a device's.

    Raises: BadBody, with Emoncms' own words where it has some.
    """
    values = _post_values(parameters)
    if not values:
        raise BadBody("no_values", "Request contains no data via csv, json or data tag")
    device = None if has_device else _node(node)
    given = Given([GivenReading(0, device, _seconds(parameters.get("time"), "time"), values)])
    given.check_size()
    return given


def read_bulk(parameters: Mapping[str, str], *, has_device: bool, now: int) -> Given:
    """Read `input/bulk`; the index is that of the packet in `data`.

    Times count from `sentat` (the sender's clock at sending), from now less `offset`, from
    `time`, or else so that the last packet is now.

    Args: now: µs UTC.

    Raises: BadBody.
    """
    packets = read_json(parameters.get("data", ""))
    if not isinstance(packets, list) or not packets:
        raise BadBody("bad_body", "Format error, json string supplied is not valid")
    reference = _reference(parameters, packets, now)
    given = Given()
    for index, packet in enumerate(packets):
        _read_packet(given, index, packet, reference, has_device=has_device)
    given.check_size()
    return given


def _reference(parameters: Mapping[str, str], packets: list[Any], now: int) -> int:
    """Return the instant that the times of packets count from, µs UTC."""
    for name in ("sentat", "offset"):
        if (seconds := _seconds(parameters.get(name), name)) is not None:
            return now - seconds * _MICROSECONDS
    if (seconds := _seconds(parameters.get("time"), "time")) is not None:
        return seconds * _MICROSECONDS
    last = packets[-1]
    if not isinstance(last, list) or not last or not _is_number(last[0]):
        raise BadBody("bad_body", "Format error, last item in bulk data does not contain any data")
    return now - int(last[0]) * _MICROSECONDS


def _read_packet(
    given: Given, index: int, packet: Any, reference: int, *, has_device: bool
) -> None:
    if not isinstance(packet, list) or len(packet) < 3:
        given.refuse(index, "bad_packet", "A packet is [time, node, value, …].")
        return
    offset, node, *items = packet
    if not _is_number(offset):
        given.refuse(index, "bad_time", f"{str(offset)[:40]!r} is no time.")
        return
    if isinstance(node, dict | list) or node is None:
        given.refuse(index, "bad_device", "Format error, node must not be an object")
        return
    values: dict[str, Any] = {}
    number = 1
    for item in items:
        if isinstance(item, dict):
            for name, value in item.items():
                _add(given, index, values, name, value)
            continue
        if item is not None and item != "":  # a place left empty counts, and holds nothing
            _add(given, index, values, str(number), item)
        number += 1
    time = reference + int(offset) * _MICROSECONDS
    if values:
        device = None if has_device else _node(str(node))
        given.readings.append(GivenReading(index, device, time, values))


def _add(given: Given, index: int, values: dict[str, Any], name: str, value: Any) -> None:
    """Add a value; one of a name that the packet has already is told, not swallowed."""
    value = _number(value) if isinstance(value, str) else value
    if name in values:
        given.refuse(index, "duplicate_key", f"{name} stands twice in the packet.", name)
    else:
        values[name] = value


def _post_values(parameters: Mapping[str, str]) -> dict[str, Any]:
    if "fulljson" in parameters:
        document = read_json(parameters["fulljson"])
        if not isinstance(document, dict):
            raise BadBody("bad_body", "Input must be a JSON object")
        return {name: _number(v) if isinstance(v, str) else v for name, v in document.items()}
    for name in ("json", "csv", "data"):
        if name in parameters:
            return _loose_values(parameters[name])
    return {}


def _loose_values(text: str) -> dict[str, Any]:
    """Read `{power1:100,"power2":200}` and `100,200,300`, whose names are 1, 2, 3."""
    values: dict[str, Any] = {}
    number = 1
    for part in text.strip().strip("{}[]").split(","):
        name, colon, value = part.rpartition(":")
        name = name.strip().strip("\"'").strip()
        if colon and not name:
            raise BadBody("bad_body", "Format error, json key missing or invalid character")
        if not colon:
            name, number = str(number), number + 1
        if name in values:
            raise BadBody("duplicate_key", f"{name[:40]} stands twice; which value is meant?")
        values[name] = _number(value.strip().strip("\"'"))
    return values


def _number(text: str) -> Any:
    """Return the number in a text; the text itself when it is none, which is then refused."""
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _node(text: str) -> DeviceName:
    return device_named(text.strip() or "0")


def _seconds(text: str | None, name: str) -> int | None:
    if text is None or not text.strip():
        return None
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        raise BadBody("bad_time", f"{name} must be a number of seconds.") from None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
