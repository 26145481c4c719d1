"""Stores samples for tests of reads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import numpy as np
from django.db import connection

from devices.models import Channel
from telemetry.partitions import ensure_partitions, week_of
from telemetry.quality import Quality
from telemetry.storage.marks import Windows
from telemetry.storage.rollup import lock_rollups, prepare, recompute
from telemetry.storage.zones import follow_zones


def store_samples(
    channel: Channel, samples: Iterable[tuple[dt.datetime, float] | tuple[dt.datetime, float, int]]
) -> None:
    """Insert (time, value) or (time, value, quality) and their rollups; makes the partitions."""
    rows = [(channel.id, *sample, Quality.GOOD)[:4] for sample in samples]
    ensure_partitions({week_of(row[1]) for row in rows}, now=rows[0][1])
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY telemetry_sample (channel_id, time, value, quality) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)
    _roll_up(channel, [row[1] for row in rows])


def _roll_up(channel: Channel, times: list[dt.datetime]) -> None:
    numbers = np.array(sorted({int(time.timestamp()) // 900 for time in times}), dtype=np.int32)
    windows = Windows.whole(np.full(len(numbers), channel.id, dtype=np.int32), numbers)
    prepare(windows)
    lock_rollups()
    recompute(windows, now=max(times))
    while follow_zones():
        pass


def every(
    step: dt.timedelta, start: dt.datetime, values: Iterable[float]
) -> list[tuple[dt.datetime, float]]:
    """Return samples in equal steps."""
    return [(start + number * step, value) for number, value in enumerate(values)]
