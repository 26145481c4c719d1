"""How bytes of unknown content are shown to a person."""

from __future__ import annotations

HEX_BYTES = 2048
ROW_BYTES = 16


def as_text(payload: bytes) -> str:
    """Return UTF-8 text in which bad bytes and control characters are spelled `\\x1b`."""
    text = payload.decode("utf-8", "backslashreplace")
    return "".join(letter if _is_plain(letter) else _spell(letter) for letter in text)


def _is_plain(letter: str) -> bool:
    return letter.isprintable() or letter in "\n\t"


def _spell(letter: str) -> str:
    # also catches marks that would reorder the text around them
    return letter.encode("unicode_escape").decode()


def as_hex(payload: bytes) -> str:
    """Return the first 2,048 bytes as rows of offset, hexadecimal and ASCII."""
    rows = [_row(payload, start) for start in range(0, min(len(payload), HEX_BYTES), ROW_BYTES)]
    if len(payload) > HEX_BYTES:
        rows.append(f"… {len(payload) - HEX_BYTES} more")
    return "\n".join(rows)


def _row(payload: bytes, start: int) -> str:
    part = payload[start : min(start + ROW_BYTES, HEX_BYTES)]
    letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
    return f"{start:06x}  {part.hex(' '):<{ROW_BYTES * 3 - 1}}  {letters}"
