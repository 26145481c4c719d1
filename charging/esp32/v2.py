"""Version 2 on the wire: `~seq|type|k=v,…|crc` in lines, both ways.

See docs/reference/esp32-charger-protocol.md.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_LINE = 256
SEQUENCES = 65_536
_FRAME = re.compile(rb"(\d{1,5})\|([A-Z]{1,16})\|([^|]*)\|([0-9A-F]{4})")
_PAIR = re.compile(r"([a-z]{1,16})=([\w.+-]{0,64})")


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that arrived undamaged."""

    sequence: int
    kind: str
    fields: Mapping[str, str]

    @property
    def answers(self) -> int | None:
        """The number of the frame that it answers."""
        text = self.fields.get("re", "")
        return int(text) if text.isdigit() and len(text) <= 5 else None

    def number(self, name: str, low: int, high: int) -> int | None:
        """Return a field as a number; None when it is absent or out of range."""
        text = self.fields.get(name, "")
        value = int(text) if text.isdigit() and len(text) <= 10 else -1
        return value if low <= value <= high else None


def encode(sequence: int, kind: str, fields: Mapping[str, object]) -> bytes:
    """Return a frame with its line end."""
    words = ",".join(f"{name}={value}" for name, value in fields.items())
    body = f"{sequence % SEQUENCES}|{kind}|{words}".encode("ascii")
    return b"~%s|%04X\n" % (body, crc16(body))


def decode(line: bytes) -> Frame | None:
    """Read what follows the last `~` of a line; None when it is damaged or no frame."""
    body = line.rpartition(b"~")[2].rstrip(b"\r\n")
    found = _FRAME.fullmatch(body)
    if found is None or int(found[1]) >= SEQUENCES:
        return None
    if crc16(body[: found.start(4) - 1]) != int(found[4], 16):
        return None
    try:
        words = found[3].decode("ascii")
    except UnicodeDecodeError:
        return None
    pairs = [_PAIR.fullmatch(word) for word in words.split(",") if word]
    if not all(pairs):
        return None
    return Frame(int(found[1]), found[2].decode(), {pair[1]: pair[2] for pair in pairs if pair})


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 1021, begins with FFFF, nothing reflected.

    >>> hex(crc16(b"123456789"))
    '0x29b1'
    """
    return binascii.crc_hqx(data, 0xFFFF)


def is_after(one: int, other: int) -> bool:
    """Tell whether a sequence number comes after another; they begin anew at 65,536."""
    return 0 < (one - other) % SEQUENCES < SEQUENCES // 2


@dataclass(slots=True)
class LineSplitter:
    """Cuts a stream into lines; one that is too long is dropped and counted."""

    dropped_bytes: int = 0
    _kept: bytearray = field(default_factory=bytearray)

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return whole lines without their ends."""
        self._kept += chunk
        *lines, rest = bytes(self._kept).split(b"\n")
        if len(rest) > MAX_LINE:
            keep = rest.rfind(b"~", -MAX_LINE)
            cut = keep if keep >= 0 else len(rest)
            self.dropped_bytes += cut
            rest = rest[cut:]
        self._kept = bytearray(rest)
        return [line for line in lines if line.strip()]

    def clear(self) -> None:
        """Forget what was begun."""
        self._kept.clear()
