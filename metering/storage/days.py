"""Sums of quarter hours by local day, kept with them: pages of a year read these."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from metering.storage.entries import start_of

_SPAN = """
span AS (
    SELECT register_id, zone,
        date_trunc('day', first AT TIME ZONE zone) AT TIME ZONE zone AS begin,
        (date_trunc('day', last AT TIME ZONE zone) + interval '1 day') AT TIME ZONE zone AS finish
    FROM unnest(%(registers)s::int[], %(zones)s::text[], %(firsts)s::timestamptz[],
        %(lasts)s::timestamptz[]) AS given(register_id, zone, first, last)
)
"""
# a day whose last quarter is gone stays, with none: costs must hear of it
_WRITE = f"""
WITH {_SPAN}, fresh AS MATERIALIZED (
    SELECT span.register_id, (entry.start AT TIME ZONE span.zone)::date AS day,
        sum(entry.amount)::int8 AS amount, count(*)::int2 AS quarters,
        coalesce(sum(entry.amount) FILTER (WHERE entry.grade >= 2), 0)::int8 AS estimated,
        (count(*) FILTER (WHERE entry.grade >= 2))::int2 AS estimated_quarters,
        (count(*) FILTER (WHERE entry.grade = 1))::int2 AS prorated_quarters,
        (count(*) FILTER (WHERE entry.grade = 3))::int2 AS manual_quarters,
        max(entry.amount) AS peak,
        (array_agg(entry.start ORDER BY entry.amount DESC, entry.start))[1] AS peak_at
    FROM span CROSS JOIN LATERAL (
        SELECT start, amount, grade FROM metering_interval
        WHERE register_id = span.register_id AND start >= span.begin AND start < span.finish
            AND start >= %(first)s AND start < %(last)s OFFSET 0
    ) AS entry GROUP BY 1, 2
), emptied AS (
    UPDATE metering_day AS old SET amount = 0, quarters = 0, estimated = 0,
        estimated_quarters = 0, manual_quarters = 0, prorated_quarters = 0, peak = 0,
        changed_at = %(now)s
    FROM span WHERE old.quarters <> 0 AND old.register_id = span.register_id
        AND old.day >= (span.begin AT TIME ZONE span.zone)::date
        AND old.day < (span.finish AT TIME ZONE span.zone)::date
        AND NOT EXISTS (SELECT FROM fresh
            WHERE fresh.register_id = old.register_id AND fresh.day = old.day)
)
INSERT INTO metering_day AS old (register_id, day, amount, quarters, estimated,
    estimated_quarters, prorated_quarters, manual_quarters, peak, peak_at, changed_at)
SELECT fresh.*, %(now)s FROM fresh
ON CONFLICT (register_id, day) DO UPDATE SET amount = excluded.amount,
    quarters = excluded.quarters, estimated = excluded.estimated,
    estimated_quarters = excluded.estimated_quarters,
    prorated_quarters = excluded.prorated_quarters, manual_quarters = excluded.manual_quarters,
    peak = excluded.peak, peak_at = excluded.peak_at, changed_at = excluded.changed_at
"""  # noqa: S608
_EMPTY = """
UPDATE metering_day SET amount = 0, quarters = 0, estimated = 0, estimated_quarters = 0,
    manual_quarters = 0, prorated_quarters = 0, peak = 0, changed_at = %(now)s
WHERE register_id = ANY(%(registers)s) AND quarters <> 0
"""

# costs look here for which registers have days that changed
_TELL = """
INSERT INTO metering_ledger_state AS old (register_id, built_at)
SELECT DISTINCT register_id, %(now)s::timestamptz
FROM unnest(%(registers)s::int[]) AS given(register_id) ORDER BY 1
ON CONFLICT (register_id) DO UPDATE SET built_at = excluded.built_at
WHERE old.built_at IS DISTINCT FROM excluded.built_at
"""


@dataclass(frozen=True, slots=True)
class Span:
    """Quarters of a register that changed, [first, last], and the time zone of its site."""

    register: int
    zone: str
    first: int
    last: int


def sum_days(spans: Sequence[Span], *, now: dt.datetime) -> None:
    """Sum up the local days that these quarters belong to; inside their transaction."""
    if not spans:
        return
    a_day = dt.timedelta(days=2)  # a local day reaches over the edges of those in UTC
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE,
            {
                "registers": [span.register for span in spans],
                "zones": [span.zone for span in spans],
                "firsts": [start_of(span.first) for span in spans],
                "lasts": [start_of(span.last) for span in spans],
                "first": start_of(min(span.first for span in spans)) - a_day,
                "last": start_of(max(span.last for span in spans)) + a_day,
                "now": now,
            },
        )
        cursor.execute(_TELL, {"registers": [span.register for span in spans], "now": now})


def empty_days(registers: Sequence[int], *, now: dt.datetime) -> None:
    """Take the quarters from all days of registers, to sum them up in other days."""
    with connection.cursor() as cursor:
        cursor.execute(_EMPTY, {"registers": list(registers), "now": now})
