"""What every decoder of frames returns."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field

from telemetry.quality import Quality

MAX_READINGS = 2_000
MAX_PAYLOAD_BYTES = 65_536
_HEX = re.compile(rb"[0-9A-Fa-f\s]+")
_BASE64 = re.compile(rb"[0-9A-Za-z+/=\s]+")


class FrameError(ValueError):
    """Bytes from which nothing can be read; `code` is the reason of the rejection."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class FrameReading:
    """One value as it stands in a frame.

    `name` is an OBIS code such as `1-0:1.8.0`, without the group *255, or the name of the
    quantity. `unit` is a code of energy.lib.units, blank when the frame gives none. `time`: µs
    UTC, None when the frame has no time for it. `device`: who measured, when the frame says
    so. `medium`: gas, water, heat … of a meter behind the meter. `frame` counts the telegrams
    of one payload. `index` is the place in the telegram.
    """

    name: str
    value: float
    unit: str = ""
    time: int | None = None
    quality: Quality = Quality.GOOD
    device: str | None = None
    medium: str = ""
    frame: int = 0
    index: int = 0


@dataclass(slots=True)
class Frames:
    """Readings of a payload; `problems` holds (code, detail) of what was left out or doubtful.

    `answer`: topic and payload of what the sender is to be told.
    """

    readings: list[FrameReading] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    answer: tuple[str, bytes] | None = None

    def add(self, reading: FrameReading) -> None:
        """Add a reading.

        Raises:
            FrameError: too_many_values.
        """
        if len(self.readings) >= MAX_READINGS:
            raise FrameError("too_many_values", f"More than {MAX_READINGS} values at once.")
        self.readings.append(reading)

    def first_of_each(self) -> list[FrameReading]:
        """Return the first reading of each device, name and time: the first value stays."""
        found: dict[tuple[str | None, str, int | None], FrameReading] = {}
        for reading in self.readings:
            found.setdefault((reading.device, reading.name, reading.time), reading)
        return list(found.values())


def to_binary(payload: bytes, *, start: bytes) -> bytes:
    """Return the frame's bytes, which bridges also send as hexadecimal or base64 text.

    `start`: how a frame begins, so that one whose bytes happen to be letters stays itself.

    Raises:
        FrameError: too_large, empty.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise FrameError("too_large", f"{len(payload)} bytes; {MAX_PAYLOAD_BYTES} are allowed.")
    text = payload.strip()
    if not text:
        raise FrameError("empty", "The payload is empty.")
    if start in payload:
        decoded = _from_text(text)
        return decoded if decoded is not None and start in decoded else payload
    decoded = _from_text(text)
    return payload if decoded is None else decoded


def _from_text(text: bytes) -> bytes | None:
    try:
        if _HEX.fullmatch(text):
            return bytes.fromhex(text.decode())
        if _BASE64.fullmatch(text):
            return base64.b64decode(b"".join(text.split()), validate=True)
    except (ValueError, binascii.Error):
        return None
    return None
