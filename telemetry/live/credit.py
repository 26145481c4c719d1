"""The credit window: how much a socket may owe before it gets no more frames.

Daphne buffers without bound for a reader that stalls (django/daphne#170): what was
sent and not acknowledged is the only measure of what lies in its buffer.
"""

from __future__ import annotations

from collections import deque

from telemetry.live.limits import ACK_TIMEOUT_SECONDS, UNACKED_BYTES, UNACKED_FRAMES


class UnsentFrame(ValueError):
    """The client acknowledged a frame that was never sent."""


class CreditWindow:
    """Frames are numbered from 1; at most 64 of them or 256 KiB are unacknowledged."""

    __slots__ = (
        "_ack_seconds",
        "_max_bytes",
        "_max_frames",
        "_owed_bytes",
        "_progress_at",
        "_sizes",
        "sent",
    )

    def __init__(
        self,
        *,
        max_frames: int = UNACKED_FRAMES,
        max_bytes: int = UNACKED_BYTES,
        ack_seconds: float = ACK_TIMEOUT_SECONDS,
    ) -> None:
        self.sent = 0
        self._ack_seconds = ack_seconds
        self._max_frames = max_frames
        self._max_bytes = max_bytes
        self._sizes: deque[int] = deque()
        self._owed_bytes = 0
        self._progress_at = 0.0

    @property
    def owed(self) -> int:
        """How many frames are sent and not acknowledged."""
        return len(self._sizes)

    def is_open(self) -> bool:
        """Tell whether one more frame may be sent; bytes may overshoot by that one frame."""
        return len(self._sizes) < self._max_frames and self._owed_bytes < self._max_bytes

    def take(self, size: int, *, now: float) -> int:
        """Note a frame of `size` bytes as sent and return its number."""
        if not self._sizes:
            self._progress_at = now
        self._sizes.append(size)
        self._owed_bytes += size
        self.sent += 1
        return self.sent

    def acknowledge(self, number: int, *, now: float) -> bool:
        """Note that the frames up to `number` are processed; False when that is no news.

        Raises:
            UnsentFrame: no such frame was sent.
        """
        if number > self.sent:
            raise UnsentFrame(f"frame {number} was not sent, the last one is {self.sent}")
        acknowledged = self.sent - len(self._sizes)
        for _ in range(number - acknowledged):
            self._owed_bytes -= self._sizes.popleft()
        if number > acknowledged:
            self._progress_at = now
        return number > acknowledged

    def is_overdue(self, now: float) -> bool:
        """Tell whether the client owes and made no progress for `ack_seconds`."""
        return bool(self._sizes) and now - self._progress_at > self._ack_seconds
