"""Readings in the dialects kaiser/… and hydro/…; the standard ones are in `decode`.

kaiser/{gateway}/esp/{device}/sensor/{gpio}/data
    {"ts": 1763600000, "sensor_type": "ph", "raw": 2150, "raw_mode": true}
    {"ts": 1763600000, "sensor_type": "ds18b20", "value": 21.4, "unit": "°C", "quality": "good"}
hydro/{gateway}/{zone}/{device}/{channel}/telemetry
    {"metric_type": "PH", "value": 6.5, "ts": 1763600000, "unit": "pH", "stable": true}
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from devices.canonical import ChannelTemplate, discovered
from devices.sensor_calculation import CalculationError, Sensor, calculate
from energy.lib.units import SPELLINGS, UnknownUnit, conversion, find_unit
from telemetry.ingest.decode import DecodeError, Reading
from telemetry.quality import Quality
from telemetry.truth.numbers import read_number

MAX_GPIO = 255  # beyond the pins of a chip: sensors on a bus
MAX_SECONDS = 1e11
# what a quantity is stored in, whichever unit a message has; all others as they come
_STORED = {
    "temperature": "Cel", "conductivity": "mS/cm", "pressure": "hPa", "volume": "L",
    "volume flow": "L/min", "voltage": "V", "current": "A",
}  # fmt: skip
_UNITS = {"bool": "1", "count": "1", "C": "Cel", "ph": "pH", "PH": "pH", "pct": "%"}
_QUALITIES = {
    **dict.fromkeys(("good", "excellent", "ok", "normal"), Quality.GOOD),
    **dict.fromkeys(("bad", "error", "critical", "offline"), Quality.BAD),
}
_SENSOR_TYPE = re.compile(r"[a-z][a-z0-9_]{0,31}")
_METRIC_TYPE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Processed:
    """What the server made of a raw number, to be told to its device; `error` says why not."""

    gpio: int
    sensor_type: str
    raw: float
    value: float | None
    unit: str
    quality: str
    raw_time: Any
    error: str = ""


# pin → °C as it was measured last; None when nobody knows, or not lately
Temperature = Mapping[int, float]


def sensor_source(gpio: int, sensor_type: str) -> str:
    """Return the source of the channel of a sensor."""
    return f"{gpio}/{sensor_type}"


def decode_kaiser(
    payload: bytes,
    *,
    gpio: str,
    device_uid: str,
    sensors: Mapping[tuple[int, str], Sensor],
    temperatures: Temperature,
) -> tuple[list[Reading], Processed | None]:
    """Return the readings of a sensor, and what the server calculated.

    A raw number keeps a channel of its own, so that a sensor without configuration loses
    nothing and its values can be calculated anew. Values that could not be calculated are
    stored as bad: the device's own if it sent one, else the raw number.

    Raises:
        DecodeError: missing_field, bad_payload, bad_pin, bad_sensor_type, unexpected_device,
            not_a_number.
    """
    document = _object(payload)
    pin = _pin(gpio, document)
    if document.get("esp_id") not in (None, device_uid):
        raise DecodeError("unexpected_device", "Topic and payload name two devices.")
    kind = _sensor_type(document)
    raw, value = _number(document, "raw"), _number(document, "value")
    raw = raw if raw is not None else _number(document, "raw_value")
    if raw is None and value is None:
        raise DecodeError("missing_field", "MISSING_REQUIRED_FIELD: value or raw.")
    sensor = sensors.get((pin, kind))
    unit = _text(document, "unit") or (sensor.unit if sensor else "")
    quality = _kaiser_quality(document)
    time = document.get("ts", document.get("timestamp"))
    source = sensor_source(pin, kind)
    names = f"{kind}_gpio{pin}"
    readings: list[Reading] = []
    processed = None
    number = read_number(document.get("boot"), document.get("seq"))
    if raw is not None:
        readings.append(_reading(time, f"{source}/raw", f"{names}_raw", raw, "", quality))
    if sensor is not None and sensor.is_calculated and raw is not None:
        processed, found = _process(sensor, raw, temperatures, quality, time)
        stored = processed.value if processed.value is not None else value
        stored = raw if stored is None else stored
        readings.append(_reading(time, source, names, stored, sensor.unit, found))
    elif value is not None and document.get("raw_mode") is not True:
        readings.append(_reading(time, source, names, value, unit, quality))
    for reading in readings:
        reading.number, reading.is_described = number, sensor is not None
    return readings, processed


def _process(
    sensor: Sensor, raw: float, temperatures: Temperature, quality: Quality, time: Any
) -> tuple[Processed, Quality]:
    pin = sensor.temperature_gpio
    temperature = None if pin is None else temperatures.get(pin)
    try:
        value = calculate(sensor, raw, temperature=temperature)
    except CalculationError as error:
        answer = Processed(
            sensor.gpio, sensor.type, raw, None, sensor.unit, "error", time, str(error)
        )
        return answer, Quality.BAD
    if sensor.compensation and temperature is None:
        quality = max(quality, Quality.UNCERTAIN)
    answer = Processed(sensor.gpio, sensor.type, raw, value, sensor.unit, quality.label, time)
    return answer, quality


def decode_hydro(payload: bytes, *, channel: str) -> Reading:
    """Return the reading of a node's channel; a simulated or unsettled value is uncertain.

    Raises:
        DecodeError: missing_field, bad_payload, bad_metric, bad_time, not_a_number.
    """
    document = _object(payload)
    for name in ("metric_type", "value", "ts"):
        if document.get(name) is None:
            raise DecodeError("missing_field", f"MISSING_REQUIRED_FIELD: {name}.")
    metric = document["metric_type"]
    if not isinstance(metric, str) or not _METRIC_TYPE.fullmatch(metric):
        raise DecodeError("bad_metric", f"metric_type {str(metric)[:40]!r} is not upper case.")
    seconds = document["ts"]
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds > MAX_SECONDS:
        raise DecodeError("bad_time", f"ts {str(seconds)[:40]} is no number of seconds.")
    value = _number(document, "value") or 0.0  # it stands there, see above
    is_doubtful = document.get("stub") is True or document.get("stable") is False
    quality = Quality.UNCERTAIN if is_doubtful else Quality.GOOD
    word = metric.lower()
    name = word if channel.lower() == word else f"{channel}_{word}"
    unit = _text(document, "unit")
    reading = _reading(seconds, f"{channel}/{metric}", name, value, unit, quality)
    reading.number = read_number(document.get("boot"), document.get("seq"))
    reading.is_described = False
    return reading


def to_stored(value: float, unit: str) -> tuple[float, str]:
    """Return a value in the unit in which its quantity is stored; unknown units are dropped."""
    code, target = _stored_unit(unit)
    return (value, target) if code == target else (conversion(code, target).apply(value), target)


@lru_cache(maxsize=1024)
def _stored_unit(unit: str) -> tuple[str, str]:
    code = _UNITS.get(unit, SPELLINGS.get(unit, unit))
    try:
        return code, _STORED.get(find_unit(code).quantity, code)
    except UnknownUnit:
        return "", ""


def _reading(
    time: Any, source: str, name: str, value: float, unit: str, quality: Quality
) -> Reading:
    stored, code = to_stored(value, unit)
    template = _template(source, name, code)
    return Reading(time, {source: stored}, quality=quality, templates=(template,))


@lru_cache(maxsize=4096)
def _template(source: str, name: str, unit: str) -> ChannelTemplate:
    known = discovered(re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_"))
    return ChannelTemplate(name=known.name, source=source, source_unit=unit, unit=unit)


def _object(payload: bytes) -> dict[str, Any]:
    if not payload.strip():
        raise DecodeError("empty", "The payload is empty.")
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError) as error:
        detail = f"INVALID_PAYLOAD_FORMAT: no JSON: {error!s:.200}"
        raise DecodeError("bad_payload", detail) from None
    if not isinstance(document, dict):
        raise DecodeError("bad_payload", "INVALID_PAYLOAD_FORMAT: this must be an object.")
    return document


def _pin(gpio: str, document: Mapping[str, Any]) -> int:
    said = document.get("gpio")
    if not gpio.isdecimal() or int(gpio[:9]) > MAX_GPIO:
        raise DecodeError("bad_pin", f"INVALID_GPIO_PIN: {gpio[:20]!r} in the topic.")
    if said is not None and (isinstance(said, bool) or str(said) != gpio):
        raise DecodeError("bad_pin", "INVALID_GPIO_PIN: topic and payload name two pins.")
    return int(gpio)


def _sensor_type(document: Mapping[str, Any]) -> str:
    kind = document.get("sensor_type")
    if kind is None:
        raise DecodeError("missing_field", "MISSING_REQUIRED_FIELD: sensor_type.")
    kind = str(kind).lower()
    if not _SENSOR_TYPE.fullmatch(kind):
        raise DecodeError("bad_sensor_type", f"INVALID_SENSOR_TYPE: {kind[:40]!r}.")
    return kind


def _number(document: Mapping[str, Any], name: str) -> float | None:
    value = document.get(name)
    if value is None:
        return None
    if isinstance(value, bool):
        return float(value)
    if not isinstance(value, int | float):
        raise DecodeError("not_a_number", f"{name} is {str(value)[:40]!r}, no number.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise DecodeError("not_finite", f"{name} is no finite number.")
    return number


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value[:20] if isinstance(value, str) else ""


def _kaiser_quality(document: Mapping[str, Any]) -> Quality:
    said = _text(document, "quality").lower()
    return _QUALITIES.get(said, Quality.UNCERTAIN) if said else Quality.GOOD
