"""Sums days up anew when a site moves to another time zone."""

from __future__ import annotations

import datetime as dt

from django.db import connection, transaction

from metering.build.engine import lock_ledger
from metering.storage.days import Span, empty_days, sum_days

AT_ONCE = 20
_MOVED = """
SELECT register.id, site.timezone, span.first, span.last
FROM metering_register AS register
JOIN metering_meter AS meter ON meter.id = register.meter_id
JOIN devices_site AS site ON site.id = meter.site_id
LEFT JOIN metering_ledger_state AS state ON state.register_id = register.id
CROSS JOIN LATERAL (
    SELECT (extract(epoch FROM min(start)) / 900)::int8 AS first,
        (extract(epoch FROM max(start)) / 900)::int8 AS last
    FROM metering_interval WHERE register_id = register.id
) AS span
WHERE coalesce(state.zone, '') <> site.timezone AND span.first IS NOT NULL
ORDER BY register.id LIMIT %s
"""
_KEEP = """
INSERT INTO metering_ledger_state (register_id, zone)
SELECT * FROM unnest(%s::int[], %s::text[])
ON CONFLICT (register_id) DO UPDATE SET zone = excluded.zone
"""


def follow_zones(*, now: dt.datetime) -> bool:
    """Sum up the days of some registers whose site is in another zone; tell if more may be."""
    with transaction.atomic(), connection.cursor() as cursor:
        lock_ledger()
        cursor.execute(_MOVED, [AT_ONCE])
        moved = cursor.fetchall()
        if not moved:
            return False
        registers = [row[0] for row in moved]
        empty_days(registers, now=now)
        sum_days([Span(*row) for row in moved], now=now)
        cursor.execute(_KEEP, [registers, [row[1] for row in moved]])
    return len(moved) == AT_ONCE
