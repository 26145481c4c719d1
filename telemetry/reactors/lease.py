"""One active copy of a process; others stand by."""

from __future__ import annotations

from collections.abc import Callable

from redis import Redis

LEASE_SECONDS = 3.0
_RENEW_SECONDS = 0.5

_HOLD = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] and holder ~= ARGV[3] then return holder end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


class Lease:
    """A key that its holder renews; a holder that was killed loses it after some seconds.

    Args: is_gone: tells of another holder that it has certainly ended; then nobody waits.
    """

    def __init__(
        self,
        client: Redis,
        key: str,
        *,
        holder: str,
        seconds: float = LEASE_SECONDS,
        is_gone: Callable[[str], bool] = lambda _holder: False,
    ) -> None:
        self._client = client
        self._key = key
        self._holder = holder
        self._milliseconds = int(seconds * 1000)
        self._is_gone = is_gone
        self._renewed_at = float("-inf")

    def hold(self, *, now: float) -> bool:
        """Take or renew the lease; False while another holds it.

        Raises:
            redis.exceptions.RedisError: nothing is known about the lease.
        """
        if 0 <= now - self._renewed_at < _RENEW_SECONDS:
            return True
        holder = self._take(instead_of="")
        if holder != self._holder and self._is_gone(holder):
            holder = self._take(instead_of=holder)
        held = holder == self._holder
        self._renewed_at = now if held else float("-inf")
        return held

    def release(self) -> None:
        """Let another copy take over at once."""
        self._renewed_at = float("-inf")
        self._client.eval(_RELEASE, 1, self._key, self._holder)

    def _take(self, *, instead_of: str) -> str:
        """Take the lease if nobody has it, or this one; return who has it now."""
        found: bytes = self._client.eval(  # type: ignore[assignment]
            _HOLD, 1, self._key, self._holder, self._milliseconds, instead_of
        )
        return found.decode()
