"""Days follow the time zone of the site: when that changes, or the site, they are cut anew."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from django.db import connection, transaction

from telemetry.storage.rollup import lock_rollups, upsert

CHANNELS = 500  # of one transaction, but
DAYS = 7_300  # of all of them: ten channels of two years, 700,000 quarters

_OTHER_ZONE = """
SELECT channel.id, site.timezone,
    (SELECT count(*) FROM telemetry_rollup_day WHERE channel_id = channel.id)
FROM devices_channel AS channel
JOIN devices_device AS device ON device.id = channel.device_id
JOIN devices_site AS site ON site.id = device.site_id
LEFT JOIN telemetry_rollup_zone AS cut ON cut.channel_id = channel.id
WHERE cut.zone IS DISTINCT FROM site.timezone
ORDER BY channel.id LIMIT %s
"""
_NOTE_ZONE = """
INSERT INTO telemetry_rollup_zone (channel_id, zone)
SELECT * FROM unnest(%s::int[], %s::text[])
ON CONFLICT (channel_id) DO UPDATE SET zone = excluded.zone
"""
_DELETE_DAYS = "DELETE FROM telemetry_rollup_day WHERE channel_id = ANY(%s)"
_CUT_DAYS = upsert("""
INSERT INTO telemetry_rollup_day AS old (channel_id, day, {columns})
SELECT wanted.channel_id, quarters.day, {columns}
FROM unnest(%s::int[], %s::text[]) AS wanted(channel_id, zone)
CROSS JOIN LATERAL (
    SELECT day, figures.* FROM (
        SELECT DISTINCT (start AT TIME ZONE wanted.zone)::date AS day
        FROM telemetry_rollup_15m WHERE channel_id = wanted.channel_id
    ) AS days CROSS JOIN LATERAL ({figures} FROM (
        SELECT * FROM telemetry_rollup_15m
        WHERE channel_id = wanted.channel_id
            AND start >= (days.day::timestamp AT TIME ZONE wanted.zone) - interval '3 hours'
            AND start < ((days.day + 1)::timestamp AT TIME ZONE wanted.zone) + interval '3 hours'
            AND (start AT TIME ZONE wanted.zone)::date = days.day
        ORDER BY start
    ) AS quarter) AS figures
) AS quarters
""")


def follow_zones(*, limit: int = CHANNELS) -> int:
    """Cut the days of channels whose zone is not the one noted; return how many channels."""
    with connection.cursor() as cursor:
        cursor.execute(_OTHER_ZONE, [limit])
        found = _first_days(cursor.fetchall())
    if not found:
        return 0
    channels, zones = [row[0] for row in found], [row[1] for row in found]
    with transaction.atomic():
        lock_rollups()
        with connection.cursor() as cursor:
            cursor.execute(_DELETE_DAYS, [channels])
            cursor.execute(_CUT_DAYS, [channels, zones])
            cursor.execute(_NOTE_ZONE, [channels, zones])
    return len(found)


def _first_days(found: list[tuple[int, str, int]]) -> list[tuple[int, str, int]]:
    """Return the first channels that together are one transaction's work; at least one."""
    days = list(accumulate(row[2] for row in found))
    return found[: max(1, bisect_right(days, DAYS))]
