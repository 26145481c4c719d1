"""Compares rollups, virtual channels and statistics with figures worked out from the samples.

The expected figures are computed by PostgreSQL from the table of samples, by statements that
share nothing with those of the product.
"""

from __future__ import annotations

from typing import Any

from tests.faults.harness import Plant, wait_until
from tests.faults.ledger import Fleet

_CHANNELS = """
channels AS (
    SELECT c.id, c.name, c.source, d.id AS device, d.uid, site.timezone
    FROM devices_channel c
    JOIN devices_device d ON d.id = c.device_id
    JOIN devices_site site ON site.id = d.site_id
    WHERE d.uid = ANY(%(devices)s)
)
"""
_QUARTERS = f"""
WITH {_CHANNELS}, expected AS (
    SELECT s.channel_id, date_bin('15 min', s.time, '1970-01-01Z') AS start, count(*) AS count,
        round(sum(s.value)::numeric, 6) AS sum, min(s.value) AS minimum, max(s.value) AS maximum
    FROM telemetry_sample s JOIN channels c ON c.id = s.channel_id GROUP BY 1, 2
), found AS (
    SELECT channel_id, start, count::bigint, round(sum::numeric, 6), minimum, maximum
    FROM telemetry_rollup_15m r JOIN channels c ON c.id = r.channel_id
)
SELECT count(*) FROM (
    (TABLE expected EXCEPT TABLE found) UNION ALL (TABLE found EXCEPT TABLE expected)
) AS wrong
"""
_DAYS = f"""
WITH {_CHANNELS}, expected AS (
    SELECT s.channel_id, (s.time AT TIME ZONE c.timezone)::date AS day, count(*) AS count,
        min(s.value) AS minimum, max(s.value) AS maximum
    FROM telemetry_sample s JOIN channels c ON c.id = s.channel_id GROUP BY 1, 2
), found AS (
    SELECT channel_id, day, count::bigint, minimum, maximum
    FROM telemetry_rollup_day r JOIN channels c ON c.id = r.channel_id
)
SELECT count(*) FROM (
    (TABLE expected EXCEPT TABLE found) UNION ALL (TABLE found EXCEPT TABLE expected)
) AS wrong
"""
_VIRTUAL = f"""
WITH {_CHANNELS}, a AS (
    SELECT c.device, s.time, s.value FROM telemetry_sample s JOIN channels c ON c.id = s.channel_id
    WHERE c.source = 'active_power_import'
), b AS (
    SELECT c.device, s.time, s.value FROM telemetry_sample s JOIN channels c ON c.id = s.channel_id
    WHERE c.source = 'power_active_total'
), expected AS (
    SELECT device, 'twice' AS name, date_bin('15 min', time, '1970-01-01Z') AS time,
        round(2 * avg(value)::numeric, 6) AS value
    FROM a GROUP BY 1, 3
    UNION ALL
    SELECT device, 'both', time, round((a.value + b.value)::numeric, 6)
    FROM a JOIN b USING (device, time)
), found AS (
    SELECT c.device, c.name::text, s.time, round(s.value::numeric, 6)
    FROM telemetry_sample s JOIN channels c ON c.id = s.channel_id
    WHERE c.name IN ('twice', 'both')
)
SELECT count(*) FROM (
    (TABLE expected EXCEPT TABLE found) UNION ALL (TABLE found EXCEPT TABLE expected)
) AS wrong
"""
# every day with values is to be judged, and what was judged says how many there were
_STATISTICS = f"""
WITH {_CHANNELS}, expected AS (
    SELECT s.channel_id, (s.time AT TIME ZONE c.timezone)::date AS day, count(*) AS count
    FROM telemetry_sample s JOIN channels c ON c.id = s.channel_id GROUP BY 1, 2
)
SELECT count(*) FROM expected
LEFT JOIN telemetry_channelday AS day USING (channel_id, day)
WHERE day.id IS NULL OR (day.stale_since IS NULL AND day.received <> expected.count)
"""
_MARKS = "SELECT count(*) FROM telemetry_dirty_mark"


def count(plant: Plant, query: str, fleet: Fleet) -> int:
    """Return the one number that a query gives for a fleet."""
    with plant.database() as connection:
        row: Any = connection.execute(query, {"devices": list(fleet.devices)}).fetchone()
    return int(row[0])


def wait_until_derived(plant: Plant, fleet: Fleet, *, patience: float = 120) -> dict[str, float]:
    """Wait until everything that is derived from the samples is right; return the seconds.

    Raises: AssertionError: something stays wrong.
    """
    seconds = {}
    for name, query in (
        ("quarters", _QUARTERS),
        ("days", _DAYS),
        ("virtual", _VIRTUAL),
        ("statistics", _STATISTICS),
    ):
        reason = f"wrong or missing {name}"
        seconds[name] = wait_until(lambda q=query: count(plant, q, fleet) == 0, patience, reason)
    with plant.database() as connection:
        query_marks = lambda: connection.execute(_MARKS).fetchone() == (0,)  # noqa: E731
        wait_until(query_marks, 60, "marks are left")
    return seconds
