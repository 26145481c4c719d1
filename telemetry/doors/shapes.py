"""The documents that `POST /api/v1/ingest` understands. Pure.

    {"device": "…", "ts": …, "values": {"active_power_import": 1.25, …}}
    {"device_id": "…", "metric": "active_power_import", "value": 1.25, "ts": …}

One of them, an array, or an array in `samples` or `readings`. A device is named by its id, or
by its identifier with that of its gateway in `gateway`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from telemetry.doors.given import (
    MAX_READINGS,
    BadBody,
    DeviceName,
    Given,
    GivenReading,
    TooMuch,
    device_named,
)

_LISTS = ("samples", "readings")
_TIMES = ("ts", "time", "timestamp")
_DEVICES = ("device", "device_id")
_METRICS = ("metric", "channel")
_KNOWN = frozenset({*_TIMES, *_DEVICES, *_METRICS, "gateway", "values", "value"})


def read_ingest(document: Any) -> Given:
    """Return the readings of a document; the index is the position in its array.

    Raises: BadBody: no object or array of them, or an unknown member beside the array.
    TooMuch.
    """
    items = _items(document)
    if len(items) > MAX_READINGS:
        raise TooMuch(f"Send at most {MAX_READINGS} readings in one request; split the data.")
    given = Given()
    for index, item in enumerate(items):
        _read_item(given, index, item)
    given.check_size()
    return given


def is_single(document: Any) -> bool:
    """Tell whether a document is one reading and no array."""
    return isinstance(document, Mapping) and not any(name in document for name in _LISTS)


def _items(document: Any) -> list[Any]:
    if isinstance(document, list):
        return document
    if not isinstance(document, Mapping):
        raise BadBody("bad_body", "Send an object or an array of objects.")
    for name in _LISTS:
        if name in document:
            others = sorted(str(key)[:40] for key in document if key != name)
            if others:
                raise BadBody("unknown_field", f"Unknown beside {name}: {', '.join(others[:5])}.")
            if not isinstance(document[name], list):
                raise BadBody("bad_body", f"{name} must be an array.")
            return document[name]
    return [document]


def _read_item(given: Given, index: int, item: Any) -> None:
    if not isinstance(item, Mapping):
        given.refuse(index, "no_object", f"A {type(item).__name__} is no reading.")
        return
    problem = _unknown(item) or _twice(item)
    if problem:
        given.refuse(index, *problem)
        return
    try:
        device, values = _device(item), _values(item)
    except BadBody as error:
        given.refuse(index, error.code, str(error))
        return
    time = next((item[name] for name in _TIMES if name in item), None)
    given.readings.append(GivenReading(index, device, time, values))


def _unknown(item: Mapping[Any, Any]) -> tuple[str, str] | None:
    unknown = sorted(str(key)[:40] for key in item if key not in _KNOWN)
    if unknown:
        return "unknown_field", f"Unknown: {', '.join(unknown[:5])}."
    return None


def _twice(item: Mapping[Any, Any]) -> tuple[str, str] | None:
    for names in (_TIMES, _DEVICES, _METRICS, ("value", "values")):
        found = [name for name in names if name in item]
        if len(found) > 1:
            return "repeated", f"Give only one of {', '.join(found)}."
    return None


def _device(item: Mapping[Any, Any]) -> DeviceName | None:
    name = next((item[key] for key in _DEVICES if key in item), None)
    gateway = item.get("gateway")
    if name is None and gateway is None:
        return None
    if not isinstance(name, str | None) or not isinstance(gateway, str | None):
        raise BadBody("bad_device", "device and gateway are texts.")
    if not name:  # the gateway's own readings
        return DeviceName(gateway=gateway or "", uid=gateway or "")
    return DeviceName(gateway=gateway, uid=name) if gateway else device_named(name)


def _values(item: Mapping[Any, Any]) -> dict[str, Any]:
    if "values" in item:
        if any(name in item for name in _METRICS):
            raise BadBody("repeated", "Give either values, or metric and value.")
        values = item["values"]
        if not isinstance(values, dict):
            raise BadBody("bad_values", "values must be an object.")
    else:
        metric = next((item[name] for name in _METRICS if name in item), None)
        if metric is None or "value" not in item:
            raise BadBody("no_values", "Give values, or metric and value.")
        values = {metric: item["value"]} if isinstance(metric, str) else {}
    if not values:
        raise BadBody("no_values", "There is no value in it.")
    return values
