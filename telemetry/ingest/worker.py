"""Takes entries from the stream and turns them into committed rows."""

from __future__ import annotations

import datetime as dt
import logging
import time
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import psycopg
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError
from redis import Redis
from redis.exceptions import RedisError

from devices.inbound.message import BadMessage
from devices.inbound.topics import MessageRoute
from devices.services.presence import touch_last_seen
from energy.lib import metrics
from energy.lib.redis import durable
from telemetry import partitions
from telemetry.decoding.formats import sparkplug
from telemetry.ingest import publish
from telemetry.ingest.assemble import Assembled, Columns, assemble, conflict
from telemetry.ingest.batch import StoredBatch, from_microseconds, to_microseconds
from telemetry.ingest.chunk import Chunk, Entry, split_chunks
from telemetry.ingest.directory import Directory
from telemetry.ingest.envelope import Envelope
from telemetry.ingest.foreign_reader import tell_signals
from telemetry.ingest.messages import handle_message
from telemetry.ingest.quota import TOLERATED, Quota
from telemetry.ingest.quota_notices import QuotaNotices
from telemetry.ingest.reading import Collector
from telemetry.ingest.sensors import publish_answers
from telemetry.ingest.silence import SilenceWatch
from telemetry.ingest.source import Source
from telemetry.ingest.sparkplug_store import RedisBirths
from telemetry.ingest.statuses import handle_statuses
from telemetry.ingest.store import Change, DataRefused, SampleStore, latest_rows
from telemetry.ingest.stream import GROUP, IngestStream
from telemetry.ingest.topics import DOOR_PREFIX
from telemetry.services.rejected import QUOTA, Rejection
from telemetry.truth.receipts import Receipts

logger = logging.getLogger(__name__)

TOUCH_EVERY_US = 10_000_000
OF_DOORS = frozenset({"http", "modbus", "replay", "serial"})
_BEYOND_QUOTA = f"More than {TOLERATED} times what the plan allows in a minute; replay it later."

# Nobody's fault: the round is repeated when the server is back.
UNAVAILABLE = (psycopg.OperationalError, OperationalError, InterfaceError, RedisError, OSError)


class IngestWorker:
    """One consumer of the group `ingest`; any number may run.

    Args: consumer: name of this copy, the same after a restart, so that it finds what it
        had taken. clock: seconds since 1970. alive: called whenever something is committed, for a
        watchdog: messages that are committed one by one may take long.
    """

    def __init__(
        self,
        *,
        consumer: str,
        client: Redis | None = None,
        clock: Callable[[], float] = time.time,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._redis = client or durable()
        self._clock = clock
        self._alive = alive
        self._stream = IngestStream(self._redis, consumer=consumer, clock=clock)
        self._store = SampleStore()
        self._directory = Directory()
        self._touched: dict[uuid.UUID, int] = {}
        self._weeks: set[dt.datetime] = set()
        self._silence = SilenceWatch(since=clock())
        self._quota = Quota()
        self._notices = QuotaNotices()
        self._receipts = Receipts()
        sparkplug.births = RedisBirths()  # another worker may get the births

    def run_once(self) -> bool:
        """Store what waits, at most 20 entries; True if there was something.

        When nothing waits, look which devices have gone silent.

        After an error the entries stay pending and the next round takes them again.
        """
        try:
            entries = self._stream.take()
            for chunk in split_chunks(entries):
                self._process(chunk)
            self._look_for_silence(is_caught_up=not entries or self._is_recent(entries[-1]))
            self._receipts.send(now=self._now())
        except BaseException:
            self._stream.read_own_again()
            raise
        return bool(entries)

    def _look_for_silence(self, *, is_caught_up: bool) -> None:
        try:
            self._silence.look(now=self._clock(), is_caught_up=is_caught_up)
        except DatabaseError as error:
            logger.warning("Silence not looked for: %s", error)

    def _is_recent(self, entry: Entry) -> bool:
        """Tell whether an entry was received within the last ten seconds."""
        return self._clock() * 1_000_000 - entry[1][-1].received_at < TOUCH_EVERY_US

    def close(self) -> None:
        """Release the database connection."""
        self._store.close()

    def _process(self, entries: list[Entry]) -> None:
        """Commit one chunk, publish it, acknowledge it."""
        self._alive()
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
        self._quota.forget(entries)
        self._touch(work)  # last: nobody waits for it
        self._notices.tell(self._quota.take_excess(), clock=self._clock())

    def _commit_singly(self, entries: list[Entry]) -> list[StoredBatch | None]:
        """Commit each message on its own; the one that breaks us is kept as rejected."""
        batches: list[StoredBatch | None] = []
        for entry_id, envelopes in entries:
            for envelope in envelopes:
                self._alive()
                work = Chunk([(entry_id, [envelope])])
                try:
                    batches.append(self._commit_chunk(work, counts=False))
                except UNAVAILABLE:
                    raise
                except Exception as error:  # noqa: BLE001 (isolates the batch-mates)
                    work = Chunk([(entry_id, [envelope])])
                    work.reject(0, "internal_error", f"{type(error).__name__}: {error}")
                    self._commit(work, assemble(Columns(), self._directory.table))
        return batches

    def _commit_chunk(self, work: Chunk, *, counts: bool = True) -> StoredBatch | None:
        """Resolve, decode, check and commit; return what the reactors are to see."""
        self._resolve(work)
        beyond = self._quota.refused(work, clock=self._clock()) if counts else frozenset()
        columns = self._collect(work, beyond)
        assembled = assemble(columns, self._directory.table)
        self._directory.rates.judge(assembled.rows, assembled.slots)
        for message, code, detail in assembled.refused:
            work.reject(message, code, detail)
        self._commit(work, assembled)
        if work.numbers:
            self._receipts.note(work.numbers, now=self._now())
        if work.answers:
            publish_answers(work.answers, now=self._now())
        if work.signals:
            tell_signals(work.signals, now=self._now())
        return self._stored_batch(work, assembled)

    def _now(self) -> dt.datetime:
        return from_microseconds(int(self._clock() * 1_000_000))

    def _resolve(self, work: Chunk) -> None:
        clock = self._clock()
        self._directory.follow_changes(clock=clock)
        topics = {envelope.topic for envelope in work.envelopes}
        missing = [topic for topic in topics if self._directory.find(topic, clock=clock) is None]
        if missing:
            self._directory.load(missing, clock=clock)
        for topic in topics:
            source = self._directory.find(topic, clock=clock)
            if source is not None:
                work.sources[topic] = source

    def _collect(self, work: Chunk, beyond: frozenset[int]) -> Columns:
        """Decode every message into columns; what cannot be used is rejected."""
        collector = Collector(self._directory, work.reject, self._clock())
        sources = work.sources
        done = handle_statuses(work.envelopes, sources, beyond) | self._refuse_misplaced(work)
        for index, envelope in enumerate(work.envelopes):
            source = sources[envelope.topic]
            if source.error is not None:
                work.reject(index, *source.error)
            elif index in beyond:
                work.reject(index, QUOTA, _BEYOND_QUOTA)
                collector.note_refused(envelope, source)
            elif index in done:
                continue
            elif source.route is not None and source.route.message is not None:
                readings = self._handle(work, index, source, source.route.message)
                if readings is not None:
                    collector.add(index, readings, source)
            else:
                collector.add(index, envelope, source)
        work.numbers, work.named = collector.numbers, collector.named
        work.answers, work.signals = collector.answers, collector.signals
        return collector.columns

    def _refuse_misplaced(self, work: Chunk) -> frozenset[int]:
        """Refuse what came over MQTT on a topic of another door; return the positions."""
        doors = {topic for topic in work.sources if topic.startswith(DOOR_PREFIX)}
        if not doors:
            return frozenset()
        found = frozenset(
            index
            for index, envelope in enumerate(work.envelopes)
            if envelope.topic in doors and envelope.transport not in OF_DOORS
        )
        for index in found:
            work.reject(index, "foreign_transport", "This topic is not for MQTT.")
        return found

    def _handle(
        self, work: Chunk, index: int, source: Source, route: MessageRoute
    ) -> Envelope | None:
        """Hand a message over; return the readings that it carries besides."""
        envelope = work.envelopes[index]
        try:
            return handle_message(envelope, source, route, now=self._now())
        except BadMessage as error:
            work.reject(index, error.code, str(error))
            return None

    def _commit(self, work: Chunk, assembled: Assembled) -> None:
        self._ensure_partitions(assembled)
        stored_rows = self._write(work, assembled, np.arange(len(assembled.rows)))
        latest = latest_rows(assembled.rows)
        slots = assembled.slots[latest]
        table = self._directory.table
        table["latest"][slots] = np.maximum(table["latest"][slots], assembled.rows["time"][latest])
        self._directory.rates.accept(assembled.rows, assembled.slots)
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
            now=self._now(),
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
            partitions.ensure_partitions(missing, now=self._now())
            self._weeks |= missing

    def _stored_batch(self, work: Chunk, assembled: Assembled) -> StoredBatch | None:
        rows = assembled.rows
        if len(rows) == 0:
            return None
        live = rows["time"] >= self._directory.table["latest"][assembled.slots]
        return StoredBatch(rows.tobytes(), live.tobytes(), work.received)

    def _touch(self, work: Chunk) -> None:
        """Move "last seen" forward, at most every ten seconds for each device."""
        received = {envelope.topic: envelope.received_at for envelope in work.envelopes}
        gateways: dict[uuid.UUID, dt.datetime] = {}
        devices = {
            named: from_microseconds(seen_at)
            for named, index in work.named.items()
            if self._is_touch_due(named, seen_at := work.envelopes[index].received_at)
        }
        for topic, source in work.sources.items():
            seen_at = received[topic]
            if source.says_status:  # a last will is no sign of life; the next message is
                if owner := source.gateway_id or source.device_id:
                    self._touched.pop(owner, None)
                continue
            for seen, found in ((gateways, source.gateway_id), (devices, source.device_id)):
                if found and self._is_touch_due(found, seen_at):
                    seen[found] = from_microseconds(seen_at)
        if not gateways and not devices:
            return
        try:
            touch_last_seen(gateway_ids=gateways, device_ids=devices)
        except (DatabaseError, psycopg.Error) as error:
            # presence is told again with the next message
            logger.warning("Presence not written: %s", error)
            self._touched.clear()

    def _is_touch_due(self, thing: uuid.UUID, seen_at: int) -> bool:
        """Tell whether "last seen" is to be written, and note that it is."""
        is_due = abs(seen_at - self._touched.get(thing, 0)) >= TOUCH_EVERY_US
        if is_due:
            self._touched[thing] = seen_at
        return is_due
