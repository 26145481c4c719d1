"""How fast PostgreSQL takes the same rows when nothing else is done: the yardstick."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import psycopg

from telemetry.ingest.batch import SAMPLE_DTYPE, SampleBatch, to_microseconds
from telemetry.ingest.store import copy_buffer
from telemetry.partitions import WEEK, week_of

# Messages of one round of the fleet lie this far apart, as at the target rate.
ROUND_US = 66_000
_COPY = "COPY bench_sample (channel_id, time, value, quality) FROM STDIN (FORMAT BINARY)"


@dataclass(frozen=True, slots=True)
class RawCopy:
    """Rows a second of one connection, from buffers made beforehand.

    batched: one transaction for each batch of the worker's size. bulk: one for all rows, in
    the same order. by_key: one for all rows, sorted by the primary key; live data never
    comes like that, because each instant brings rows of every channel.
    """

    rows: int
    batch_rows: int
    batched: float
    bulk: float
    by_key: float

    @property
    def best(self) -> float:
        """The faster way to copy the rows in their order: what the pipeline is compared with."""
        return max(self.batched, self.bulk)


def measure_raw_copy(
    url: str, *, channels: int, batch_rows: int, rows: int, now: dt.datetime
) -> RawCopy:
    """Copy `rows` rows into a table partitioned and keyed like that of the samples."""
    batches = _make_batches(channels, batch_rows, rows, to_microseconds(now))
    every = np.concatenate(batches)
    by_key = every[np.lexsort((every["time"], every["channel"]))]
    with psycopg.connect(url, autocommit=True) as connection:
        batched = _timed_copy(connection, [copy_buffer(batch) for batch in batches], now)
        bulk = _timed_copy(connection, [copy_buffer(every)], now)
        sorted_bulk = _timed_copy(connection, [copy_buffer(by_key)], now)
        connection.execute("DROP TABLE bench_sample")
        connection.execute("CHECKPOINT")
    rates = (len(every) / seconds for seconds in (batched, bulk, sorted_bulk))
    return RawCopy(len(every), len(batches[0]), *rates)


def _make_batches(channels: int, batch_rows: int, rows: int, now_us: int) -> list[SampleBatch]:
    """Return batches sorted as the worker sorts: by channel, then time."""
    rounds = max(1, batch_rows // channels)
    random = np.random.default_rng(1)
    batches = []
    for number in range(-(-rows // (rounds * channels))):
        batch = np.zeros(rounds * channels, dtype=SAMPLE_DTYPE)
        batch["channel"] = np.repeat(np.arange(channels), rounds)
        first = now_us + number * rounds * ROUND_US
        batch["time"] = first + np.tile(np.arange(rounds) * ROUND_US, channels)
        batch["value"] = random.random(len(batch)) * 1000
        batches.append(batch)
    return batches


def _timed_copy(
    connection: psycopg.Connection[tuple[object, ...]],
    buffers: Sequence[bytearray],
    now: dt.datetime,
) -> float:
    """Return the seconds to commit each buffer into a new, empty table."""
    connection.execute("DROP TABLE IF EXISTS bench_sample")
    connection.execute(
        "CREATE TABLE bench_sample (LIKE telemetry_sample INCLUDING ALL) PARTITION BY RANGE (time)"
    )
    for number in range(2):
        week = week_of(now) + number * WEEK
        connection.execute(
            f"CREATE TABLE bench_sample_{number} PARTITION OF bench_sample "
            f"FOR VALUES FROM ('{week.isoformat()}') TO ('{(week + WEEK).isoformat()}')"
        )
    connection.execute("CHECKPOINT")
    started = time.perf_counter()
    for buffer in buffers:
        with connection.transaction(), connection.cursor().copy(_COPY) as copy:
            copy.write(buffer)
    return time.perf_counter() - started
