"""Chunks of a hypertable, as `hot` needs them."""

from __future__ import annotations

import datetime as dt

from django.db import connection

from telemetry.storage.tiers import TABLE

_CHUNKS = """
SELECT chunk_schema, chunk_name, range_start, range_end
FROM timescaledb_information.chunks
WHERE hypertable_name = %(table)s AND range_start < %(before)s
    AND (%(made_before)s::timestamptz IS NULL OR chunk_creation_time < %(made_before)s)
ORDER BY range_start
"""
_DROP = (
    "SELECT drop_chunks(%s::regclass, older_than => %s::timestamptz, newer_than => %s::timestamptz)"
)


def find_chunks(
    *, before: dt.datetime, made_before: dt.datetime | None
) -> list[tuple[str, str, dt.datetime, dt.datetime]]:
    """Return (schema, name, start, end) of chunks that begin before a moment, oldest first."""
    parameters: dict[str, str | dt.datetime | None] = {
        "table": TABLE,
        "before": before,
        "made_before": made_before,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CHUNKS, parameters)
        return cursor.fetchall()


def drop_chunk(start: dt.datetime, end: dt.datetime) -> None:
    """Drop the chunk of [start, end)."""
    with connection.cursor() as cursor:
        cursor.execute(_DROP, [TABLE, end, start])
