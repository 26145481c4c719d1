"""Bounds of one socket, told to the client in `welcome`, and the bucket that keeps a rate."""

from __future__ import annotations

MAX_DEVICES = 500
MAX_SUBSCRIPTIONS = 20
MAX_METRICS = 100
MAX_MESSAGE_BYTES = 16 * 1024
MESSAGES_PER_SECOND = 10
# A client acknowledges each frame, and a snapshot of many frames arrives at once.
ACKS_PER_SECOND = 30
ACKS_BURST = 200
FRAMES_PER_SECOND = 10
UNACKED_FRAMES = 64
# 64 full frames would be 4 MiB a socket: 100 stalled readers may cost 64 MiB in all.
UNACKED_BYTES = 256 * 1024
# with the hub's look every half second, a socket that stalls is closed within 30 s
ACK_TIMEOUT_SECONDS = 28.0
FRAME_BYTES = 64 * 1024
# a point has at most 170 bytes, so these fit a frame whatever they are
FRAME_POINTS = 380
DEFAULT_RATE_MS = 250
MIN_RATE_MS = 100
MAX_RATE_MS = 60_000

PUBLISHED = {
    "devices": MAX_DEVICES,
    "subscriptions": MAX_SUBSCRIPTIONS,
    "messages_per_second": MESSAGES_PER_SECOND,
    "message_bytes": MAX_MESSAGE_BYTES,
    "frames_per_second": FRAMES_PER_SECOND,
    "unacked_frames": UNACKED_FRAMES,
    "unacked_bytes": UNACKED_BYTES,
    "ack_timeout_seconds": int(ACK_TIMEOUT_SECONDS),
    "rate_ms": MIN_RATE_MS,
}


class TokenBucket:
    """Allow `rate` events a second on average and `burst` at once."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, *, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = now

    def take(self, now: float) -> bool:
        """Use one token if there is one."""
        self._fill(now)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def wait_seconds(self, now: float) -> float:
        """Return how long until the next token; 0 when there is one."""
        self._fill(now)
        return max(0.0, (1.0 - self._tokens) / self._rate)

    def _fill(self, now: float) -> None:
        gained = max(0.0, now - self._at) * self._rate
        # a rounding error must not ask for one more wait of nothing
        self._tokens = min(self._burst, self._tokens + gained + 1e-9)
        self._at = now
