"""Sums of cost lines by month, kept with them: a page of a year reads these."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Any

from django.db import connection

from metering.queries.frames import next_month
from metering.tariffs.items import UNPRICED

_DROP = """
DELETE FROM metering_cost_month AS old
USING unnest(%(meters)s::uuid[], %(months)s::date[]) AS given(meter_id, month)
WHERE old.meter_id = given.meter_id AND old.month = given.month
"""
_ADD = """
INSERT INTO metering_cost_month
    (tenant_id, meter_id, month, component, currency, amount, provisional, billed, adjusted,
    unpriced)
SELECT line.tenant_id, line.meter_id, given.month, line.component, line.currency,
    coalesce(sum(line.amount) FILTER (WHERE NOT line.is_adjustment), 0),
    coalesce(sum(line.amount) FILTER (WHERE NOT line.is_adjustment AND line.is_provisional), 0),
    coalesce(sum(line.amount) FILTER (WHERE NOT line.is_adjustment AND line.period_id IS NOT NULL),
        0),
    coalesce(sum(line.amount) FILTER (WHERE line.is_adjustment), 0),
    coalesce(sum(line.missing_quarters)
        FILTER (WHERE NOT line.is_adjustment AND line.band = %(unpriced)s), 0)
FROM unnest(%(meters)s::uuid[], %(months)s::date[]) AS given(meter_id, month)
JOIN metering_costline AS line ON line.meter_id = given.meter_id
    AND line.day >= given.month AND line.day < given.month + interval '1 month'
    AND line.superseded_at IS NULL
GROUP BY line.tenant_id, line.meter_id, given.month, line.component, line.currency
"""


def sum_months(days: Iterable[tuple[uuid.UUID, dt.date]]) -> None:
    """Sum up the months of (meter, day) anew; in the transaction that changed their lines.

    The site has to be locked (`services.costs.lock_site`), as for its lines.
    """
    found = sorted({(meter, day.replace(day=1)) for meter, day in days})
    if not found:
        return
    values: dict[str, Any] = {
        "meters": [meter for meter, _month in found],
        "months": [month for _meter, month in found],
        "unpriced": UNPRICED,
    }
    with connection.cursor() as cursor:
        cursor.execute(_DROP, values)
        cursor.execute(_ADD, values)


def months_of(
    meters: Iterable[uuid.UUID], start: dt.date, end: dt.date
) -> list[tuple[uuid.UUID, dt.date]]:
    """Return the months of meters in which the days [start, end) lie."""
    months, month = [], start.replace(day=1)
    while month < end:
        months.append(month)
        month = next_month(month)
    return [(meter, month) for meter in meters for month in months]
