"""ThingsBoard's HTTP device API: telemetry of one device. Pure.

{"temperature": 21.5, "humidity": 40}
{"ts": 1451649600512, "values": {"temperature": 21.5}}
an array of these
"""

from __future__ import annotations

from typing import Any

from telemetry.doors.given import MAX_READINGS, BadBody, Given, GivenReading, TooMuch


def read_telemetry(document: Any) -> Given:
    """Return the readings, all of the device of the key.

    Raises: BadBody. TooMuch.
    """
    items = document if isinstance(document, list) else [document]
    if len(items) > MAX_READINGS:
        raise TooMuch(f"Send at most {MAX_READINGS} objects in one request; split the data.")
    given = Given()
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            given.refuse(index, "no_object", f"A {type(item).__name__} is no telemetry.")
        elif isinstance(item.get("values"), dict):
            _read_timed(given, index, item)
        elif item:
            given.readings.append(GivenReading(index, None, None, item))
        else:
            given.refuse(index, "no_values", "There is no value in it.")
    if not items:
        raise BadBody("no_values", "There is no value in it.")
    given.check_size()
    return given


def _read_timed(given: Given, index: int, item: dict[str, Any]) -> None:
    others = sorted(key for key in item if key not in {"ts", "values"})
    if others:
        given.refuse(index, "unknown_field", f"Unknown beside values: {', '.join(others)[:80]}.")
    elif not item["values"]:
        given.refuse(index, "no_values", "There is no value in it.")
    else:
        given.readings.append(GivenReading(index, None, item.get("ts"), item["values"]))
