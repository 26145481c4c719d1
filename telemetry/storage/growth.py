"""Quarters that only grew: what is behind the last value counted is added to the figures.

The running quarter of a channel is looked at many times while it fills. Reading it from its
beginning each time would cost the square of its length.

A row counts once. All rows up to `last_time` are in the figures, or a mark that names a time
up to `last_time` is still waiting, and then the quarter is computed anew. What is read here
lies behind `last_time`, and that moves on to the last row that was read.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from telemetry.ingest.batch import from_microseconds
from telemetry.quality import Quality
from telemetry.storage.marks import QUARTER_US, Windows
from telemetry.storage.packed import HUGE

_START = "to_timestamp(dirty.number * 900.0)"
# LIMIT keeps the planner from beginning with the rollups: of a month that has just begun it
# knows nothing, and would compare each of its quarters with each window.
_OLD = f"""
CROSS JOIN LATERAL (
    SELECT * FROM telemetry_rollup_15m
    WHERE channel_id = dirty.channel_id AND start = {_START}
        AND start >= %(from)s AND start < %(to)s
    LIMIT 1
) AS old
"""  # noqa: S608
_FIND = f"""
SELECT dirty.place - 1
FROM unnest(%(channels)s::int[], %(numbers)s::int[], %(firsts)s::int[])
    WITH ORDINALITY AS dirty(channel_id, number, first, place)
{_OLD}
WHERE old.last_time < {_START} + dirty.first * interval '1 microsecond'
    AND abs(old.sum) <= {HUGE}
"""  # noqa: S608
# The old sum goes first, as PostgreSQL reads the parts of UNION ALL in their order: values are
# added one after the other, whenever they came, and the sum is that of the whole quarter to
# the last bit.
_EXTEND = f"""
INSERT INTO telemetry_rollup_15m AS known
    (channel_id, start, count, sum, minimum, maximum, first, last, first_time, last_time, good)
SELECT dirty.channel_id, old.start, old.count + more.count, more.sum,
    least(old.minimum, more.minimum), greatest(old.maximum, more.maximum), old.first, more.last,
    old.first_time, more.last_time, old.good + more.good
FROM unnest(%(channels)s::int[], %(numbers)s::int[], %(lasts)s::int[])
    AS dirty(channel_id, number, last)
{_OLD}
CROSS JOIN LATERAL (
    SELECT count(*)::int - 1 AS count,
        CASE WHEN max(abs(value)) FILTER (WHERE quality IS NOT NULL) <= {HUGE}
            THEN sum(value) END AS sum,
        min(value) FILTER (WHERE quality IS NOT NULL) AS minimum,
        max(value) FILTER (WHERE quality IS NOT NULL) AS maximum,
        (array_agg(value))[count(*)] AS last, max(time) AS last_time,
        (count(*) FILTER (WHERE quality = {Quality.GOOD.value}))::int AS good
    FROM (
        SELECT old.last_time AS time, old.sum AS value, NULL::smallint AS quality
        UNION ALL (
        SELECT time, value, quality FROM telemetry_sample
        WHERE channel_id = dirty.channel_id AND time > old.last_time
            AND time <= {_START} + dirty.last * interval '1 microsecond'
            AND time >= %(from)s AND time < %(to)s
            AND quality NOT IN ({Quality.BAD.value}, {Quality.MISSING.value})
        ORDER BY time)
    ) AS sample
) AS more
WHERE more.count > 0
ON CONFLICT (channel_id, start) DO UPDATE SET
    count = excluded.count, sum = excluded.sum, minimum = excluded.minimum,
    maximum = excluded.maximum, last = excluded.last, last_time = excluded.last_time,
    good = excluded.good
"""  # noqa: S608


def find_grown(windows: Windows) -> NDArray[np.bool_]:
    """Return the mask of the windows in which all changes are behind the last value counted."""
    is_grown = np.zeros(len(windows), dtype=np.bool_)
    candidates = np.flatnonzero(windows.firsts)
    if len(candidates):
        with connection.cursor() as cursor:
            cursor.execute(_FIND, _parameters(windows.take(candidates)))
            places = [place for (place,) in cursor.fetchall()]
        is_grown[candidates[places]] = True
    return is_grown


def extend(windows: Windows) -> int:
    """Add what came to windows that only grew; return how many changed.

    Runs in the transaction of `find_grown`, under the lock of the rollups.
    """
    with connection.cursor() as cursor:
        cursor.execute(_EXTEND, _parameters(windows))
        return cursor.rowcount


def _parameters(windows: Windows) -> dict[str, Any]:
    first, last = span_of(windows)
    return {
        "channels": windows.channels.tolist(),
        "numbers": windows.numbers.tolist(),
        "firsts": windows.firsts.tolist(),
        "lasts": windows.lasts.tolist(),
        "from": first,
        "to": last,
    }


def span_of(windows: Windows) -> tuple[dt.datetime, dt.datetime]:
    """Return the beginning of the first and the end of the last quarter."""
    first, last = int(np.min(windows.numbers)), int(np.max(windows.numbers)) + 1
    return from_microseconds(first * QUARTER_US), from_microseconds(last * QUARTER_US)
