"""Monthly partitions of quarter hours, made on demand and kept for good."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db import connection, transaction
from psycopg import sql

TABLE = "telemetry_rollup_15m"
_LOCK = 7_204_612  # advisory lock: one process makes partitions at a time


def month_of(moment: dt.datetime) -> dt.datetime:
    """Return the first instant of the month of a moment, UTC."""
    return moment.astimezone(dt.UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(month: dt.datetime) -> dt.datetime:
    """Return the first instant of the month after."""
    return month_of(month + dt.timedelta(days=32))


def partition_name(month: dt.datetime, table: str = TABLE) -> str:
    """Return the table that holds the month."""
    return f"{table}_{month:%Y%m}"


def ensure_months(months: Iterable[dt.datetime], table: str = TABLE) -> list[str]:
    """Create the partitions of these months that do not exist yet; return their names.

    Waits at most two seconds for the lock on the table, then raises OperationalError.
    """
    wanted = {partition_name(month, table): month for month in sorted(set(months))}
    if not wanted:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NULL",
            [list(wanted)],
        )
        missing = [name for (name,) in cursor.fetchall()]
    for name in missing:
        _create(name, wanted[name], table)
    return missing


def _create(name: str, month: dt.datetime, table: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '2s'")
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute(
            sql.SQL(
                "CREATE TABLE IF NOT EXISTS {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})"
                " WITH (fillfactor = 70)"
            ).format(
                sql.Identifier(name),
                sql.Identifier(table),
                sql.Literal(month.isoformat()),
                sql.Literal(next_month(month).isoformat()),
            )
        )
