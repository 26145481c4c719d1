"""The durable buffer between the wires and the ingest workers.

A message is acknowledged once `append` has returned: the entry is then in the
append-only file of the durable Redis. The stream is bounded by refusing, never by
trimming and never by sampling.
"""

from __future__ import annotations

from django.conf import settings
from redis import Redis
from redis.exceptions import OutOfMemoryError, RedisError

from energy.lib.metrics import STREAM_ENTRIES, STREAM_FULL
from energy.lib.redis import durable, key
from telemetry.ingest.envelope import Envelope, pack

PARTITION = "ingest.0"
FIELD = b"m"


class BufferFull(RuntimeError):
    """The stream holds as much as it may; stop reading and try the same messages again."""


class BufferUnavailable(RuntimeError):
    """The durable Redis does not answer; stop reading and try the same messages again."""


class IngestBuffer:
    """Appends packed envelopes to the stream and knows when to refuse."""

    def __init__(self, client: Redis | None = None, max_entries: int | None = None) -> None:
        self._client = client or durable()
        self._max_entries = max_entries or settings.INGEST_STREAM_MAX_ENTRIES
        self._entries = self._max_entries  # unknown: ask before the first append
        self.stream = key(PARTITION)

    def append(self, envelopes: list[Envelope]) -> None:
        """Store envelopes as one entry; when this returns they are on disk.

        Raises:
            BufferFull: the bound is reached, or Redis is out of memory.
            BufferUnavailable: Redis is down, frozen or restarting. The entry may have
                been stored all the same; sending it again is harmless.
        """
        try:
            self._refuse_when_full()
            pipeline = self._client.pipeline(transaction=False)
            pipeline.xadd(self.stream, {FIELD: pack(envelopes)})
            pipeline.xlen(self.stream)
            _, self._entries = pipeline.execute()
        except OutOfMemoryError as error:
            STREAM_FULL.inc()
            raise BufferFull("Redis is out of memory") from error
        except (RedisError, OSError) as error:
            raise BufferUnavailable(str(error)) from error
        STREAM_ENTRIES.labels("ingest").set(self._entries)

    def _refuse_when_full(self) -> None:
        if self._entries < self._max_entries:
            return
        self._entries = int(self._client.xlen(self.stream))
        if self._entries >= self._max_entries:
            STREAM_FULL.inc()
            raise BufferFull(f"{self._entries} entries wait, {self._max_entries} may")
