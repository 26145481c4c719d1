"""Cuts frames and lines out of a stream of bytes, whatever else is in it."""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_FRAME = 256
MAX_TEXT = 256


@dataclass(slots=True)
class Splitter:
    """Finds `<…>` of version 1 and the lines between them; never keeps more than a frame.

    A frame that is cut, by a line end, by the next `<` or by being too long, is dropped and
    counted in `dropped_bytes`; the next frame is read whole.
    """

    dropped_bytes: int = 0
    _kept: bytearray = field(default_factory=bytearray)

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return frames with their brackets, and other lines without their ends, in order."""
        self._kept += chunk
        found: list[bytes] = []
        position = 0
        while position < len(self._kept):
            end, piece = self._next(position)
            if end < 0:
                break
            if piece:
                found.append(piece)
            position = end
        del self._kept[:position]
        return found

    def clear(self) -> None:
        """Forget what was begun: the rest of it will not come."""
        self.dropped_bytes += len(self._kept)
        self._kept.clear()

    def _next(self, start: int) -> tuple[int, bytes]:
        """Return where the piece at `start` ends, and the piece; -1 while it is not whole."""
        if self._kept[start] == 0x3C:
            return self._frame(start)
        return self._text(start)

    def _frame(self, start: int) -> tuple[int, bytes]:
        limit = start + MAX_FRAME
        close = self._kept.find(b">", start, limit)
        until = close if close >= 0 else min(len(self._kept), limit)
        cuts = [
            cut for mark in (b"<", b"\n", b"\r")
            if (cut := self._kept.find(mark, start + 1, until)) >= 0
        ]  # fmt: skip
        if cuts:
            return self._drop(start, min(cuts))
        if close >= 0:
            return close + 1, bytes(self._kept[start : close + 1])
        return self._drop(start, limit) if len(self._kept) >= limit else (-1, b"")

    def _text(self, start: int) -> tuple[int, bytes]:
        ends = [
            end for mark in (b"<", b"\n")
            if (end := self._kept.find(mark, start, start + MAX_TEXT)) >= 0
        ]  # fmt: skip
        if not ends:
            too_long = len(self._kept) - start >= MAX_TEXT
            return self._drop(start, start + MAX_TEXT) if too_long else (-1, b"")
        end = min(ends)
        text = bytes(self._kept[start:end]).strip()
        return (end if self._kept[end] == 0x3C else end + 1), text

    def _drop(self, start: int, end: int) -> tuple[int, bytes]:
        self.dropped_bytes += end - start
        return end, b""
