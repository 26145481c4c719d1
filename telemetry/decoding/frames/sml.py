"""SML, the Smart Message Language of German meters, as their optical interface pushes it.

A payload holds one or more transport frames, each with its own CRC16:

    1B1B1B1B 01010101  messages …  1B1B1B1B 1A pp crc crc

Only answers to GetList are read: a list of OBIS code, unit, scaler and value. A damaged
frame is left out and the next one is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from telemetry.decoding.frames.checksums import crc16_kermit, crc16_x25
from telemetry.decoding.frames.reading import FrameError, FrameReading, Frames, to_binary

MAX_FRAMES = 100
MAX_DEPTH = 16
ESCAPE = b"\x1b\x1b\x1b\x1b"
START = ESCAPE + b"\x01\x01\x01\x01"
GET_LIST_RESPONSE = 0x0701
_OLDEST_S = 946_684_800  # 2000-01-01: below it a "time" counts seconds of operation

# units of DLMS, IEC 62056-62
UNITS = {
    3: "month", 4: "week", 5: "d", 6: "h", 7: "min", 8: "deg", 9: "Cel", 13: "m3", 14: "m3",
    15: "m3/h", 16: "m3/h", 19: "L", 23: "Pa", 24: "bar", 25: "J", 27: "W", 28: "VA",
    29: "var", 30: "Wh", 31: "VAh", 32: "varh", 33: "A", 35: "V", 44: "Hz", 52: "K",
    56: "%",
}  # fmt: skip


class _Bad(ValueError):
    """Bytes that are no SML."""


def decode_sml(payload: bytes) -> Frames:
    """Return the readings of every whole frame; the payload may be binary, hex or base64.

    Raises:
        FrameError: no_frame, bad_checksum, bad_payload, too_large, too_many_values: nothing
            at all could be read.
    """
    data = to_binary(payload, start=ESCAPE)
    frames = Frames()
    count = 0
    for count, frame in enumerate(_transport_frames(data), 1):
        if count > MAX_FRAMES:
            raise FrameError("too_many_values", f"More than {MAX_FRAMES} telegrams at once.")
        try:
            for reading in _frame_readings(frame, count - 1):
                frames.add(reading)
        except _Bad as error:
            code = "bad_checksum" if "CRC" in str(error) else "bad_payload"
            frames.problems.append((code, f"Telegram {count}: {error}"))
    if not count:
        raise FrameError("no_frame", "No telegram begins here: it would start with 1B1B1B1B.")
    if not frames.readings and frames.problems:
        code, detail = frames.problems[0]
        raise FrameError(code, detail)
    return frames


def _transport_frames(data: bytes) -> Iterator[bytes]:
    """Yield what lies between a start and the next start, or the end of the payload.

    A telegram whose beginning was missed has no start and is passed over.
    """
    at = data.find(START)
    while at >= 0:
        following = data.find(START, at + len(START))
        yield data[at : following if following >= 0 else len(data)]
        at = following


def _frame_readings(frame: bytes, number: int) -> list[FrameReading]:
    body = _unwrap(frame)
    readings: list[FrameReading] = []
    at = 0
    while at < len(body):
        if body[at] == 0:  # padding
            at += 1
            continue
        message, at = _element(body, at, 0)
        readings += _message_readings(message, number)
    return readings


def _unwrap(frame: bytes) -> bytes:
    """Check the CRC; return the messages with doubled escapes made single."""
    body = bytearray()
    at = len(START)
    while True:
        escape = frame.find(ESCAPE, at)
        if escape < 0 or escape + 8 > len(frame):
            raise _Bad("it is cut: its end is missing.")
        body += frame[at:escape]
        mark = frame[escape + 4 : escape + 8]
        if mark == ESCAPE:
            body += ESCAPE
        elif mark[0] == 0x1A:
            break
        else:
            raise _Bad(f"unknown escape sequence {mark.hex()}.")
        at = escape + 8
    covered, said = frame[: escape + 6], int.from_bytes(mark[2:], "little")
    swapped = int.from_bytes(mark[2:], "big")
    if crc16_x25(covered) != said and crc16_kermit(covered) not in (said, swapped):
        raise _Bad("the CRC does not match.")
    padding = mark[1]
    return bytes(body[: len(body) - padding]) if padding <= 3 else bytes(body)


def _element(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    """Return the value at a place and the place after it: bytes, bool, int or list."""
    kind, length, body = _type_length(data, at)
    if kind == 7:
        if depth >= MAX_DEPTH or length > len(data) - body:
            raise _Bad("a list is longer or deeper than the telegram.")
        items = []
        for _ in range(length):
            item, body = _element(data, body, depth + 1)
            items.append(item)
        return items, body
    if data[at] == 0:  # the end of a message
        return b"", body
    end = at + length
    if end < body or end > len(data):
        raise _Bad("a value is longer than the telegram.")
    raw = data[body:end]
    if kind == 0:
        return raw, end
    if kind == 4:
        return any(raw), end
    if kind in (5, 6):
        return int.from_bytes(raw, "big", signed=kind == 5), end
    raise _Bad(f"unknown type {kind}.")


def _type_length(data: bytes, at: int) -> tuple[int, int, int]:
    """Return type, length (items of a list, else bytes with this field) and where values begin."""
    if at >= len(data):
        raise _Bad("it ends within a value.")
    first = data[at]
    kind, length = (first >> 4) & 7, first & 0x0F
    more = first & 0x80
    at += 1
    while more:
        if at >= len(data) or length > 0xFFFF:
            raise _Bad("a length is broken.")
        length = (length << 4) | (data[at] & 0x0F)
        more = data[at] & 0x80
        at += 1
    return kind, length, at


def _message_readings(message: Any, number: int) -> list[FrameReading]:
    """Read transaction, group, abort, body, CRC, end."""
    match message:
        case [_, _, _, [tag, body], *_] if tag == GET_LIST_RESPONSE and isinstance(body, list):
            pass
        case [_, _, _, [int(), _], *_]:
            return []
        case _:
            raise _Bad("a message is not made as one.")
    if len(body) < 5 or not isinstance(body[4], list):
        raise _Bad("a list of values is not made as one.")
    sensor_time = _time(body[3])
    entries = enumerate(body[4])
    found = (_entry_reading(entry, sensor_time, number, index) for index, entry in entries)
    return [reading for reading in found if reading is not None]


def _entry_reading(
    entry: Any, sensor_time: int | None, number: int, index: int
) -> FrameReading | None:
    """Read OBIS code, status, time, unit, scaler, value, signature; None if it is no number."""
    match entry:
        case [bytes() as code, _, time, unit, scaler, int() as value, *_] if len(code) == 6:
            pass
        case [bytes(), *_] if len(entry) >= 6:
            return None
        case _:
            raise _Bad("an entry is not made as one.")
    if isinstance(value, bool) or not isinstance(unit, int):  # texts, keys and serial numbers
        return None
    power = scaler if isinstance(scaler, int) else 0
    if abs(power) > 30:
        raise _Bad(f"the scaler {power} is out of range.")
    scaled = value * 10**power if power >= 0 else value / 10**-power
    moment = _time(time)
    return FrameReading(
        obis_name(code),
        float(scaled),
        UNITS.get(unit, ""),
        sensor_time if moment is None else moment,
        frame=number,
        index=index,
    )


def obis_name(code: bytes) -> str:
    """Return `1-0:1.8.0` for six bytes; the last group only when it is not 255."""
    a, b, c, d, e, f = code
    name = f"{a}-{b}:{c}.{d}.{e}"
    return name if f == 255 else f"{name}*{f}"


def _time(choice: Any) -> int | None:
    """Return µs UTC of a timestamp; None for seconds of operation."""
    match choice:
        case [2, int(seconds)]:
            pass
        case [3, [int(seconds), int(), int()]]:
            pass
        case _:
            return None
    return seconds * 1_000_000 if seconds >= _OLDEST_S else None
