"""Counts how late values come, and notes which days of which channels have news."""

from __future__ import annotations

import datetime as dt
import logging
import time
from typing import Any

from django.db import DatabaseError, connection

from telemetry.ingest.batch import StoredBatch
from telemetry.reactors.base import Reactor
from telemetry.truth.lateness import CLASSES
from telemetry.truth.tally import Counted, LatenessTally

logger = logging.getLogger(__name__)

WRITE_SECONDS = 60.0
# classes of quarters of channels, 24 bytes each: beyond that they are written at once
MAX_COUNTED = 250_000

_COUNTS = ", ".join(f"%(k{n})s::int[]" for n in range(CLASSES))
_NAMES = ", ".join(f"k{n}" for n in range(CLASSES))
_SUMS = ", ".join(f"sum(k{n})::int" for n in range(CLASSES))
_ADDED = ", ".join(f"known.lateness[{n}] + EXCLUDED.lateness[{n}]" for n in range(1, CLASSES + 1))
_INSERT = """
INSERT INTO telemetry_channelday AS known
    (tenant_id, channel_id, day, lateness, clock_offset, stale_since,
     received, good, gaps, longest_gap_seconds, stuck_seconds, falls, findings, grade)
"""
_WRITE = f"""
{_INSERT}
SELECT channel.tenant_id, channel.id,
    (to_timestamp(said.quarter * 900::float8) AT TIME ZONE site.timezone)::date AS day,
    ARRAY[{_SUMS}], min(said.earliest), %(now)s, 0, 0, 0, 0, 0, 0, '{{}}', 'unknown'
FROM unnest(%(channels)s::int[], %(quarters)s::int[], %(earliest)s::float8[], {_COUNTS})
    AS said(channel_id, quarter, earliest, {_NAMES})
JOIN devices_channel AS channel ON channel.id = said.channel_id
JOIN devices_device AS device ON device.id = channel.device_id
JOIN devices_site AS site ON site.id = device.site_id
GROUP BY channel.tenant_id, channel.id, day
ORDER BY channel.id, day
ON CONFLICT (channel_id, day) DO UPDATE SET
    lateness = CASE WHEN cardinality(known.lateness) = {CLASSES} THEN ARRAY[{_ADDED}]
        ELSE EXCLUDED.lateness END,
    clock_offset = least(known.clock_offset, EXCLUDED.clock_offset),
    stale_since = coalesce(known.stale_since, EXCLUDED.stale_since)
"""  # noqa: S608
_MARK = f"""
{_INSERT}
SELECT channel.tenant_id, channel.id, rollup.day, '{{}}', NULL, %(now)s, 0, 0, 0, 0, 0, 0, '{{}}',
    'unknown'
FROM telemetry_rollup_day AS rollup
JOIN devices_channel AS channel ON channel.id = rollup.channel_id
WHERE rollup.day >= %(day)s
ORDER BY channel.id, rollup.day
ON CONFLICT (channel_id, day) DO UPDATE
SET stale_since = coalesce(known.stale_since, EXCLUDED.stale_since)
"""  # noqa: S608


class QualityReactor(Reactor):
    """Collects for a minute, then writes one row for each channel and day.

    A crash loses what was collected, a repeated batch counts twice: that is good enough for
    a share of values, and a row for each batch would cost more than the samples.
    """

    name = "quality"
    starts_at = "$"

    def __init__(self) -> None:
        self._tally = LatenessTally()
        self._write_at = time.monotonic() + WRITE_SECONDS
        self._has_gap = False

    def react(self, batch: StoredBatch) -> None:
        """Count a batch."""
        self._tally.add(batch)

    def on_gap(self) -> None:
        """Look at the last days again; how late unseen values were is not known."""
        self._has_gap = True

    def flush(self, now: float) -> None:
        """Write once a minute, or when much was collected."""
        is_due = self._has_gap or time.monotonic() >= self._write_at
        if is_due or len(self._tally) >= MAX_COUNTED:
            self.write(now=dt.datetime.fromtimestamp(now, dt.UTC))

    def close(self) -> None:
        """Write what was collected: the next copy begins with what comes."""
        try:
            self.write(now=dt.datetime.now(dt.UTC))
        except DatabaseError as error:
            logger.warning("The lateness of the last minute is lost: %s", error)

    def write(self, *, now: dt.datetime) -> None:
        """Write what was collected."""
        self._write_at = time.monotonic() + WRITE_SECONDS
        if not self._has_gap and not len(self._tally):
            return
        with connection.cursor() as cursor:
            if len(self._tally):
                cursor.execute(_WRITE, _parameters(self._tally.counted()) | {"now": now})
            if self._has_gap:
                cursor.execute(_MARK, {"now": now, "day": (now - dt.timedelta(days=2)).date()})
        self._tally.clear()
        self._has_gap = False


def _parameters(counted: Counted) -> dict[str, Any]:
    return {
        "channels": counted.channels.tolist(),
        "quarters": counted.quarters.tolist(),
        "earliest": counted.earliest.tolist(),
        **{f"k{n}": counted.classes[:, n].tolist() for n in range(CLASSES)},
    }
