"""Writes a long past the way years of readings leave it: old days packed, a week of hot rows.

Made in arrays and sent by binary COPY: 100M readings take minutes, not hours.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
from django.conf import settings
from django.db import connection, transaction

from telemetry.ingest.batch import SAMPLE_DTYPE, SampleBatch, to_microseconds
from telemetry.ingest.store import copy_buffer
from telemetry.storage.batches import ROLLUP_DTYPE, RollupBatch
from telemetry.storage.copying import POSTGRES_EPOCH_US, wire_of
from telemetry.storage.marks import QUARTER_US
from telemetry.storage.packer import DAY_US, keep_days

_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
COPY_SAMPLES = """
COPY telemetry_sample (channel_id, time, value, quality) FROM STDIN (FORMAT BINARY)
"""
_COPY_ROLLUPS = """
COPY telemetry_rollup_15m (channel_id, start, count, sum, minimum, maximum, first, last,
    first_time, last_time, good) FROM STDIN (FORMAT BINARY)
"""


@dataclass(frozen=True, slots=True)
class Past:
    """Readings of a channel in [start, end), one each `step_us` microseconds."""

    channel: int
    start: dt.datetime
    end: dt.datetime
    step_us: int
    rises: bool

    def readings(self) -> SampleBatch:
        """Return them: power in kW to the watt, or a counter in kWh to the watt-hour."""
        first = to_microseconds(self.start)
        times = np.arange(first, to_microseconds(self.end), self.step_us)
        noise = np.random.default_rng(self.channel).random(len(times))
        if self.rises:
            values = 1000 + np.cumsum(0.5 + noise) * self.step_us / 3.6e9
        else:
            values = 5 + 4 * np.sin((times - first) / 13_750e6) + noise / 5
        rows = np.zeros(len(times), dtype=SAMPLE_DTYPE)
        rows["channel"], rows["time"], rows["value"] = self.channel, times, values.round(3)
        return rows


def write_past(past: Past, *, now: dt.datetime) -> int:
    """Store the readings with their quarter hours in the caller's transaction; return the count.

    Days that production had packed by now are packed.
    """
    rows = past.readings()
    edge = now - dt.timedelta(days=settings.SAMPLE_PACK_AFTER_DAYS)
    border = int(np.searchsorted(rows["time"], to_microseconds(edge) // DAY_US * DAY_US))
    with transaction.atomic(), connection.cursor() as cursor:
        keep_days(cursor, rows[:border], now)
        with cursor.copy(COPY_SAMPLES) as copy:
            copy.write(copy_buffer(rows[border:]))
        with cursor.copy(_COPY_ROLLUPS) as copy:
            copy.write(_rollup_buffer(quarters_of(rows)))
    return len(rows)


def quarters_of(rows: SampleBatch) -> RollupBatch:
    """Return the quarter hours of good samples of one channel in the order of time."""
    numbers = rows["time"] // QUARTER_US
    begins = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
    ends = np.append(begins[1:], len(rows))
    quarters = np.zeros(len(begins), dtype=ROLLUP_DTYPE)
    quarters["channel"], quarters["start"] = rows["channel"][begins], numbers[begins] * QUARTER_US
    quarters["count"] = quarters["good"] = ends - begins
    for name, how in (("sum", np.add), ("minimum", np.minimum), ("maximum", np.maximum)):
        quarters[name] = how.reduceat(rows["value"], begins)
    quarters["first"], quarters["first_time"] = rows["value"][begins], rows["time"][begins]
    quarters["last"], quarters["last_time"] = rows["value"][ends - 1], rows["time"][ends - 1]
    return quarters


def _rollup_buffer(quarters: RollupBatch) -> bytes:
    wire = np.zeros(len(quarters), dtype=wire_of(ROLLUP_DTYPE))
    names = ROLLUP_DTYPE.names or ()
    wire["fields#"] = len(names)
    for name in names:
        is_time = name in ("start", "first_time", "last_time")
        wire[f"{name}#"] = ROLLUP_DTYPE[name].itemsize
        wire[name] = quarters[name] - (POSTGRES_EPOCH_US if is_time else 0)
    return _SIGNATURE + wire.tobytes() + _TRAILER
