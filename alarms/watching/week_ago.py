"""Values of a week ago, for rules that compare with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alarms.rules.compiled import against
from alarms.watching.reading import usable
from telemetry.ingest.batch import from_microseconds
from telemetry.storage.reads import raw_samples

WEEK_US = 7 * 86_400 * 1_000_000
AHEAD_US = 3_600 * 1_000_000  # read with what is needed now
MOST_ROWS = 200_000


@dataclass(slots=True)
class _Past:
    start: int
    end: int
    times: NDArray[np.int64]
    values: NDArray[np.float64]


class WeekAgo:
    """Reads the past of a channel an hour at a time."""

    def __init__(self) -> None:
        self._kept: dict[int, _Past] = {}

    def percents(
        self, channel: int, times: NDArray[np.int64], values: NDArray[np.float64], hold: int
    ) -> NDArray[np.float64]:
        """Return by how many percent values differ from those of a week before.

        Args:
            times: ascending, µs; at least one.
            hold: µs that a sample stands for; NaN where that of a week ago is older.
        """
        past = self._past(channel, int(times[0]) - WEEK_US - hold, int(times[-1]) - WEEK_US)
        wanted = times - WEEK_US
        place = np.searchsorted(past.times, wanted, side="right") - 1
        known = (place >= 0) & (len(past.times) > 0)
        earlier = np.full(len(times), np.nan)
        earlier[known] = past.values[place[known]]
        earlier[known] = np.where(
            wanted[known] - past.times[place[known]] <= hold, earlier[known], np.nan
        )
        return against(values, earlier)

    def keep_only(self, channels: set[int]) -> None:
        """Forget the others."""
        self._kept = {channel: past for channel, past in self._kept.items() if channel in channels}

    def _past(self, channel: int, start: int, end: int) -> _Past:
        kept = self._kept.get(channel)
        if kept is None or start < kept.start or end > kept.end:
            kept = self._kept[channel] = _read(channel, start, end + AHEAD_US)
        return kept


def _read(channel: int, start: int, end: int) -> _Past:
    rows = usable(
        raw_samples(
            [channel], from_microseconds(max(start, 0)), from_microseconds(end + 1), MOST_ROWS,
            tenant_id=None,
        )
    )  # fmt: skip
    return _Past(start, end, rows["time"].astype(np.int64), rows["value"].astype(np.float64))
