"""How late values came, counted by channel, quarter of an hour and class until it is written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from telemetry.ingest.batch import StoredBatch
from telemetry.storage.marks import QUARTER_US
from telemetry.truth.lateness import CLASSES, classes_of

# a code is channel · quarter since 1970 · class, in 32 + 27 + 4 bits
_CLASS_BITS = 4
_QUARTER_BITS = 27
_QUARTERS = (1 << _QUARTER_BITS) - 1


@dataclass(frozen=True, slots=True)
class _Part:
    """Codes, how many values each counts, and the smallest lateness in seconds."""

    codes: NDArray[np.int64]
    counts: NDArray[np.int64]
    earliest: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Counted:
    """Channels and quarters, pair by pair; `classes` has one row for each, a column a class."""

    channels: NDArray[np.int64]
    quarters: NDArray[np.int64]
    earliest: NDArray[np.float64]
    classes: NDArray[np.int64]


class LatenessTally:
    """Grows with channels and quarters, not with values.

    Args: loose: so many numbers wait to be added up at once.
    """

    def __init__(self, *, loose: int = 60_000) -> None:
        self._may_be_loose = loose
        self._parts: list[_Part] = []
        self._size = 0
        self._loose = 0

    def __len__(self) -> int:
        return self._size

    def add(self, batch: StoredBatch) -> None:
        """Count a batch; its rows are sorted by channel and time."""
        rows = batch.samples()
        if not len(rows):
            return
        time = np.ascontiguousarray(rows["time"])
        late = (batch.received - time) / 1_000_000
        codes = (rows["channel"].astype(np.int64) << _QUARTER_BITS) + time // QUARTER_US
        codes = (codes << _CLASS_BITS) + classes_of(late)
        # the later a value's time, the less late it is: equal codes stand together
        last = np.flatnonzero(np.append(codes[1:] != codes[:-1], True))
        self._parts.append(_Part(codes[last], np.diff(last, prepend=-1), late[last]))
        self._size += len(last)
        self._loose += len(last)
        if self._loose >= self._may_be_loose:
            self._add_up()

    def clear(self) -> None:
        """Begin anew."""
        self._parts, self._size, self._loose = [], 0, 0

    def counted(self) -> Counted:
        """Return what was counted since `clear`."""
        self._add_up()
        part = self._parts[0] if self._parts else _NOTHING
        keys, where = np.unique(part.codes >> _CLASS_BITS, return_inverse=True)
        classes = np.zeros((len(keys), CLASSES), dtype=np.int64)
        classes[where, part.codes & ((1 << _CLASS_BITS) - 1)] = part.counts
        earliest = np.full(len(keys), np.inf)
        np.minimum.at(earliest, where, part.earliest)
        return Counted(keys >> _QUARTER_BITS, keys & _QUARTERS, earliest, classes)

    def _add_up(self) -> None:
        if not self._parts:
            return
        codes = np.concatenate([part.codes for part in self._parts])
        order = np.argsort(codes, kind="stable")
        codes = codes[order]
        first = np.flatnonzero(np.append(True, codes[1:] != codes[:-1]))
        counts = np.concatenate([part.counts for part in self._parts])[order]
        earliest = np.concatenate([part.earliest for part in self._parts])[order]
        whole = _Part(
            codes[first], np.add.reduceat(counts, first), np.minimum.reduceat(earliest, first)
        )
        self._parts, self._size, self._loose = [whole], len(first), 0


_NOTHING = _Part(
    np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float64)
)
