"""Stores samples for tests of reads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db import connection

from devices.models import Channel
from telemetry.partitions import ensure_partitions, week_of
from telemetry.quality import Quality


def store_samples(
    channel: Channel, samples: Iterable[tuple[dt.datetime, float] | tuple[dt.datetime, float, int]]
) -> None:
    """Insert (time, value) or (time, value, quality); makes the partitions."""
    rows = [(channel.id, *sample, Quality.GOOD)[:4] for sample in samples]
    ensure_partitions({week_of(row[1]) for row in rows}, now=rows[0][1])
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY telemetry_sample (channel_id, time, value, quality) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)


def every(
    step: dt.timedelta, start: dt.datetime, values: Iterable[float]
) -> list[tuple[dt.datetime, float]]:
    """Return samples in equal steps."""
    return [(start + number * step, value) for number, value in enumerate(values)]
