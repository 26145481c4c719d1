"""The ingest stream as one consumer sees it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import msgspec
from redis import Redis
from redis.exceptions import ResponseError

from energy.lib.redis import key
from energy.lib.waiting import must_wait
from telemetry.ingest.buffer import FIELD, PARTITION
from telemetry.ingest.chunk import Entry
from telemetry.ingest.envelope import Envelope, unpack

logger = logging.getLogger(__name__)

GROUP = "ingest"
READ_ENTRIES = 20  # a full chunk
BLOCK_MS = 100
CLAIM_IDLE_MS = 30_000
CLAIM_EVERY_SECONDS = 5.0
OWN_AGAIN_SECONDS = 10.0


class IngestStream:
    """Entries for one consumer: its own unfinished ones first, then dead workers', then new.

    Args: consumer: the same name after a restart. clock: seconds since 1970.
    """

    def __init__(self, client: Redis, *, consumer: str, clock: Callable[[], float]) -> None:
        self._redis = client
        self._consumer = consumer
        self._clock = clock
        self._stream = key(PARTITION)
        self._has_group = False
        self._own_pending = True
        self._own_until = 0.0
        self._claim_at = 0.0

    @property
    def name(self) -> str:
        """The Redis key."""
        return self._stream

    def read_own_again(self) -> None:
        """Begin with this consumer's unfinished entries, now and for some seconds.

        A Redis that hung may carry out late what the lost connection had asked for, and
        give this consumer entries that nobody reads.
        """
        self._own_pending = True
        self._own_until = self._clock() + OWN_AGAIN_SECONDS

    def take(self) -> list[Entry]:
        """Return up to 20 entries; waits 100 ms when there are none.

        Raises:
            redis.exceptions.RedisError: the durable Redis does not answer.
        """
        self._ensure_group()
        # after a restart or an error: what this consumer had taken before
        if self._own_pending or must_wait(
            self._own_until, now=self._clock(), at_most=OWN_AGAIN_SECONDS
        ):
            raw = self._read("0", None)
            self._own_pending = bool(raw)
            if raw:
                return self._unpack(raw)
        raw = self._claim() or self._read(">", BLOCK_MS)
        return self._unpack(raw)

    def _read(self, start: str, block: int | None) -> list[tuple[bytes, dict[bytes, bytes]]]:
        try:
            answer: Any = self._redis.xreadgroup(
                GROUP, self._consumer, {self._stream: start}, count=READ_ENTRIES, block=block
            )
        except ResponseError as error:
            if "NOGROUP" in str(error):
                self._has_group = False
                return []
            raise
        return _entries_of(answer)

    def _claim(self) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """Take over entries that a dead worker has had for 30 s."""
        now = self._clock()
        if must_wait(self._claim_at, now=now, at_most=CLAIM_EVERY_SECONDS):
            return []
        self._claim_at = now + CLAIM_EVERY_SECONDS
        answer: Any = self._redis.xautoclaim(
            self._stream, GROUP, self._consumer, CLAIM_IDLE_MS, "0-0", count=READ_ENTRIES
        )
        return [(entry, fields) for entry, fields in answer[1] if fields]

    def _ensure_group(self) -> None:
        if self._has_group or self._finds_group():
            return
        try:
            self._redis.xgroup_create(self._stream, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        self._has_group = True

    def _finds_group(self) -> bool:
        """Look before creating: a Redis without memory refuses to create, and may be read."""
        try:
            groups: Any = self._redis.xinfo_groups(self._stream)
        except ResponseError:  # no stream yet
            return False
        names = {group.get("name", group.get(b"name")) for group in groups}
        self._has_group = bool(names & {GROUP, GROUP.encode()})
        return self._has_group

    def _unpack(self, raw: list[tuple[bytes, dict[bytes, bytes]]]) -> list[Entry]:
        entries: list[Entry] = []
        for entry_id, fields in raw:
            try:
                entries.append((entry_id, unpack(fields[FIELD])))
            except (msgspec.MsgspecError, KeyError) as error:
                logger.error("Entry %r is not ours, kept as rejected: %s", entry_id, error)
                payload = fields.get(FIELD, repr(fields).encode())
                received_at = int(self._clock() * 1_000_000)
                entries.append((entry_id, [Envelope("unknown", "", payload, received_at)]))
        return entries


def _entries_of(answer: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Return the entries of one stream from an XREADGROUP answer, RESP2 or RESP3."""
    if not answer:
        return []
    if isinstance(answer, dict):
        [found] = answer.values()
        entries = found[0] if found and isinstance(found[0], list) else found
    else:
        entries = answer[0][1]
    return [(entry_id, fields) for entry_id, fields in entries if fields]
