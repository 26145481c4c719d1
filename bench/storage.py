"""`./run bench storage`: bytes a point packed, how far rollups lag, what a point costs."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from bench.fleet import DatabaseInUse, seed_fleet
from bench.past import COPY_SAMPLES
from bench.resources import tree_seconds
from telemetry.ingest.batch import SAMPLE_DTYPE, SampleBatch, from_microseconds, to_microseconds
from telemetry.ingest.store import Change, SampleStore, copy_buffer
from telemetry.models import StorageJob
from telemetry.partitions import WEEK, create_ahead, ensure_partitions, week_of
from telemetry.services.rejected import Rejection
from telemetry.storage.dirty import oldest_mark
from telemetry.storage.packer import MIN_AGE, pack_days
from telemetry.storage.reads import raw_samples
from telemetry.storage.tiers import find_tier
from tools.paths import ROOT

DAY = dt.timedelta(days=1)
STEP_SECONDS = 10
POINTS_A_DAY = 86_400 // STEP_SECONDS
BATCH_CHANNELS = 1_000
BATCHES = 40
SMALL_ROWS = 1_000_000
FILL_ROWS = 1_000_000  # of one transaction

JOB = "bench_storage"
_PARTITIONS = "SELECT coalesce(sum(pg_total_relation_size(relid)), 0) FROM pg_partition_tree(%s)"


class StorageBench:
    """The phases over one seeded fleet; what was measured is noted, so that a run can go on."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.store = SampleStore()

    def run(self) -> dict[str, Any]:
        """Measure everything that an earlier run over this database has not.

        Raises: DatabaseInUse.
        """
        call_command("migrate", verbosity=0, interactive=False)
        self.job = StorageJob.objects.filter(name=JOB).first() or self._begin()
        if self.job.state["rows"] != self.options.rows:
            raise DatabaseInUse(f"A run with {self.job.state['rows']:,} rows was begun here.")
        self._note(attempt=self.job.state["attempt"] + 1)
        self.channels = _ids()
        phases = (("packing", self._pack), ("rollups", self._follow), ("cost", self._grow))
        for name, measure in phases:
            if name not in self.result:
                self._note(result=self.result | {name: measure()})
        self.store.close()
        return self.result

    @property
    def result(self) -> dict[str, Any]:
        """The figures so far."""
        return self.job.state["result"]  # type: ignore[no-any-return]

    def _begin(self) -> StorageJob:
        seed_fleet(devices=self.options.channels // 10, points=10)
        now = timezone.now()
        create_ahead(now=now)
        state = {
            "rows": self.options.rows, "attempt": 0, "rounds": 0, "costs": {},
            "week": (week_of(now) - WEEK).isoformat(), "result": {"tier": str(find_tier())},
        }  # fmt: skip
        return StorageJob.objects.create(name=JOB, state=state, updated_at=now)

    def _note(self, **values: Any) -> None:
        self.job.state |= values
        self.job.save(update_fields=["state"])

    def _pack(self) -> dict[str, Any]:
        """Pack a day of regular samples, and read it back."""
        channels = self.channels[:100]
        day = week_of(timezone.now()) - 2 * DAY
        ensure_partitions({week_of(day), week_of(day + DAY)}, now=timezone.now())
        fill_rounds(channels, day, dt.timedelta(seconds=STEP_SECONDS), 0, POINTS_A_DAY)
        samples = len(channels) * POINTS_A_DAY
        before = raw_samples(channels[:5], day, day + DAY, tenant_id=None)
        hot = _size("telemetry_sample")
        started = time.perf_counter()
        packed = pack_days(now=timezone.now(), after=MIN_AGE)
        seconds = time.perf_counter() - started
        after = raw_samples(channels[:5], day, day + DAY, tenant_id=None)
        return {
            "samples": packed.samples,
            "bytes_a_point_hot": round(hot / samples, 1),
            "bytes_a_point_data": round(packed.bytes / packed.samples, 2),
            "bytes_a_point_on_disk": round(_size("telemetry_packed_day") / packed.samples, 2),
            "samples_a_second": round(packed.samples / seconds),
            "is_exact": bool(np.array_equal(before, after)),
        }

    def _follow(self) -> dict[str, Any]:
        """Store live batches for a while beside the reactor, and look how old marks get."""
        reactor = subprocess.Popen(
            [sys.executable, "manage.py", "run_reactor", "rollups"], cwd=ROOT,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _wait_for_marks_to_end(60)
            lags: list[float] = []
            rows, begun = 0, time.monotonic()
            while time.monotonic() - begun < self.options.seconds:
                rows += len(self._store_live(timezone.now()))
                lags.append(oldest_mark(now=timezone.now()))
                time.sleep(max(0.0, 1.0 - (time.monotonic() - begun) % 1.0))
            seconds = time.monotonic() - begun
            left = _wait_for_marks_to_end(60)
        finally:
            reactor.terminate()
            reactor.wait(15)
        return {
            "channels": len(self.channels),
            "rows_a_second": round(rows / seconds),
            "lag_seconds_p50": round(statistics.median(lags), 1),
            "lag_seconds_max": round(max(*lags, left), 1),
        }

    def _store_live(self, now: dt.datetime) -> SampleBatch:
        time_us = to_microseconds(now)
        rows = np.zeros(len(self.channels), dtype=SAMPLE_DTYPE)
        rows["channel"], rows["time"] = self.channels, time_us
        rows["value"] = np.random.default_rng(time_us).random(len(rows))
        self._write(rows, now=now)
        return rows

    def _grow(self) -> dict[str, Any]:
        """Compare what a stored point costs in a small and in a large table.

        All rows lie in one week, and the measured ones come after the newest of each channel:
        the partition and the part of its key that live readings go into have grown with them.
        """
        ensure_partitions({self._week}, now=timezone.now())  # packing drops empty ones
        for goal in (SMALL_ROWS, self.options.rows):
            started = time.perf_counter()
            self._fill_up(goal)
            if f"us_a_point_at_{goal}" in self.job.state["costs"]:
                continue
            filled = {f"seconds_to_fill_{goal}": round(time.perf_counter() - started, 1)}
            _settle()
            measured = {f"{name}_at_{goal}": value for name, value in self._cost().items()}
            self._note(costs=self.job.state["costs"] | filled | measured)
        costs = dict(self.job.state["costs"])
        for name in ("us_a_point", "cpu_us_a_point"):
            small, large = (costs[f"{name}_at_{goal}"] for goal in (SMALL_ROWS, self.options.rows))
            costs[f"ratio_of_{name}"] = round(large / small, 2)
        return costs | {"target": 1.3}

    @property
    def _week(self) -> dt.datetime:
        return dt.datetime.fromisoformat(self.job.state["week"])

    @property
    def _step(self) -> dt.timedelta:
        """Between two rows of a channel: all of them, and the measured ones, fit into a week."""
        rounds = self.options.rows // len(self.channels) + 2 * BATCHES
        return min(dt.timedelta(seconds=1), WEEK / rounds)

    def _fill_up(self, goal: int) -> None:
        """Add rounds, a row of each channel, until there are so many rows."""
        size = max(1, FILL_ROWS // len(self.channels))
        first = have = self.job.state["rounds"]
        began, rounds = time.monotonic(), -(-goal // len(self.channels))
        while have < rounds:
            until = min(rounds, have + size)
            with transaction.atomic():
                fill_rounds(self.channels, self._week, self._step, have, until)
                self._note(rounds=until)
            have = until
            rate = (have - first) * len(self.channels) / (time.monotonic() - began)
            print(f"{have * len(self.channels):,} rows, {rate:,.0f}/s", file=sys.stderr)

    def _cost(self) -> dict[str, float]:
        """Return µs a point, the median of batches of rows that are newer than all others."""
        channels = self.channels[:BATCH_CHANNELS]
        first = to_microseconds(self._week + self.job.state["rounds"] * self._step)
        first += self.job.state["attempt"]  # never on the time of another row
        step = self._step // dt.timedelta(microseconds=10)
        self._write(_batch(channels, first, step), now=from_microseconds(first))  # connects
        backend = _last_backend()
        times, used = [], time.process_time() + tree_seconds(backend)
        for number in range(1, BATCHES + 1):
            rows = _batch(channels, first + number * 10 * step, step)
            started = time.perf_counter()
            self._write(rows, now=from_microseconds(int(rows["time"][-1])))
            times.append((time.perf_counter() - started) / len(rows) * 1e6)
        used = time.process_time() + tree_seconds(backend) - used
        points = BATCHES * len(channels) * 10
        return {
            "us_a_point": round(statistics.median(times), 2),
            "cpu_us_a_point": round(used / points * 1e6, 2),
        }

    def _write(self, rows: SampleBatch, *, now: dt.datetime) -> None:
        self.store.write(Change(rows, rows[:0], [], _no_conflict, now))


def _ids() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM devices_channel ORDER BY id")
        return [channel for (channel,) in cursor.fetchall()]


def _last_backend() -> int:
    """Return the process of PostgreSQL that ended a statement last, this one's own aside."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() ORDER BY state_change DESC NULLS LAST LIMIT 1"
        )
        return int(cursor.fetchone()[0])


def fill_rounds(
    channels: list[int], start: dt.datetime, step: dt.timedelta, first: int, end: int
) -> None:
    """Store rounds [first, end) of all channels, by channel and time as the worker does.

    A load of a house that swings over the day, in W with noise of 20 W, stored in kW.
    """
    ids, numbers = np.array(channels, dtype=np.int32), np.arange(first, end)
    rows = np.zeros(len(ids) * len(numbers), dtype=SAMPLE_DTYPE)
    rows["channel"] = np.repeat(ids, len(numbers))
    width = step // dt.timedelta(microseconds=1)
    rows["time"] = np.tile(to_microseconds(start) + numbers * width, len(ids))
    noise = np.random.default_rng(first).random(len(rows))
    swing = np.sin(np.add.outer(ids, numbers / 1300.0)).ravel()
    rows["value"] = (800 + 600 * swing + 20 * noise).round() / 1000
    with connection.cursor() as cursor, cursor.copy(COPY_SAMPLES) as copy:
        copy.write(copy_buffer(rows))


def _settle() -> None:
    """Write what is dirty, so that the next phase does not pay for the one before."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE telemetry_sample")
        cursor.execute("CHECKPOINT")


def _batch(channels: list[int], first_us: int, step_us: int) -> SampleBatch:
    rows = np.zeros(len(channels) * 10, dtype=SAMPLE_DTYPE)
    rows["channel"] = np.repeat(channels, 10)
    rows["time"] = first_us + np.tile(np.arange(10), len(channels)) * step_us
    rows["value"] = first_us % 1000
    return rows


def _size(table: str) -> int:
    """Return the bytes of a table with indexes, its partitions or chunks included."""
    question = "SELECT pg_total_relation_size(%s)"
    if table == "telemetry_sample":
        question = "SELECT hypertable_size(%s)" if find_tier().is_hypertable else _PARTITIONS
    with connection.cursor() as cursor:
        cursor.execute(question, [table])
        return int(cursor.fetchone()[0])


def _wait_for_marks_to_end(seconds: float) -> float:
    """Wait until all marks are worked off; return the greatest age seen."""
    oldest, begun = 0.0, time.monotonic()
    while time.monotonic() - begun < seconds:
        age = oldest_mark(now=timezone.now())
        if age == 0.0:
            return oldest
        oldest = max(oldest, age)
        time.sleep(0.2)
    return oldest


def _no_conflict(index: int) -> Rejection:
    raise AssertionError("every time is new")


def main(arguments: list[str]) -> int:
    """Run and print; 1 if packed samples are not those that were stored."""
    parser = argparse.ArgumentParser(prog="./run bench storage")
    parser.add_argument("--channels", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0, help="of live rows")
    parser.add_argument("--rows", type=int, default=3_000_000, help="of the large table")
    parser.add_argument("--json", help="a file for the figures")
    options = parser.parse_args(arguments)
    try:
        result = StorageBench(options).run()
    except DatabaseInUse as error:
        print(error)
        return 1
    for part, figures in result.items():
        print(part if isinstance(figures, dict) else f"{part}  {figures}")
        for name, value in figures.items() if isinstance(figures, dict) else ():
            print(f"  {name.replace('_', ' '):<28}{value}")
    if options.json:
        Path(options.json).write_text(json.dumps(result))
    return 0 if result["packing"]["is_exact"] else 1
