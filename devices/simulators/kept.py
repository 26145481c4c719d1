"""Readings that a box keeps until the platform has told it that they are stored."""

from __future__ import annotations

import json
from typing import Any

KEPT_READINGS = 20_000


class KeptReadings:
    """Numbers readings and keeps them in memory, the oldest are dropped beyond 20,000.

    Args: boot: how often the box was switched on. `seq` counts from 1.
    """

    def __init__(self, boot: int) -> None:
        self._boot = boot
        self._seq = 0
        self._kept: dict[int, tuple[str, str]] = {}
        self._unsent: list[int] = []

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, topic: str, content: dict[str, Any]) -> None:
        """Keep a reading to be sent."""
        self._seq += 1
        payload = json.dumps({**content, "boot": self._boot, "seq": self._seq})
        self._kept[self._seq] = topic, payload
        self._unsent.append(self._seq)
        while len(self._kept) > KEPT_READINGS:
            del self._kept[next(iter(self._kept))]

    def take_unsent(self) -> list[tuple[str, str]]:
        """Return what was never sent, in order; it stays kept until the receipt."""
        taken, self._unsent = self._unsent, []
        return [self._kept[seq] for seq in taken if seq in self._kept]

    def hear(self, word: str, payload: bytes) -> list[tuple[str, str]]:
        """Heed a `receipt` or a request for `backfill`; return what is to be sent again.

        `{"boot": 3, "upto": 120}`: everything up to 120 is stored and forgotten here.
        `{"boot": 3, "ranges": [[5, 7]]}`: 5 to 7 are missing there.
        """
        try:
            told = json.loads(payload)
            if told["boot"] != self._boot:
                return []
            if word == "receipt":
                self._forget(int(told["upto"]))
                return []
            return self._find([(int(first), int(last)) for first, last in told["ranges"]])
        except (ValueError, KeyError, TypeError):
            return []

    def _forget(self, upto: int) -> None:
        for seq in [seq for seq in self._kept if seq <= upto]:
            del self._kept[seq]

    def _find(self, ranges: list[tuple[int, int]]) -> list[tuple[str, str]]:
        return [
            reading
            for seq, reading in self._kept.items()
            if any(first <= seq <= last for first, last in ranges)
        ]
