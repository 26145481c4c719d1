"""Yesterday's values for sparklines: a few probes per channel, however dense its samples."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence

from django.db import connection

from telemetry.quality import Quality

SPAN = dt.timedelta(hours=24)
STEP = dt.timedelta(minutes=30)
POINTS = int(SPAN / STEP)

# One index probe per channel and step instead of an average over all samples: 50 devices
# that report every 10 s would be 432,000 rows.
_FIRST_OF_EACH_STEP = """
    SELECT wanted.id, step.number, first.value
    FROM devices_channel AS wanted
    CROSS JOIN generate_series(0, %(points)s - 1) AS step(number)
    CROSS JOIN LATERAL (
        SELECT value FROM telemetry_sample
        WHERE channel_id = wanted.id
          AND time >= %(start)s + step.number * make_interval(secs => %(step)s)
          AND time < %(start)s + (step.number + 1) * make_interval(secs => %(step)s)
          AND quality <> ALL (%(unusable)s)
        ORDER BY time LIMIT 1
    ) AS first
    WHERE wanted.id = ANY(%(channels)s) AND wanted.tenant_id = %(tenant)s
"""


def last_day_of(
    channels: Sequence[int], *, tenant_id: uuid.UUID, now: dt.datetime
) -> dict[int, list[float | None]]:
    """Return the first value of each half hour of the last 24 h by channel; None is a gap.

    Samples carry no tenant, so the statement joins the channels of `tenant_id`.
    """
    if not channels:
        return {}
    days: dict[int, list[float | None]] = {channel: [None] * POINTS for channel in channels}
    with connection.cursor() as cursor:
        cursor.execute(
            _FIRST_OF_EACH_STEP,
            {
                "channels": list(channels),
                "tenant": tenant_id,
                "points": POINTS,
                "start": now - SPAN,
                "step": STEP.total_seconds(),
                "unusable": [Quality.BAD.value, Quality.MISSING.value],
            },
        )
        for channel, number, value in cursor.fetchall():
            days[channel][number] = value
    return days
