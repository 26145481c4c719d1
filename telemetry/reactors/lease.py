"""One active copy of a reactor; others stand by."""

from __future__ import annotations

from redis import Redis

LEASE_SECONDS = 3.0
_RENEW_SECONDS = 0.5

_HOLD = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


class Lease:
    """A key that its holder renews; a holder that was killed loses it after three seconds."""

    def __init__(self, client: Redis, key: str, *, holder: str) -> None:
        self._client = client
        self._key = key
        self._holder = holder
        self._renewed_at = float("-inf")

    def hold(self, *, now: float) -> bool:
        """Take or renew the lease; False while another holds it.

        Raises:
            redis.exceptions.RedisError: nothing is known about the lease.
        """
        if 0 <= now - self._renewed_at < _RENEW_SECONDS:
            return True
        milliseconds = int(LEASE_SECONDS * 1000)
        held = bool(self._client.eval(_HOLD, 1, self._key, self._holder, milliseconds))
        self._renewed_at = now if held else float("-inf")
        return held

    def release(self) -> None:
        """Let another copy take over at once."""
        self._renewed_at = float("-inf")
        self._client.eval(_RELEASE, 1, self._key, self._holder)
