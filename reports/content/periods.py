"""Local days of a period, and when the next report is due. Without a database or a clock."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from metering.analysis.compare import Period

_DAY = dt.timedelta(days=1)
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def last_whole(period: str, *, now: dt.datetime, zone: ZoneInfo) -> Period:
    """Return the last day, week (from Monday), month, quarter or year that is over."""
    start = start_of(period, now.astimezone(zone).date())
    return Period(start_of(period, start - _DAY), start)


def period_around(period: str, day: dt.date) -> Period:
    """Return the day, week, month, quarter or year in which a day lies."""
    start = start_of(period, day)
    if period in _MONTHS:
        return Period(start, _add_months(start, _MONTHS[period]))
    return Period(start, start + (7 * _DAY if period == "week" else _DAY))


def start_of(period: str, day: dt.date) -> dt.date:
    """Return the first day of the period in which a day lies."""
    if period == "week":
        return day - dt.timedelta(days=day.weekday())
    if period in _MONTHS:
        months = _MONTHS[period]
        return day.replace(month=(day.month - 1) // months * months + 1, day=1)
    return day


def _add_months(first: dt.date, count: int) -> dt.date:
    months = first.year * 12 + first.month - 1 + count
    return dt.date(months // 12, months % 12 + 1, 1)


@dataclass(frozen=True, slots=True)
class Timetable:
    """When a report is due, by the clock of its site.

    `weekday`: 0 is Monday, of a weekly one. `month_day`: 1 to 28, of a monthly one.
    """

    schedule: str
    send_at: dt.time
    weekday: int
    month_day: int
    zone: ZoneInfo

    def next_after(self, moment: dt.datetime) -> dt.datetime:
        """Return the first due time after a moment, in UTC."""
        day = moment.astimezone(self.zone).date() - _DAY
        while True:
            if self._falls_on(day) and (due := self._at(day)) > moment:
                return due
            day += _DAY

    def last_until(self, moment: dt.datetime) -> dt.datetime:
        """Return the last due time at or before a moment, in UTC."""
        day = moment.astimezone(self.zone).date() + _DAY
        while True:
            if self._falls_on(day) and (due := self._at(day)) <= moment:
                return due
            day -= _DAY

    def _falls_on(self, day: dt.date) -> bool:
        if self.schedule == "weekly":
            return day.weekday() == self.weekday
        return self.schedule == "daily" or day.day == self.month_day

    def _at(self, day: dt.date) -> dt.datetime:
        """Return when the clock shows the time; the first time of two.

        A time that the clock jumps over is due as much later as it jumps.
        """
        return dt.datetime.combine(day, self.send_at, tzinfo=self.zone).astimezone(dt.UTC)
