"""Takes entries from the stream and turns them into committed rows."""

from __future__ import annotations

import datetime as dt
import logging
import time
import uuid
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import psycopg
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError
from redis import Redis
from redis.exceptions import RedisError

from accounts.tenancy import tenant_scope
from devices.services.presence import UnknownStatus, apply_status_report, touch_last_seen
from energy.lib import metrics
from energy.lib.redis import durable
from telemetry import partitions
from telemetry.ingest import publish
from telemetry.ingest.assemble import Assembled, Columns, assemble, conflict
from telemetry.ingest.batch import StoredBatch, from_microseconds, to_microseconds
from telemetry.ingest.chunk import Chunk, Entry, split_chunks
from telemetry.ingest.directory import Directory, Source
from telemetry.ingest.envelope import Envelope
from telemetry.ingest.reading import Collector
from telemetry.ingest.status import read_status
from telemetry.ingest.store import Change, DataRefused, SampleStore, latest_rows
from telemetry.ingest.stream import GROUP, IngestStream
from telemetry.ingest.topics import Family
from telemetry.services.rejected import Rejection

logger = logging.getLogger(__name__)

TOUCH_EVERY_US = 10_000_000

# Nobody's fault: the round is repeated when the server is back.
UNAVAILABLE = (psycopg.OperationalError, OperationalError, InterfaceError, RedisError, OSError)


class IngestWorker:
    """One consumer of the group `ingest`; any number may run.

    Args: consumer: name of this copy, the same after a restart, so that it finds what it
        had taken. clock: seconds since 1970.
    """

    def __init__(
        self,
        *,
        consumer: str,
        client: Redis | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._redis = client or durable()
        self._clock = clock
        self._stream = IngestStream(self._redis, consumer=consumer, clock=clock)
        self._store = SampleStore()
        self._directory = Directory()
        self._touched: dict[uuid.UUID, int] = {}
        self._weeks: set[dt.datetime] = set()

    def run_once(self) -> bool:
        """Store what waits, at most 20 entries; True if there was something.

        After an error the entries stay pending and the next round takes them again.
        """
        try:
            entries = self._stream.take()
            for chunk in split_chunks(entries):
                self._process(chunk)
        except BaseException:
            self._stream.read_own_again()
            raise
        return bool(entries)

    def close(self) -> None:
        """Release the database connection."""
        self._store.close()

    def _process(self, entries: list[Entry]) -> None:
        """Commit one chunk, publish it, acknowledge it."""
        started = time.perf_counter()
        work = Chunk(entries)
        try:
            batches = [self._commit_chunk(work)]
        except UNAVAILABLE:
            raise
        except Exception:
            logger.exception("A message broke its chunk; committing one by one")
            batches = self._commit_singly(entries)
        publish.publish_and_acknowledge(
            self._redis,
            [batch for batch in batches if batch is not None],
            source=self._stream.name,
            group=GROUP,
            entries=[entry_id for entry_id, _ in entries],
            now=self._clock(),
        )
        metrics.BATCH_SECONDS.observe(time.perf_counter() - started)
        self._touch(work)  # last: nobody waits for it

    def _commit_singly(self, entries: list[Entry]) -> list[StoredBatch | None]:
        """Commit each message on its own; the one that breaks us is kept as rejected."""
        batches: list[StoredBatch | None] = []
        for entry_id, envelopes in entries:
            for envelope in envelopes:
                work = Chunk([(entry_id, [envelope])])
                try:
                    batches.append(self._commit_chunk(work))
                except UNAVAILABLE:
                    raise
                except Exception as error:  # noqa: BLE001 (isolates the batch-mates)
                    work = Chunk([(entry_id, [envelope])])
                    work.reject(0, "internal_error", f"{type(error).__name__}: {error}")
                    self._commit(work, assemble(Columns(), self._directory.table))
        return batches

    def _commit_chunk(self, work: Chunk) -> StoredBatch | None:
        """Resolve, decode, check and commit; return what the reactors are to see."""
        self._resolve(work)
        columns = self._collect(work)
        assembled = assemble(columns, self._directory.table)
        for message, code, detail in assembled.refused:
            work.reject(message, code, detail)
        self._commit(work, assembled)
        return self._stored_batch(work, assembled)

    def _resolve(self, work: Chunk) -> None:
        clock = self._clock()
        topics = {envelope.topic for envelope in work.envelopes}
        missing = [topic for topic in topics if self._directory.find(topic, clock=clock) is None]
        if missing:
            self._directory.load(missing, clock=clock)
        for topic in topics:
            source = self._directory.find(topic, clock=clock)
            if source is not None:
                work.sources[topic] = source

    def _collect(self, work: Chunk) -> Columns:
        """Decode every message into columns; what cannot be used is rejected."""
        collector = Collector(self._directory, work.reject, self._clock())
        sources = work.sources
        for index, envelope in enumerate(work.envelopes):
            source = sources[envelope.topic]
            if source.error is not None:
                work.reject(index, *source.error)
            elif source.route is not None and source.route.family is Family.STATUS:
                self._apply_status(work, index, envelope, source)
            else:
                collector.add(index, envelope, source)
        return collector.columns

    def _apply_status(self, work: Chunk, index: int, envelope: Envelope, source: Source) -> None:
        if source.gateway_id is None or source.tenant_id is None:
            return
        try:
            report = read_status(envelope.payload)
            with tenant_scope(source.tenant_id):
                apply_status_report(
                    gateway_id=source.gateway_id,
                    status=report.status,
                    at=from_microseconds(envelope.received_at),
                    firmware_version=report.firmware_version,
                )
        except (msgspec.MsgspecError, UnknownStatus, UnicodeDecodeError, RecursionError) as error:
            work.reject(index, "bad_status", str(error))

    def _commit(self, work: Chunk, assembled: Assembled) -> None:
        self._ensure_partitions(assembled)
        stored_rows = self._write(work, assembled, np.arange(len(assembled.rows)))
        latest = latest_rows(assembled.rows)
        slots = assembled.slots[latest]
        table = self._directory.table
        table["latest"][slots] = np.maximum(table["latest"][slots], assembled.rows["time"][latest])
        metrics.SAMPLES_STORED.inc(stored_rows)
        now_us = self._clock() * 1_000_000
        metrics.COMMIT_LAG_SECONDS.observe(max(0.0, (now_us - work.received) / 1_000_000))

    def _write(self, work: Chunk, assembled: Assembled, index: np.ndarray[Any, Any]) -> int:
        """Write the rows of `index`; split them when PostgreSQL refuses one for its content."""
        rows = assembled.rows[index]
        candidates = latest_rows(rows)
        newer = (
            rows["time"][candidates]
            > self._directory.table["latest"][assembled.slots[index][candidates]]
        )

        def on_conflict(at: int) -> Rejection:
            message = int(assembled.messages[index[at]])
            return work.rejection(message, "conflicting_value", conflict(rows[at]))

        change = Change(
            rows=rows,
            latest=rows[candidates[newer]],
            rejections=work.take_rejections(),
            on_conflict=on_conflict,
            now=from_microseconds(int(self._clock() * 1_000_000)),
        )
        try:
            stored = self._store.write(change)
        except DataRefused as error:
            work.rejections = list(change.rejections)
            if not work.has_fresh_partitions:  # retention may have dropped one known here
                work.has_fresh_partitions = True
                self._weeks.clear()
                self._ensure_partitions(assembled)
                return self._write(work, assembled, index)
            return self._split(work, assembled, index, error)
        metrics.SAMPLES_DUPLICATE.inc(stored.duplicates)
        return stored.inserted

    def _split(
        self, work: Chunk, assembled: Assembled, index: np.ndarray[Any, Any], error: DataRefused
    ) -> int:
        if len(index) <= 1:
            if len(index) == 0:
                raise error
            work.reject(int(assembled.messages[index[0]]), "database_refused", str(error))
            return self._write(work, assembled, index[:0])
        middle = len(index) // 2
        first = self._write(work, assembled, index[:middle])
        return first + self._write(work, assembled, index[middle:])

    def _ensure_partitions(self, assembled: Assembled) -> None:
        week_us = int(partitions.WEEK.total_seconds()) * 1_000_000
        monday_us = to_microseconds(partitions.week_of(from_microseconds(0) + partitions.WEEK))
        numbers = np.unique((assembled.rows["time"] - monday_us) // week_us)
        weeks = {from_microseconds(int(n) * week_us + monday_us) for n in numbers}
        missing = weeks - self._weeks
        if missing:
            partitions.ensure_partitions(
                missing, now=from_microseconds(int(self._clock() * 1_000_000))
            )
            self._weeks |= missing

    def _stored_batch(self, work: Chunk, assembled: Assembled) -> StoredBatch | None:
        rows = assembled.rows
        if len(rows) == 0:
            return None
        live = rows["time"] >= self._directory.table["latest"][assembled.slots]
        return StoredBatch(rows.tobytes(), live.tobytes(), work.received)

    def _touch(self, work: Chunk) -> None:
        """Move "last seen" forward, at most every ten seconds for each device."""
        seen_at = work.last_received
        gateways: dict[uuid.UUID, dt.datetime] = {}
        devices: dict[uuid.UUID, dt.datetime] = {}
        for source in work.sources.values():
            for seen, found in ((gateways, source.gateway_id), (devices, source.device_id)):
                if found and seen_at - self._touched.get(found, 0) >= TOUCH_EVERY_US:
                    self._touched[found] = seen_at
                    seen[found] = from_microseconds(seen_at)
        if not gateways and not devices:
            return
        try:
            touch_last_seen(gateway_ids=gateways, device_ids=devices)
        except (DatabaseError, psycopg.Error) as error:
            # presence is told again with the next message
            logger.warning("Presence not written: %s", error)
            self._touched.clear()
