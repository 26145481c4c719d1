"""Controls the zones of all tenants every 15 seconds; several processes share the work."""

from __future__ import annotations

import datetime as dt
import logging
import queue
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from django.db import close_old_connections, connection
from prometheus_client import Counter, Gauge, Histogram

from accounts.tenancy import all_tenants, tenant_scope
from automation.control.pace import CYCLE, LEAST_WORKERS, smoothed, workers_for
from automation.queries.zone_facts import ZoneFacts, load_zones
from automation.services.controlling import control_zone, is_due
from automation.services.zone_cycle import (
    Claim,
    claim_zones,
    count_zones,
    note_cycle,
    tell_failures,
)

logger = logging.getLogger(__name__)

BATCH = 200
# Zones are worked on by 5 to 50 threads; only so many of them write at a time, on connections
# that stay open. With the loop's own, a copy has nine connections at most.
WRITERS = 8
# threads that wait for a database that does not answer; the watchdog ends the process before
ANSWER_SECONDS = 25.0

ERRORS = Counter("zone_processing_errors", "Looks at a zone that failed", ["zone"])
WORKERS = Gauge("optimal_concurrency", "Zones that are worked on at a time")
SECONDS = Histogram(
    "zone_processing_time", "Seconds for a zone",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15),
)  # fmt: skip
ACTED = Counter("zone_actions", "Executions begun by controllers of zones")
SKIPPED = Counter("zone_cycles_skipped", "Looks at zones that were left out because one was late")


class Writers:
    """Threads with a connection of their own each, which do what is put in."""

    def __init__(self, number: int = WRITERS) -> None:
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None]
        self._jobs = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"zones-{n}", daemon=True)
            for n in range(number)
        ]
        for thread in self._threads:
            thread.start()

    def do(self, job: Callable[[], Any]) -> Any:
        """Return what a job returns, when a thread has done it; raises what it raises."""
        future: Future[Any] = Future()
        self._jobs.put((job, future))
        return future.result(timeout=ANSWER_SECONDS)

    def close(self) -> None:
        """End the threads and their connections when they have done what is waiting."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(timeout=5.0)

    def _run(self) -> None:
        try:
            while (entry := self._jobs.get()) is not None:
                job, future = entry
                try:
                    close_old_connections()
                    future.set_result(job())
                except BaseException as error:  # noqa: BLE001 (it is the caller's)
                    future.set_exception(error)
        finally:
            connection.close()


class Zones:
    """The work of `manage.py run_zones`."""

    def __init__(self, *, writers: int = WRITERS) -> None:
        self._writers = Writers(writers)
        self._workers = LEAST_WORKERS
        self._pool = ThreadPoolExecutor(self._workers, "zone")
        self._average: float | None = None
        self._sized_at = dt.datetime.min.replace(tzinfo=dt.UTC)
        self._touched: set[uuid.UUID] = set()

    def round(self, now: dt.datetime) -> bool:
        """Look at the zones whose turn it is, some of them; True if more may wait."""
        self._size(now)
        claim = claim_zones(most=BATCH, now=now)
        if claim.zones:
            self._work(claim, now)
        is_full = len(claim.zones) == BATCH
        if not is_full and self._touched:
            tell_failures(tenants=self._touched, now=now)
            self._touched = set()
        return is_full

    def close(self) -> None:
        """Let what has begun end."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._writers.close()

    def _size(self, now: dt.datetime) -> None:
        """Choose once in a cycle how many zones are worked on at a time."""
        if abs(now - self._sized_at) < CYCLE:
            return
        self._sized_at = now
        wanted = workers_for(count_zones(), self._average or 0.0)
        WORKERS.set(wanted)
        if wanted != self._workers:
            self._pool.shutdown(wait=True)
            self._workers, self._pool = wanted, ThreadPoolExecutor(wanted, "zone")

    def _work(self, claim: Claim, now: dt.datetime) -> None:
        SKIPPED.inc(claim.skipped)
        self._touched |= set(claim.zones.values())
        done: list[uuid.UUID] = []
        failed: dict[uuid.UUID, str] = {}
        loaded = _load(list(claim.zones), now, failed)
        waiting = {facts.control.id: self._pool.submit(self._look, facts, now) for facts in loaded}
        for control_id, future in waiting.items():
            try:
                future.result()
                done.append(control_id)
            except Exception as error:
                logger.exception("The zone %s cannot be controlled, going on", control_id)
                failed[control_id] = f"{type(error).__name__}: {error}"
        for control_id in failed:
            ERRORS.labels(str(control_id)).inc()
        note_cycle(done=done, failed=failed, now=now)

    def _look(self, facts: ZoneFacts, now: dt.datetime) -> None:
        """Decide from what was read for many zones at once; only what is to be done is written."""
        began = time.perf_counter()
        try:
            if is_due(facts, now):
                control = facts.control
                begun = self._writers.do(lambda: _control(control.id, control.tenant_id, now))
                ACTED.inc(begun)
        finally:
            seconds = time.perf_counter() - began
            SECONDS.observe(seconds)
            self._average = smoothed(self._average, seconds)


def _load(ids: list[uuid.UUID], now: dt.datetime, failed: dict[uuid.UUID, str]) -> list[ZoneFacts]:
    """Return what is known of zones; where one cannot be read, the others are all the same."""
    with all_tenants():
        try:
            return load_zones(ids, now=now)
        except (ValueError, TypeError, KeyError, IndexError) as error:
            if len(ids) == 1:
                logger.exception("The zone %s cannot be read, going on", ids[0])
                failed[ids[0]] = f"{type(error).__name__}: {error}"
                return []
    half = len(ids) // 2
    return _load(ids[:half], now, failed) + _load(ids[half:], now, failed)


def _control(control_id: uuid.UUID, tenant_id: uuid.UUID, now: dt.datetime) -> int:
    with tenant_scope(tenant_id):
        return len(control_zone(control_id=control_id, now=now))
