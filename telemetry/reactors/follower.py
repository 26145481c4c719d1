"""The frame around every reactor: one copy follows the stream of stored batches."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError
from prometheus_client import Counter, Gauge
from redis import Redis
from redis.exceptions import ConnectionError as RedisUnavailable
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisSilent

from energy.lib.redis import key
from energy.lib.waiting import must_wait
from telemetry.ingest.batch import decode_stored
from telemetry.ingest.publish import FIELD, STREAM
from telemetry.reactors.base import Reactor
from telemetry.reactors.lease import Lease
from telemetry.reactors.stream import Entry, GroupMissing, GroupReader

logger = logging.getLogger(__name__)

MAX_TRIES = 5
RETRY_SECONDS = 1.0
READ_COUNT = 16
MAX_FAILED = 64
TRIM_SECONDS = 1.0
CLAIM_SECONDS = 5.0
MAX_BLOCK_SECONDS = 0.5

GIVEN_UP = Counter("energy_reactor_given_up", "Batches a reactor failed on", ["reactor"])
GAPS = Counter("energy_reactor_gaps", "Times batches passed a reactor unseen", ["reactor"])
LAG_SECONDS = Gauge("energy_reactor_lag_seconds", "Age of the last batch when read", ["reactor"])


@dataclass(slots=True)
class _Failed:
    entry: Entry
    tries: int
    retry_at: float


class Follower:
    """Feeds one reactor; `round` is called by the process loop.

    Only the holder of the reactor's lease reads. Entries are acknowledged after `flush`,
    so a crash anywhere repeats them.
    """

    def __init__(self, reactor: Reactor, client: Redis, *, consumer: str, holder: str) -> None:
        self.reactor = reactor
        self._lease = Lease(client, key(f"lease:reactor:{reactor.name}"), holder=holder)
        self._reader = GroupReader(
            client, key(STREAM), group=reactor.name, consumer=consumer, field=FIELD
        )
        self._is_active = False
        self._was_active = False
        self._pending_after: bytes | None = b"0"  # None: all of it is read
        self._failed: dict[bytes, _Failed] = {}
        self._done: list[bytes] = []
        self._trim_at = 0.0
        self._claim_at = 0.0
        self._is_redis_lost = False

    def round(self, *, now: float, block: bool = True) -> bool:
        """Read and react once; False while this copy stands by or Redis does not answer.

        Args: now: seconds since 1970. block: wait for entries, at most half a second.
        """
        try:
            if not self._enter(now):
                return False
            self._work(now, block=block)
        except (RedisUnavailable, RedisSilent) as error:
            self._note_redis_lost(error)
            return False
        except GroupMissing:
            logger.warning("Group %s is gone from the stream, recreating it", self.reactor.name)
            self._reader.create_group("0")
            self._read_pending_again()
            self._note_gap()
        except BaseException:
            self._read_pending_again()
            raise
        if self._is_redis_lost:
            logger.info("Reactor %s is back on Redis", self.reactor.name)
            self._is_redis_lost = False
        return True

    def close(self) -> None:
        """Hand over to another copy."""
        self.reactor.close()
        if self._is_active:
            with contextlib.suppress(RedisError):  # else the lease runs out by itself
                self._lease.release()

    def _enter(self, now: float) -> bool:
        """Hold the lease; at the start of a term, find the position."""
        if not self._lease.hold(now=now):
            self._is_active = False
            return False
        if not self._is_active:
            self._begin_term()
            self._is_active = True
        return True

    def _begin_term(self) -> None:
        is_new = self._reader.create_group(self.reactor.starts_at)
        self._read_pending_again()
        if self.reactor.skips_backlog and not is_new:
            self._reader.skip_to_end()
        if self._was_active:  # another copy has reacted meanwhile
            self._note_gap()
        self._was_active = True

    def _work(self, now: float, *, block: bool) -> None:
        if not must_wait(self._claim_at, now=now, at_most=CLAIM_SECONDS):
            self._claim_at = now + CLAIM_SECONDS
            if self._reader.claim_abandoned():
                self._pending_after = b"0"
        self._retry_failed(now)
        for entry in self._read(block=block):
            self._react(entry, now)
        self.reactor.flush(now)
        self._acknowledge()
        if not must_wait(self._trim_at, now=now, at_most=TRIM_SECONDS):
            self._trim_at = now + TRIM_SECONDS
            self._reader.trim()

    def _read(self, *, block: bool) -> list[Entry]:
        if self._pending_after is not None:
            entries = self._reader.read_pending(after=self._pending_after, count=READ_COUNT)
            self._pending_after = entries[-1].id if entries else None
            return [entry for entry in entries if entry.id not in self._failed]
        if len(self._failed) >= MAX_FAILED:
            return []
        wait = min(self.reactor.wait_seconds(), MAX_BLOCK_SECONDS) if block else 0.0
        entries, has_gap = self._reader.read_new(count=READ_COUNT, block_ms=int(wait * 1000))
        if has_gap:
            self._note_gap()
        return entries

    def _react(self, entry: Entry, now: float, *, tries: int = 0) -> None:
        if entry.data is None:
            self._note_gap()
            self._done.append(entry.id)
            return
        LAG_SECONDS.labels(self.reactor.name).set(now - int(entry.id.split(b"-")[0]) / 1000)
        try:
            self.reactor.react(decode_stored(entry.data))
        except (OperationalError, InterfaceError):
            raise  # an unavailable database is no try
        except Exception as error:  # noqa: BLE001 one bad entry never stops the others
            self._note_failure(entry, error, now, tries + 1)
        else:
            self._failed.pop(entry.id, None)
            self._done.append(entry.id)

    def _retry_failed(self, now: float) -> None:
        due = [
            failed
            for failed in self._failed.values()
            if not must_wait(failed.retry_at, now=now, at_most=RETRY_SECONDS)
        ]
        for failed in due:
            self._react(failed.entry, now, tries=failed.tries)

    def _note_failure(self, entry: Entry, error: Exception, now: float, tries: int) -> None:
        if tries < MAX_TRIES:
            logger.warning(
                "Reactor %s failed on %s, try %d: %r", self.reactor.name, entry.id, tries, error
            )
            self._failed[entry.id] = _Failed(entry, tries, now + RETRY_SECONDS)
            return
        logger.error("Reactor %s gives up on entry %s", self.reactor.name, entry.id, exc_info=error)
        GIVEN_UP.labels(self.reactor.name).inc()
        self._failed.pop(entry.id, None)
        self._done.append(entry.id)

    def _acknowledge(self) -> None:
        if self._done:
            self._reader.acknowledge(self._done)
            self._done = []

    def _note_gap(self) -> None:
        logger.warning("Batches passed reactor %s unseen", self.reactor.name)
        GAPS.labels(self.reactor.name).inc()
        self.reactor.on_gap()

    def _note_redis_lost(self, error: Exception) -> None:
        if not self._is_redis_lost:
            logger.warning("Reactor %s waits, Redis does not answer: %s", self.reactor.name, error)
        self._is_redis_lost = True
        self._read_pending_again()

    def _read_pending_again(self) -> None:
        """Entries may have been delivered, or reacted to, without the group knowing."""
        self._done = []
        self._failed = {}
        self._pending_after = b"0"
