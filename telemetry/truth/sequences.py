"""Which numbers arrived: noted by the ingest worker after a commit, for senders that count.

Every statement handles all devices of a chunk at once. Noting numbers twice changes nothing. A
crash of the database may forget the newest: they become a gap, and the device sends them again.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterable
from typing import Any

from django.db import connection, transaction

from telemetry.truth.numbers import Number, Run, runs_of

MAX_BOOTS = 8
MAX_GAPS = 100
# out-of-order messages of several connections need no request
GRACE = dt.timedelta(seconds=10)

# A later boot of a known device counts from 1: what lacks at its beginning is a gap. The first
# boot ever heard begins with what was heard.
_NOTE = """
WITH heard AS (
    SELECT device.id AS device_id, device.tenant_id, said.boot,
        said.ranges::int8multirange AS ranges
    FROM unnest(%(devices)s::uuid[], %(boots)s::bigint[], %(ranges)s::text[])
        AS said(device_id, boot, ranges)
    JOIN devices_device AS device ON device.id = said.device_id
)
INSERT INTO telemetry_devicesequence AS known
    (tenant_id, device_id, boot, received, gap_count, first_at, last_at)
SELECT tenant_id, device_id, boot,
    ranges + CASE WHEN EXISTS (
        SELECT 1 FROM telemetry_devicesequence AS older
        WHERE older.device_id = heard.device_id AND older.boot < heard.boot
    ) THEN '{[0,1)}'::int8multirange ELSE '{}' END,
    0, %(now)s, %(now)s
FROM heard ORDER BY device_id, boot
ON CONFLICT (device_id, boot) DO UPDATE SET
    received = known.received + (EXCLUDED.received -
        CASE WHEN known.received @> 0::bigint THEN '{}' ELSE '{[0,1)}' END::int8multirange),
    last_at = EXCLUDED.last_at
RETURNING id, device_id, xmax = 0,
    gap_count > 0 OR (SELECT count(*) > 1 FROM unnest(received))
"""
_FORGET_BOOTS = """
DELETE FROM telemetry_devicesequence WHERE id IN (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY device_id ORDER BY last_at DESC, boot DESC)
        FROM telemetry_devicesequence WHERE device_id = ANY(%(devices)s)
    ) AS numbered(id, number) WHERE number > %(keep)s
)
"""
_FORGET_GAPS = """
DELETE FROM telemetry_sequencegap WHERE sequence_id IN (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY device_id ORDER BY last_at DESC, boot DESC)
        FROM telemetry_devicesequence WHERE device_id = ANY(%(devices)s)
    ) AS numbered(id, number) WHERE number > %(keep)s
)
"""
_STATE = """
WITH state AS MATERIALIZED (
    SELECT id, tenant_id,
        int8multirange(int8range(lower(received), upper(received))) - received AS missing
    FROM telemetry_devicesequence WHERE id = ANY(%(ids)s)
)
"""
_SHRINK = f"""
{_STATE}
UPDATE telemetry_sequencegap AS gap
SET missing = left_over.number, filled_at = CASE WHEN left_over.number = 0 THEN %(now)s END
FROM state, LATERAL (
    SELECT gap_id, (
        SELECT coalesce(sum(upper(part) - lower(part)), 0)
        FROM unnest(state.missing * int8multirange(int8range(start, "end", '[]'))) AS part
    ) AS number
    FROM (
        SELECT id AS gap_id, start, "end" FROM telemetry_sequencegap
        WHERE sequence_id = state.id AND filled_at IS NULL AND given_up_at IS NULL
    ) AS open
) AS left_over
WHERE gap.id = left_over.gap_id AND gap.missing <> left_over.number
"""  # noqa: S608
_ADD = f"""
{_STATE}
INSERT INTO telemetry_sequencegap
    (tenant_id, sequence_id, start, "end", missing, lost, since, requests, next_request_at)
SELECT state.tenant_id, state.id, lower(part), upper(part) - 1, upper(part) - lower(part), '{{}}',
    %(now)s, 0, %(ask_at)s
FROM state, unnest(state.missing) AS part
WHERE NOT EXISTS (
    SELECT 1 FROM telemetry_sequencegap AS known
    WHERE known.sequence_id = state.id AND known.filled_at IS NULL
        AND known.given_up_at IS NULL AND int8range(known.start, known."end", '[]') && part
)
"""  # noqa: S608
_SURPLUS = """
SELECT id FROM (
    SELECT id, row_number() OVER (PARTITION BY sequence_id ORDER BY start DESC)
    FROM telemetry_sequencegap
    WHERE sequence_id = ANY(%(ids)s) AND filled_at IS NULL AND given_up_at IS NULL
) AS numbered(id, number) WHERE number > %(keep)s
"""
_GIVE_UP = """
WITH ended AS (
    UPDATE telemetry_sequencegap AS gap SET given_up_at = %(now)s,
        lost = int8multirange(int8range(start, "end", '[]')) - sequence.received
    FROM telemetry_devicesequence AS sequence
    WHERE gap.id = ANY(%(gaps)s) AND sequence.id = gap.sequence_id
    RETURNING gap.sequence_id, lost
)
UPDATE telemetry_devicesequence AS sequence
SET received = sequence.received + given_up.ranges
FROM (
    SELECT sequence_id, range_agg(lost) AS ranges FROM ended GROUP BY sequence_id
) AS given_up
WHERE sequence.id = given_up.sequence_id
"""
_REOPEN = """
WITH given_up AS (
    SELECT id, sequence_id, lost FROM telemetry_sequencegap
    WHERE sequence_id = ANY(%(ids)s) AND given_up_at IS NOT NULL
), opened AS (
    UPDATE telemetry_sequencegap AS gap
    SET given_up_at = NULL, requests = 0, next_request_at = %(now)s, lost = '{}'
    FROM given_up WHERE gap.id = given_up.id
    RETURNING gap.id
), again AS (
    UPDATE telemetry_devicesequence AS sequence
    SET received = sequence.received - missing.ranges
    FROM (
        SELECT sequence_id, range_agg(lost) AS ranges FROM given_up GROUP BY sequence_id
    ) AS missing
    WHERE sequence.id = missing.sequence_id
)
SELECT count(*) FROM opened
"""
_COUNT = """
UPDATE telemetry_devicesequence AS sequence SET gap_count = (
    SELECT count(*) FROM telemetry_sequencegap AS gap
    WHERE gap.sequence_id = sequence.id AND filled_at IS NULL AND given_up_at IS NULL
) WHERE id = ANY(%(ids)s)
"""


def note_numbers(numbers: Iterable[Number], *, now: dt.datetime) -> set[uuid.UUID]:
    """Note what arrived and is stored; return the devices that counted.

    Gaps are opened, shrunk and closed with it; the oldest above 100 of a boot are given up.
    Devices that were deleted meanwhile are passed by.
    """
    runs = runs_of(numbers)
    if not runs:
        return set()
    with transaction.atomic(), connection.cursor() as cursor:
        # what a crash forgets here is only asked for again
        cursor.execute("SET LOCAL synchronous_commit = off")
        cursor.execute(_NOTE, _heard(runs) | {"now": now})
        noted = cursor.fetchall()
        if fresh := [device_id for _id, device_id, is_new, _has_gaps in noted if is_new]:
            bound: dict[str, Any] = {"devices": fresh, "keep": MAX_BOOTS}
            cursor.execute(_FORGET_GAPS, bound)
            cursor.execute(_FORGET_BOOTS, bound)
        if gapped := [sequence_id for sequence_id, _device, _is_new, has_gaps in noted if has_gaps]:
            _settle_gaps(gapped, now=now)
    return {device_id for _id, device_id, _is_new, _has_gaps in noted}


def give_up(gaps: Collection[int], *, sequences: Collection[int], now: dt.datetime) -> None:
    """Wait for these gaps no longer: their numbers count as received."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_UP, {"gaps": list(gaps), "now": now})
        cursor.execute(_COUNT, {"ids": list(sequences)})


def reopen(sequences: Collection[int], *, now: dt.datetime) -> int:
    """Wait again for the gaps of these sequences that were given up; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(_REOPEN, {"ids": list(sequences), "now": now})
        number: int = cursor.fetchone()[0]
        cursor.execute(_COUNT, {"ids": list(sequences)})
    return number


def _heard(runs: dict[tuple[uuid.UUID, int], list[Run]]) -> dict[str, Any]:
    return {
        "devices": [device_id for device_id, _boot in runs],
        "boots": [boot for _device, boot in runs],
        "ranges": [
            "{" + ",".join(f"[{first},{last}]" for first, last in found) + "}"
            for found in runs.values()
        ],
    }


def _settle_gaps(ids: list[int], *, now: dt.datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SHRINK, {"ids": ids, "now": now})
        cursor.execute(_ADD, {"ids": ids, "now": now, "ask_at": now + GRACE})
        cursor.execute(_SURPLUS, {"ids": ids, "keep": MAX_GAPS})
        surplus = [gap for (gap,) in cursor.fetchall()]
        if surplus:
            cursor.execute(_GIVE_UP, {"gaps": surplus, "now": now})
        cursor.execute(_COUNT, {"ids": ids})
