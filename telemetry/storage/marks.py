"""Marks: which quarter hours of which channels changed, written with the change itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from telemetry.ingest.batch import SampleBatch

QUARTER_US = 900_000_000
QUARTERS_A_DAY = 96
WEEKS = 8 * 7 * QUARTERS_A_DAY

INSERT_MARK = """
INSERT INTO telemetry_dirty_mark (channels, windows, firsts, lasts) VALUES (%s, %s, %s, %s)
"""

Numbers = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Windows:
    """Quarter hours since 1970 (UTC) of channels, pair by pair.

    Of each, `firsts` and `lasts` are the times of the first and the last row that changed, in
    µs from its beginning.
    """

    channels: Numbers
    numbers: Numbers
    firsts: Numbers
    lasts: Numbers

    @classmethod
    def whole(cls, channels: Numbers, numbers: Numbers) -> Windows:
        """Return windows in which anything may have changed."""
        firsts = np.zeros(len(channels), dtype=np.int32)
        return cls(channels, numbers, firsts, firsts + np.int32(QUARTER_US - 1))

    def __len__(self) -> int:
        return len(self.channels)

    def take(self, which: Any) -> Windows:
        """Return those of a mask, a slice or indexes."""
        parts = (self.channels, self.numbers, self.firsts, self.lasts)
        return Windows(*(part[which] for part in parts))


def windows_of(rows: SampleBatch) -> Windows:
    """Return the windows of rows that are sorted by (channel, time), each once."""
    numbers, offsets = np.divmod(rows["time"], QUARTER_US)
    channels = rows["channel"]
    is_new = (channels[1:] != channels[:-1]) | (numbers[1:] != numbers[:-1])
    first = np.flatnonzero(np.append(True, is_new))[: len(rows)]
    last = np.flatnonzero(np.append(is_new, True))[: len(rows)]
    return Windows(
        channels[first],
        numbers[first].astype(np.int32),
        offsets[first].astype(np.int32),
        offsets[last].astype(np.int32),
    )


def split_by_weeks(windows: Windows) -> Iterator[Windows]:
    """Yield windows of at most eight weeks each.

    A statement looks at the tables of all weeks between its first and its last window, and
    TimescaleDB does so for every window anew.
    """
    places = windows.numbers // WEEKS
    for place in np.unique(places):
        yield windows.take(places == place)


def unite(parts: list[Windows]) -> Windows:
    """Return the windows of all parts, each once, by channel and time."""
    if not parts:
        none = np.empty(0, dtype=np.int32)
        return Windows(none, none, none, none)
    channels = np.concatenate([part.channels for part in parts]).astype(np.int64)
    keys = (channels << 32) + np.concatenate([part.numbers for part in parts])
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    start = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])
    if not len(start):
        return parts[0]
    firsts = np.concatenate([part.firsts for part in parts])[order]
    lasts = np.concatenate([part.lasts for part in parts])[order]
    return Windows(
        (keys[start] >> 32).astype(np.int32),
        (keys[start] & 0xFFFFFFFF).astype(np.int32),
        np.minimum.reduceat(firsts, start),
        np.maximum.reduceat(lasts, start),
    )


def encode_mark(windows: Windows) -> tuple[bytes, bytes, bytes, bytes]:
    """Return the columns of a mark.

    Live data all lies in one quarter, which is then written once; where each channel sent one
    value, the first is the last.
    """
    numbers, lasts = windows.numbers, windows.lasts
    if len(numbers) and (numbers == numbers[0]).all():
        numbers = numbers[:1]
    if np.array_equal(windows.firsts, lasts):
        lasts = lasts[:0]
    parts = (windows.channels, numbers, windows.firsts, lasts)
    channels, numbers_, firsts, lasts_ = (part.astype("<i4").tobytes() for part in parts)
    return channels, numbers_, firsts, lasts_


def decode_mark(channels: bytes, numbers: bytes, firsts: bytes, lasts: bytes) -> Windows:
    """Read the columns of a mark; one that an earlier version wrote has no times."""
    found, quarters, begins, ends = (
        np.frombuffer(column, dtype="<i4").astype(np.int32)
        for column in (channels, numbers, firsts, lasts)
    )
    quarters = np.broadcast_to(quarters, found.shape).copy()
    if len(begins) != len(found):
        return Windows.whole(found, quarters)
    return Windows(found, quarters, begins, ends if len(ends) else begins)
