"""What a link needs of a conversation in some protocol; see charging.esp32 for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Talk(Protocol):
    """Bytes and times in, facts and bytes out; called by one thread.

    `frames` and `damaged` count what was and was not understood; `is_synced`: what the other
    end is like is known; `is_idle`: no order is under way.
    """

    frames: int
    damaged: int
    is_synced: bool

    @property
    def is_idle(self) -> bool:
        """Tell whether no order is under way."""

    def opened(self, now: float) -> None:
        """Begin anew on a link that was just opened."""

    def closed(self, now: float, *, code: str, detail: str) -> None:
        """End all orders; nothing of them is kept for the next link."""

    def receive(self, chunk: bytes, now: float) -> None:
        """Read what came in."""

    def tick(self, now: float) -> None:
        """Do what is due."""

    def next_tick(self) -> float:
        """Return when something is due."""

    def ask(self, ask: Any, now: float) -> None:
        """Begin an order."""

    def refusal(self, ask: Any, *, code: str, detail: str) -> object:
        """Return what is told of an order that is not begun; may be called by any thread."""

    def take_outgoing(self) -> bytes:
        """Return the bytes to write."""

    def take_heard(self) -> Sequence[object]:
        """Return what was heard since the last call."""
