"""Wired M-Bus: long frames of the variable structure (EN 13757-3), read by pyMeterBus.

A name says what is measured and, where it is not the value of now, which: `energy`,
`power.max`, `energy.storage1` (the value of the last billing date), `energy.tariff2`,
`volume.unit1` (an input of the meter).
"""

from __future__ import annotations

import datetime as dt
import decimal
import math
from typing import Any

import meterbus

from telemetry.decoding.frames.reading import FrameError, FrameReading, Frames, to_binary

MAX_FRAMES = 50
_START, _STOP = 0x68, 0x16
_VARIABLE_LONG, _VARIABLE_SHORT = 0x72, 0x76
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

_NAMES = {
    "ENERGY_WH": "energy", "ENERGY_J": "energy", "VOLUME": "volume", "MASS": "mass",
    "ON_TIME": "on_time", "OPERATING_TIME": "operating_time", "POWER_W": "power",
    "POWER_J_H": "power", "VOLUME_FLOW": "volume_flow", "VOLUME_FLOW_EXT": "volume_flow",
    "VOLUME_FLOW_EXT_S": "volume_flow", "MASS_FLOW": "mass_flow",
    "FLOW_TEMPERATURE": "flow_temperature", "RETURN_TEMPERATURE": "return_temperature",
    "TEMPERATURE_DIFFERENCE": "temperature_difference",
    "EXTERNAL_TEMPERATURE": "external_temperature", "PRESSURE": "pressure",
    "UNITS_FOR_HCA": "heat_cost_units", "AVG_DURATION": "averaging_duration",
    "VOLTS": "voltage", "AMPERE": "current", "DIMENSIONLESS": "count",
    "RESET_COUNTER": "reset_counter", "CUMULATION_COUNTER": "cumulation_counter",
    "REL_HUMIDITY": "humidity", "BATTERY_OPERATING_TIME": "battery_time",
}  # fmt: skip
_UNITS = {
    "Wh": "Wh", "kWh": "kWh", "J": "J", "m^3": "m3", "l": "L", "W": "W", "m^3/h": "m3/h",
    "C": "Cel", "K": "K", "bar": "bar", "V": "V", "A": "A", "%": "%", "dBm": "dBm",
    "seconds": "s", "minutes": "min", "hours": "h", "kg": "kg", "kg/h": "kg/h",
    "days": "d", "J/h": "J/h", "H.C.A": "",
}  # fmt: skip
# units that the registry has not: (factor, unit)
_FACTORS = {"m^3/min": (60.0, "m3/h"), "m^3/s": (3600.0, "m3/h")}
_FUNCTIONS = {1: ".max", 2: ".min", 3: ".error"}
MEDIA = {2: "electricity", 3: "gas", 4: "heat", 5: "steam", 6: "hot_water", 7: "water",
         8: "heat_cost", 10: "cooling", 11: "cooling", 12: "heat", 13: "heat", 21: "hot_water",
         22: "water"}  # fmt: skip


def decode_mbus(payload: bytes, zone: dt.tzinfo) -> Frames:
    """Return the readings of every long frame; the payload may be binary, hex or base64.

    Values of a billing date carry that date in `zone` as time, all others none: the clock of a
    meter is set once in its life.

    Raises:
        FrameError: no_frame, bad_checksum, bad_payload, too_large, too_many_values: nothing
            at all could be read.
    """
    data = to_binary(payload, start=bytes([_START]))
    frames = Frames()
    parts = _split(data)
    for number, part in enumerate(parts):
        try:
            _read_frame(part, number, zone, frames)
        except FrameError as error:
            if error.code == "too_many_values":
                raise
            frames.problems.append((error.code, str(error)))
    if not frames.readings:
        code, detail = (frames.problems or [("no_values", "The frame holds no values.")])[0]
        raise FrameError(code, detail)
    return frames


def _split(data: bytes) -> list[bytes]:
    """Return the long frames: 68 L L 68 … checksum 16."""
    parts: list[bytes] = []
    at = data.find(_START)
    while 0 <= at <= len(data) - 9:
        length = data[at + 1]
        end = at + length + 6
        if data[at + 2] == length >= 3 and data[at + 3] == _START and end <= len(data):
            parts.append(data[at:end])
            at = data.find(_START, end)
        else:
            at = data.find(_START, at + 1)
        if len(parts) > MAX_FRAMES:
            raise FrameError("too_many_values", f"More than {MAX_FRAMES} frames at once.")
    if not parts:
        raise FrameError("no_frame", "No long frame stands here: it would be 68 L L 68 … 16.")
    return parts


def _read_frame(part: bytes, number: int, zone: dt.tzinfo, frames: Frames) -> None:
    if part[-1] != _STOP or sum(part[4:-2]) & 0xFF != part[-2]:
        raise FrameError("bad_checksum", "The sum of the frame's bytes is not its checksum.")
    if part[6] != _VARIABLE_LONG:
        raise FrameError("bad_payload", f"Frames of kind {part[6]:02X} are not read, only 72.")
    try:
        found = meterbus.TelegramLong(list(part)).records
        rows = [record.interpreted for record in found]
    # the library meets bytes that no meter should send with errors of many kinds
    except (meterbus.MBusFrameDecodeError, meterbus.FrameMismatch, ArithmeticError,
            AttributeError, LookupError, TypeError, ValueError) as error:  # fmt: skip
        detail = f"No M-Bus records: {type(error).__name__} {error!s:.100}"
        raise FrameError("bad_payload", detail) from None
    medium = MEDIA.get(part[14], "") if len(part) > 14 else ""
    dates = _dates(rows, zone)
    for index, row in enumerate(rows):
        reading = _reading(row, medium, dates)
        if reading is not None:
            name, value, unit, time = reading
            frames.add(
                FrameReading(name, value, unit, time, medium=medium, frame=number, index=index)
            )


def _reading(
    row: dict[str, Any], medium: str, dates: dict[int, int]
) -> tuple[str, float, str, int | None] | None:
    """Return name, value, unit and time of a record; None for dates, texts and identities."""
    name = _NAMES.get(str(row["type"]).rpartition(".")[2])
    raw = row["value"]
    if name is None or isinstance(raw, bool) or not isinstance(raw, int | float | decimal.Decimal):
        return None
    # factors such as 0.01 are binary fractions in the library
    value = float(f"{raw:.15g}")
    if not math.isfinite(value):
        return None
    said = _unit_of(row)
    factor, unit = _FACTORS.get(said, (1.0, _UNITS.get(said, "")))
    storage = int(row["storage_number"])
    return f"{name}{_suffix(row)}", value * factor, unit, dates.get(storage) if storage else None


def _unit_of(row: dict[str, Any]) -> str:
    name = str(row["unit"]).rpartition(".")[2]
    unit = getattr(meterbus.MeasureUnit, name, None)
    return str(unit.value) if unit is not None else ""


def _suffix(row: dict[str, Any]) -> str:
    function = getattr(meterbus.FunctionType, str(row["function"]).rpartition(".")[2])
    suffix = _FUNCTIONS.get(function.value, "")
    for key, word in (("storage_number", "storage"), ("tariff", "tariff"), ("device", "unit")):
        if row.get(key):
            suffix += f".{word}{row[key]}"
    return suffix


def _dates(rows: list[dict[str, Any]], zone: dt.tzinfo) -> dict[int, int]:
    """Return the instant at which each storage was filled, by its number, in µs UTC."""
    found: dict[int, int] = {}
    for row in rows:
        if row["storage_number"] and isinstance(row["value"], str) and "DATE" in str(row["type"]):
            try:
                moment = dt.datetime.fromisoformat(row["value"])
            except ValueError:
                continue
            moment = moment.replace(tzinfo=zone)
            seconds = int((moment - _EPOCH).total_seconds())
            found.setdefault(int(row["storage_number"]), seconds * 1_000_000)
    return found
