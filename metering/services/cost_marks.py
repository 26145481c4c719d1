"""Which days of which meters cost something else since a tariff or the ledger changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import connection

from metering.models import Meter

LIVE = dt.timedelta(minutes=15)  # how often the day that is not over is computed

_MARK = """
INSERT INTO metering_cost_state AS old
    (tenant_id, meter_id, seen_at, due_from, due_to, due_at, error)
SELECT tenant_id, meter_id, seen_at, due_from, due_to, due_at, ''
FROM unnest(%(tenants)s::uuid[], %(meters)s::uuid[], %(seens)s::timestamptz[],
    %(starts)s::date[], %(ends)s::date[], %(dues)s::timestamptz[])
    AS given(tenant_id, meter_id, seen_at, due_from, due_to, due_at)
ORDER BY meter_id
ON CONFLICT (meter_id) DO UPDATE SET
    seen_at = coalesce(excluded.seen_at, old.seen_at),
    due_from = least(old.due_from, excluded.due_from),
    due_to = greatest(old.due_to, excluded.due_to),
    due_at = least(old.due_at, excluded.due_at)
"""
Mark = tuple[object, object, dt.datetime | None, dt.date | None, dt.date | None, dt.datetime | None]


def mark_costs(
    meters: Sequence[Meter], start: dt.date, end: dt.date | None, *, now: dt.datetime
) -> None:
    """Have the local days [start, end) of meters computed again.

    Soon, and up to today without an end; when they begin if that is later.
    """
    today = (now + dt.timedelta(days=2)).date()  # it is tomorrow somewhere
    until = max(min(end or today, today), start + dt.timedelta(days=1))
    due = max(now, dt.datetime.combine(start, dt.time(), dt.UTC))
    write_marks([(meter.tenant_id, meter.id, None, start, until, due) for meter in meters])


def write_marks(rows: Sequence[Mark]) -> None:
    """Keep (tenant, meter, ledger seen at, from, to, when due); inside the tenant's scope."""
    if not rows:
        return
    names = ("tenants", "meters", "seens", "starts", "ends", "dues")
    columns = (list(column) for column in zip(*rows, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(_MARK, dict(zip(names, columns, strict=True)))
