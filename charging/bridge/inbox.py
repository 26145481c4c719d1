"""Keeps what a link heard until the database takes it; never more than some hundred facts."""

from __future__ import annotations

import datetime as dt
import threading
from collections import deque
from dataclasses import dataclass

from charging.esp32.facts import Look, Result

MOST = 500


@dataclass(frozen=True, slots=True)
class Item:
    """Something that was heard, and when (UTC)."""

    heard: object
    at: dt.datetime


class Inbox:
    """Filled by the link's thread, emptied by another.

    A look that shows what the one before showed takes its place. When there is no room the
    oldest goes, but never what became of an order.
    """

    def __init__(self, *, most: int = MOST) -> None:
        self.dropped = 0
        self._most = most
        self._items: deque[Item] = deque()
        self._lock = threading.Lock()

    def put(self, heard: object, at: dt.datetime) -> None:
        """Add something."""
        with self._lock:
            last = self._items[-1].heard if self._items else None
            if isinstance(heard, Look) and heard == last:
                self._items.pop()
            self._items.append(Item(heard, at))
            if len(self._items) > self._most:
                self._drop_one()

    def take(self) -> Item | None:
        """Remove the oldest and return it."""
        with self._lock:
            return self._items.popleft() if self._items else None

    def put_back(self, item: Item) -> None:
        """Let what could not be kept now be the next again."""
        with self._lock:
            self._items.appendleft(item)

    def __len__(self) -> int:
        return len(self._items)

    def _drop_one(self) -> None:
        for position, item in enumerate(self._items):
            if not isinstance(item.heard, Result):
                del self._items[position]
                self.dropped += 1
                return
