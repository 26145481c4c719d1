"""All watches of all rules, fed with samples in the order of time."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from automation.engine.watch import Firing, Watch

Owner = TypeVar("Owner")


class Found(NamedTuple, Generic[Owner]):
    """A firing of a watch of an owner; number: of the trigger in its rule."""

    owner: Owner
    number: int
    firing: Firing


class Entry(Generic[Owner]):
    """A watch of a trigger. `has_moved`: it has seen samples since that was last asked."""

    __slots__ = ("has_moved", "number", "owner", "waits_until", "watch")

    def __init__(self, owner: Owner, number: int, watch: Watch) -> None:
        self.owner = owner
        self.number = number
        self.watch = watch
        self.has_moved = False
        self.waits_until: int | None = None


class Board(Generic[Owner]):
    """Knows which watches look at a channel, and which fire by themselves when time passes."""

    def __init__(self, entries: Iterable[Entry[Owner]]) -> None:
        self.entries = list(entries)
        self._by_channel: dict[int, list[Entry[Owner]]] = {}
        for entry in self.entries:
            for channel in entry.watch.compiled.channels:
                self._by_channel.setdefault(channel, []).append(entry)
        size = max(self._by_channel, default=0) + 1
        self._is_watched = np.zeros(size + 1, dtype=np.bool_)
        self._is_watched[list(self._by_channel)] = True
        # owners of which a watch could not be worked out, since this was last asked
        self.failed: dict[Owner, Exception] = {}
        self._waiting: list[tuple[int, int, Entry[Owner]]] = []
        self._order = 0

    def take(self, samples: NDArray[np.void]) -> list[Found[Owner]]:
        """Look at samples (fields channel, time, value), whatever their order."""
        channels = np.minimum(samples["channel"], len(self._is_watched) - 1)
        mine = samples[self._is_watched[channels]]
        if not len(mine):
            return []
        mine = mine[np.argsort(mine["time"], kind="stable")]
        found: list[Found[Owner]] = []
        by_channel = self._by_channel
        for channel, time, value in zip(
            mine["channel"].tolist(), mine["time"].tolist(), mine["value"].tolist(), strict=True
        ):
            for entry in by_channel[channel]:
                try:
                    firing = entry.watch.take(channel, time, value)
                except Exception as error:  # noqa: BLE001 one bad rule never stops the others
                    self.failed[entry.owner] = error
                    continue
                entry.has_moved = True
                if firing is not None:
                    found.append(Found(entry.owner, entry.number, firing))
                elif entry.watch.lasting:
                    self.wait(entry)
        return found

    def due(self, until: int) -> list[Found[Owner]]:
        """Return what fires because time has passed. Args: until: µs."""
        found = []
        while self._waiting and self._waiting[0][0] <= until:
            at, _order, entry = heapq.heappop(self._waiting)
            if entry.waits_until != at:
                continue
            entry.waits_until = None
            try:
                firing = entry.watch.due(until)
            except Exception as error:  # noqa: BLE001 one bad rule never stops the others
                self.failed[entry.owner] = error
                continue
            if firing is not None:
                entry.has_moved = True
                found.append(Found(entry.owner, entry.number, firing))
            else:
                self.wait(entry)
        return found

    def wait(self, entry: Entry[Owner]) -> None:
        """Look at a watch again when it is due by itself."""
        at = entry.watch.due_at
        if at is None or at == entry.waits_until:
            return
        entry.waits_until = at
        self._order += 1
        heapq.heappush(self._waiting, (at, self._order, entry))

    def moved(self) -> Iterator[Entry[Owner]]:
        """Yield the entries that have seen samples, and forget that they have."""
        for entry in self.entries:
            if entry.has_moved:
                entry.has_moved = False
                yield entry
