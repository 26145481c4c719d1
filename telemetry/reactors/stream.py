"""A consumer group on a stream: reading without gaps, claiming, acknowledging, trimming."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

CLAIM_IDLE_MS = 5_000

_FIRST_ID = """
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
return first[1] and first[1][1]
"""


class GroupMissing(RuntimeError):
    """The stream or its consumer group does not exist (any more)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One stream entry. `data` is None when it was trimmed before it was read."""

    id: bytes
    data: bytes | None


def parse_id(entry_id: bytes | str) -> tuple[int, int]:
    """Return (milliseconds, number) of an entry id, which compare like the stream does."""
    text = entry_id.decode() if isinstance(entry_id, bytes) else entry_id
    milliseconds, _, number = text.partition("-")
    return int(milliseconds), int(number or 0)


class GroupReader:
    """One consumer of one group.

    The last delivered entry is always kept in the stream. Where it is gone, others
    trimmed beyond this group's position, and entries may be lost to it: Redis 6 has no
    other sign of that.
    """

    def __init__(
        self, client: Redis, stream: str, *, group: str, consumer: str, field: bytes
    ) -> None:
        self._client = client
        self._stream = stream
        self._group = group
        self._consumer = consumer
        self._field = field

    def create_group(self, start: str) -> bool:
        """Create the group at `start` unless it exists; tell whether it is new."""
        try:
            self._client.xgroup_create(self._stream, self._group, id=start, mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
            return False
        return True

    def skip_to_end(self) -> None:
        """Forget what is pending and continue with entries added from now on.

        Raises:
            GroupMissing
        """
        self._call(self._client.xgroup_setid, self._stream, self._group, "$")
        while pending := self._call(
            self._client.xpending_range, self._stream, self._group, "-", "+", 1000
        ):
            self.acknowledge([entry["message_id"] for entry in pending])

    def read_new(self, *, count: int, block_ms: int) -> tuple[list[Entry], bool]:
        """Return entries never delivered before, and whether entries before them are lost.

        Raises:
            GroupMissing
        """
        pipeline = self._client.pipeline(transaction=True)
        pipeline.xinfo_groups(self._stream)
        pipeline.eval(_FIRST_ID, 1, self._stream)
        pipeline.xreadgroup(self._group, self._consumer, {self._stream: ">"}, count=count)
        groups, first, answer = self._call(pipeline.execute)
        entries = self._entries(answer)
        if entries:
            return entries, self._is_beyond(first, groups)
        # the group stands at the end, so what comes now is handed over before any trimming
        answer = self._call(
            self._client.xreadgroup,
            self._group,
            self._consumer,
            {self._stream: ">"},
            count=count,
            block=max(1, block_ms),
        )
        return self._entries(answer), False

    def read_pending(self, *, after: bytes, count: int) -> list[Entry]:
        """Return entries that were delivered to this consumer and not acknowledged.

        Raises:
            GroupMissing
        """
        answer = self._call(
            self._client.xreadgroup,
            self._group,
            self._consumer,
            {self._stream: after.decode()},
            count=count,
        )
        return self._entries(answer)

    def claim_abandoned(self) -> bool:
        """Take over what other consumers left pending for five seconds; True if there was any.

        They are read with `read_pending`.
        """
        options = {"min_idle_time": CLAIM_IDLE_MS, "count": 1000, "justid": True}
        return bool(self._client.xautoclaim(self._stream, self._group, self._consumer, **options))  # type: ignore[arg-type]

    def acknowledge(self, ids: list[bytes]) -> None:
        """Note entries as done."""
        self._client.xack(self._stream, self._group, *ids)

    def trim(self) -> None:
        """Delete what every group is done with, except the last entry of the slowest.

        Raises:
            GroupMissing
        """
        groups = self._call(self._client.xinfo_groups, self._stream)
        lowest = min((self._position(group) for group in groups), default=(0, 0))
        if lowest > (0, 0):
            self._client.xtrim(self._stream, minid="{}-{}".format(*lowest), approximate=False)

    def _position(self, group: dict[str, Any]) -> tuple[int, int]:
        delivered = parse_id(group["last-delivered-id"])
        if not group["pending"]:
            return delivered
        oldest = self._client.xpending(self._stream, group["name"])["min"]
        return min(delivered, parse_id(oldest)) if oldest else delivered

    def _is_beyond(self, first: bytes | None, groups: list[dict[str, Any]]) -> bool:
        own = next(group for group in groups if group["name"] == self._group.encode())
        position = parse_id(own["last-delivered-id"])
        return position > (0, 0) and first is not None and parse_id(first) > position

    def _entries(self, answer: Any) -> list[Entry]:
        streams = answer.items() if isinstance(answer, dict) else answer or []
        return [
            Entry(entry_id, (fields or {}).get(self._field))
            for _, entries in streams
            for entry_id, fields in entries
            if entry_id is not None
        ]

    def _call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except ResponseError as error:
            if "NOGROUP" in str(error) or "no such key" in str(error):
                raise GroupMissing(str(error)) from error
            raise
