"""How far each consumer group is with a stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from energy.lib.redis import key
from telemetry.ingest.buffer import PARTITION
from telemetry.reactors.stream import parse_id


@dataclass(frozen=True, slots=True)
class Backlog:
    """What one consumer group has not done yet.

    `waiting`: entries not read yet, None when Redis cannot tell; `behind_seconds`: age of
    the oldest entry that is not done, 0 when there is none.
    """

    group: str
    waiting: int | None
    in_work: int
    behind_seconds: float

    @property
    def undone(self) -> int:
        """Count what is known to wait, read or not."""
        return (self.waiting or 0) + self.in_work


def read_backlogs(client: Redis, name: str, *, now: float) -> list[Backlog]:
    """Return the state of each consumer group of a stream; none before its first entry.

    Args: now: seconds since 1970.
    """
    try:
        stream: Any = client.xinfo_stream(key(name))
        groups: Any = client.xinfo_groups(key(name))
    except ResponseError:  # no such stream yet
        return []
    backlogs = []
    for group in groups:
        oldest = _oldest_undone(client, key(name), group, newest=stream["last-generated-id"])
        waiting = group.get("lag")  # Redis 6 does not know
        if waiting is None and name == PARTITION:  # what is done is deleted from this one
            waiting = max(0, stream["length"] - group["pending"])
        backlogs.append(
            Backlog(
                group=group["name"].decode(),
                waiting=0 if oldest is None else waiting,
                in_work=group["pending"],
                behind_seconds=0.0 if oldest is None else max(0.0, now - oldest / 1000),
            )
        )
    return backlogs


def _oldest_undone(
    client: Redis, stream: str, group: Mapping[str, Any], *, newest: bytes
) -> int | None:
    """Return when the oldest entry that a group has not finished came, in ms since 1970."""
    moments = []
    if group["pending"]:
        pending: Any = client.xpending(stream, group["name"])
        moments += [parse_id(pending["min"])[0]] if pending["min"] else []
    delivered = group["last-delivered-id"]
    if parse_id(delivered) < parse_id(newest):
        following: Any = client.xrange(stream, min=b"(" + delivered, count=1)
        moments += [parse_id(entry_id)[0] for entry_id, _fields in following]
    return min(moments, default=None)
