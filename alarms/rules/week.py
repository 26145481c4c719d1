"""Parts of the week in the zone of a site: when a rule is looked at, when people are left alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from alarms.engine.fold import NEVER
from alarms.rules.definition import Slot

MINUTE_US = 60_000_000
DAY_MINUTES = 1440
WEEK_MINUTES = 7 * DAY_MINUTES
_CELL = 15  # minutes; clocks are changed on whole quarters of an hour
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LOOK_DAYS = 9  # a week, and the hours that a change of the clock adds

Times = NDArray[np.int64]  # µs since 1970 UTC
Mask = NDArray[np.bool_]


class Week:
    """Slots of the local week. Without slots nothing is in it.

    A slot from 22:00 to 06:00 goes on into the next day; one without days is on all of them.
    An hour that autumn repeats is in it both times.
    """

    def __init__(self, slots: Sequence[Slot], zone: ZoneInfo) -> None:
        self.zone = zone
        self._minutes = np.zeros(WEEK_MINUTES, dtype=np.bool_)
        for slot in slots:
            self._minutes[_minutes_of(slot)] = True

    @property
    def minutes(self) -> int:
        """Return how many minutes of a week of 168 hours are in it."""
        return int(self._minutes.sum())

    def mask(self, times: Times) -> Mask:
        """Tell of each time whether it is in the week."""
        minutes = times // MINUTE_US
        cells, place = np.unique(minutes // _CELL, return_inverse=True)
        offsets = np.array([self._offset(int(cell)) for cell in cells], dtype=np.int64)
        local = minutes + offsets[place.reshape(minutes.shape)] + 3 * DAY_MINUTES  # a Thursday
        found: Mask = self._minutes[local % WEEK_MINUTES]
        return found

    def holds(self, moment: dt.datetime) -> bool:
        """Tell whether an aware moment is in the week."""
        return bool(self.mask(np.array([_microseconds(moment)]))[0])

    def opens(self, time: int) -> int:
        """Return the first time from one on that is in the week, both in µs; NEVER if none is."""
        moment = _EPOCH + dt.timedelta(microseconds=time)
        if self.holds(moment):
            return time
        change = self.next_change(moment)
        return NEVER if change is None else _microseconds(change)

    def next_change(self, moment: dt.datetime) -> dt.datetime | None:
        """Return the first minute after a moment at which that becomes different, in UTC.

        None: it never does.
        """
        first = _microseconds(moment) // MINUTE_US
        minutes = np.arange(first, first + _LOOK_DAYS * DAY_MINUTES) * MINUTE_US
        is_in = self.mask(minutes)
        at = int(np.argmax(is_in != is_in[0]))
        return _EPOCH + dt.timedelta(microseconds=int(minutes[at])) if at else None

    def _offset(self, cell: int) -> int:
        at = _EPOCH + dt.timedelta(minutes=cell * _CELL)
        offset = at.astimezone(self.zone).utcoffset() or dt.timedelta()
        return int(offset.total_seconds()) // 60


def _minutes_of(slot: Slot) -> NDArray[np.int64]:
    start, end = _minute(slot.start), _minute(slot.end)
    length = (end - start) % DAY_MINUTES or DAY_MINUTES
    starts = [(day - 1) * DAY_MINUTES + start for day in slot.days or range(1, 8)]
    found: NDArray[np.int64] = np.concatenate([np.arange(s, s + length) for s in starts])
    return found % WEEK_MINUTES


def _minute(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def _microseconds(moment: dt.datetime) -> int:
    return (moment - _EPOCH) // dt.timedelta(microseconds=1)
