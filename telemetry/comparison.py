"""The period that another one is compared with, and where its buckets belong in that one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

COMPARISONS = ("previous_period", "previous_year", "same_weekday")


@dataclass(frozen=True, slots=True)
class Shift:
    """From the compared period forward to the asked one, on the wall clock."""

    months: int = 0
    days: int = 0
    exact: dt.timedelta = dt.timedelta()

    def forward(self, local: dt.datetime) -> dt.datetime:
        """Move a naive local time; the 31st becomes the last day of a shorter month."""
        return _add_months(local, self.months) + dt.timedelta(days=self.days) + self.exact

    def back(self, local: dt.datetime) -> dt.datetime:
        """Move the other way."""
        return _add_months(local, -self.months) - dt.timedelta(days=self.days) - self.exact


def choose_shift(kind: str, start: dt.datetime, end: dt.datetime, zone: ZoneInfo) -> Shift:
    """Return how far back the compared period lies.

    previous_period: whole months back for a period of whole months, whole days for one of
    whole days, else its exact length. same_weekday: as few weeks as the period needs.
    """
    if kind == "previous_year":
        return Shift(months=12)
    first, last = (_local(moment, zone) for moment in (start, end))
    days = -(-(last - first) // dt.timedelta(days=1))
    if kind == "same_weekday":
        return Shift(days=-(-days // 7) * 7)
    if first.time() == last.time() == dt.time():
        months = (last.year - first.year) * 12 + last.month - first.month
        whole = first.day == last.day == 1
        return Shift(months=months) if whole else Shift(days=days)
    return Shift(exact=end - start)


def earlier(moment: dt.datetime, shift: Shift, zone: ZoneInfo) -> dt.datetime:
    """Return the instant of the compared period that belongs to one of the asked period."""
    if shift.exact:
        return moment - shift.exact
    return shift.back(_local(moment, zone)).replace(tzinfo=zone).astimezone(dt.UTC)


def align(moments: Sequence[dt.datetime], shift: Shift, zone: ZoneInfo) -> list[dt.datetime | None]:
    """Return where the buckets of the compared period lie in the asked one, rising.

    None: its wall clock does not show that time, or shows it once where the compared period
    has it twice.
    """
    found: list[dt.datetime | None] = []
    newest: dt.datetime | None = None
    for moment in moments:
        at = moment + shift.exact if shift.exact else _later(moment, shift, zone)
        if at is not None and newest is not None and at <= newest:
            at = None
        found.append(at)
        newest = at or newest
    return found


def _later(moment: dt.datetime, shift: Shift, zone: ZoneInfo) -> dt.datetime | None:
    local = shift.forward(_local(moment, zone))
    at = local.replace(tzinfo=zone, fold=moment.astimezone(zone).fold).astimezone(dt.UTC)
    return at if _local(at, zone) == local.replace(fold=0) else None


def _local(moment: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _add_months(local: dt.datetime, months: int) -> dt.datetime:
    if not months:
        return local
    total = local.year * 12 + local.month - 1 + months
    first = local.replace(year=total // 12, month=total % 12 + 1, day=1)
    following = (first + dt.timedelta(days=32)).replace(day=1)
    return first.replace(day=min(local.day, (following - first).days))
