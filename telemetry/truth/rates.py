"""Values that change faster than their channel can: kept, but marked as uncertain.

Judged as values arrive, against the newest one that was believed; late ones fill history
unjudged. A jump that stays is believed once the time since then explains it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from devices.models import Kind
from telemetry.ingest.batch import SampleBatch
from telemetry.quality import Quality

# The newest value may be one that was not believed: the one before it counts.
_BELIEVED = """
SELECT channel.id, channel.maximum_rate, channel.kind = %(counter)s, believed.value,
    (extract(epoch FROM believed.time) * 1000000)::bigint
FROM devices_channel AS channel
LEFT JOIN telemetry_latestvalue AS latest ON latest.channel_id = channel.id
LEFT JOIN LATERAL (
    SELECT value, time FROM telemetry_sample AS sample
    WHERE sample.channel_id = channel.id AND sample.quality = %(good)s
        AND sample.time BETWEEN latest.time - interval '1 day' AND latest.time
    ORDER BY sample.time DESC LIMIT 1
) AS believed ON true
WHERE channel.id = ANY(%(channels)s) AND channel.maximum_rate IS NOT NULL
"""


@dataclass(slots=True)
class RateLimit:
    """The largest change per second of a channel, and its newest believed value.

    `time` is in µs UTC, None before the first value. `only_rises`: of a counter, whose falls
    are resets.
    """

    per_second: float
    only_rises: bool = False
    value: float = 0.0
    time: int | None = None


class RateWatch:
    """Limits by slot; costs nothing while no channel has one."""

    def __init__(self) -> None:
        self._limits: dict[int, RateLimit] = {}

    def follow(self, limited: Mapping[int, int], *, among: Iterable[int]) -> None:
        """Read the limits of channels afresh; the others of `among` have none any more.

        Args: limited: slot → channel.
        """
        for slot in self._limits.keys() & (set(among) - limited.keys()):
            del self._limits[slot]
        if limited:
            limits = _load(limited.values())
            for slot, channel in limited.items():
                if channel in limits:
                    self._set(slot, limits[channel])

    def _set(self, slot: int, limit: RateLimit) -> None:
        """Take a limit over; what is believed already stays if it is newer."""
        known = self._limits.get(slot)
        if known is not None and known.time is not None and known.time >= (limit.time or 0):
            limit.value, limit.time = known.value, known.time
        self._limits[slot] = limit

    def judge(self, rows: SampleBatch, slots: NDArray[np.int64]) -> None:
        """Mark good rows that jump as uncertain, in place; sorted by (channel, time)."""
        if not self._limits:
            return
        for slot, index in self._watched(slots):
            limit = self._limits[slot]
            value, moment = limit.value, limit.time
            for at in index:
                row_time, row_value = int(rows["time"][at]), float(rows["value"][at])
                if rows["quality"][at] != Quality.GOOD or (
                    moment is not None and row_time <= moment
                ):
                    continue
                if moment is not None and _jumps(limit, value, moment, row_value, row_time):
                    rows["quality"][at] = Quality.UNCERTAIN
                else:
                    value, moment = row_value, row_time

    def accept(self, rows: SampleBatch, slots: NDArray[np.int64]) -> None:
        """Believe the newest good value of each channel, once the rows are committed."""
        if not self._limits:
            return
        for slot, index in self._watched(slots):
            good = index[rows["quality"][index] == Quality.GOOD]
            limit = self._limits[slot]
            if len(good) and (limit.time is None or rows["time"][good[-1]] > limit.time):
                limit.value = float(rows["value"][good[-1]])
                limit.time = int(rows["time"][good[-1]])

    def _watched(self, slots: NDArray[np.int64]) -> list[tuple[int, NDArray[np.int64]]]:
        watched = np.flatnonzero(np.isin(slots, list(self._limits)))
        return [(int(slot), watched[slots[watched] == slot]) for slot in np.unique(slots[watched])]


def _load(channels: Iterable[int]) -> dict[int, RateLimit]:
    wanted: dict[str, Any] = {
        "channels": list(channels), "counter": Kind.COUNTER.value, "good": Quality.GOOD.value
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_BELIEVED, wanted)
        return {
            channel: RateLimit(rate, only_rises=only_rises, value=value or 0.0, time=at)
            for channel, rate, only_rises, value, at in cursor.fetchall()
        }


def _jumps(limit: RateLimit, value: float, moment: int, new: float, at: int) -> bool:
    change = new - value if limit.only_rises else abs(new - value)
    return change > limit.per_second * (at - moment) / 1_000_000
