"""Times, periods and buckets: from text to instants, without a database or a clock.

Buckets follow the wall clock of a time zone. Their edges are instants, so a day of
23, 23.5 or 25 hours is one exact bucket and neighbours never overlap.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

EARLIEST = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
LATEST = dt.datetime(2200, 1, 1, tzinfo=dt.UTC)

_NOW = re.compile(r"now(?:([+-])([0-9]{1,9})(mo|[smhdwMy]))?(?:/(mo|[smhdwMy]))?")
_EPOCH_MS = re.compile(r"-?[0-9]{1,18}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:[Zz]|[+-]\d{2}:\d{2})?",
    re.ASCII,
)
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_DAYS = {"d": 1, "w": 7}
_MONTHS = {"M": 1, "mo": 1, "y": 12}


class InvalidTime(ValueError):
    """A text that names no instant; `code` says what is wrong with it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Interval:
    """The width of a bucket: fixed seconds of the wall clock, or a calendar unit."""

    name: str
    seconds: int = 0
    days: int = 0
    months: int = 0

    def approximate_seconds(self) -> float:
        """Return a width that is never longer than a real bucket by more than a tenth."""
        return self.seconds or self.days * 86_400.0 or self.months * 28 * 86_400.0


INTERVALS = {
    interval.name: interval
    for interval in (
        Interval("1m", seconds=60),
        Interval("5m", seconds=300),
        Interval("15m", seconds=900),
        Interval("1h", seconds=3600),
        Interval("1d", days=1),
        Interval("1w", days=7),
        Interval("1mo", months=1),
        Interval("1y", months=12),
    )
}


@cache
def zone_names() -> frozenset[str]:
    """Return the names of all time zones; read from disk once."""
    return frozenset(available_timezones())


def find_zone(name: str) -> ZoneInfo:
    """Return a time zone.

    Raises:
        InvalidTime: there is no zone of this name.
    """
    if name not in zone_names():
        raise InvalidTime("unknown_timezone", f"{name!r} is no IANA time zone.")
    return ZoneInfo(name)


def parse_moment(
    text: str, *, now: dt.datetime, zone: ZoneInfo, round_up: bool = False
) -> dt.datetime:
    """Read `now-7d/d`, RFC 3339, a local date or time, or milliseconds since 1970.

    `/d` goes to the start of the local day, with `round_up` (the end of a period) to the
    start of the next: from=now/d, to=now/d is today. Without an offset the wall clock of
    `zone` is meant; of a repeated hour the first. Returns UTC.

    Raises:
        InvalidTime: the text is none of these, or lies outside 1970 to 2200.
    """
    try:
        moment = _parse(text, now=now, zone=zone, round_up=round_up).astimezone(dt.UTC)
    except (OverflowError, OSError) as error:
        raise _out_of_range(text) from error
    if not EARLIEST <= moment <= LATEST:
        raise _out_of_range(text)
    return moment


def is_relative(text: str) -> bool:
    """Tell whether the text means another instant tomorrow."""
    return text.startswith("now")


def _out_of_range(text: str) -> InvalidTime:
    return InvalidTime("time_out_of_range", f"{text!r} lies outside 1970 to 2200.")


def _parse(text: str, *, now: dt.datetime, zone: ZoneInfo, round_up: bool) -> dt.datetime:
    if match := _NOW.fullmatch(text):
        return _relative(match, now.astimezone(zone), round_up=round_up)
    if _EPOCH_MS.fullmatch(text):
        return EARLIEST + dt.timedelta(milliseconds=int(text))
    if _DATE.fullmatch(text) or _MOMENT.fullmatch(text):
        return _absolute(text.upper().replace(",", "."), zone)
    raise InvalidTime(
        "invalid_time",
        f"{text!r} is no time: give RFC 3339 (+ is %2B in an address), a date, milliseconds "
        "since 1970, or now-7d/d.",
    )


def _absolute(text: str, zone: ZoneInfo) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidTime("invalid_time", f"{text!r} is no date and time: {error}.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _relative(match: re.Match[str], now: dt.datetime, *, round_up: bool) -> dt.datetime:
    sign, number, unit, rounding = match.groups()
    moment = now
    if number is not None:
        moment = _shift(now, int(number) * (-1 if sign == "-" else 1), unit)
    if rounding is None:
        return moment
    start = _floor(moment, rounding)
    return _shift(start, 1, rounding) if round_up else start


def _shift(moment: dt.datetime, number: int, unit: str) -> dt.datetime:
    """Move in time: seconds to hours exactly, days and longer on the wall clock."""
    if unit in _SECONDS:
        later = moment.astimezone(dt.UTC) + dt.timedelta(seconds=number * _SECONDS[unit])
        return later.astimezone(moment.tzinfo)
    if unit in _DAYS:
        return moment + dt.timedelta(days=number * _DAYS[unit])
    return _shift_months(moment, number * _MONTHS[unit])


def _shift_months(moment: dt.datetime, number: int) -> dt.datetime:
    """Move by months; the 31st becomes the last day of a shorter month."""
    months = moment.year * 12 + moment.month - 1 + number
    if not 12 <= months < 9999 * 12:
        raise OverflowError("year out of range")
    first = moment.replace(year=months // 12, month=months % 12 + 1, day=1)
    length = (_next_month(first.date()) - first.date()).days
    return first.replace(day=min(moment.day, length))


def _next_month(day: dt.date) -> dt.date:
    return (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1)


def _floor(moment: dt.datetime, unit: str) -> dt.datetime:
    if unit in _SECONDS:
        edge = _floor_seconds(moment.astimezone(dt.UTC), _SECONDS[unit], moment)
        return edge.astimezone(moment.tzinfo)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if unit == "w":
        return day - dt.timedelta(days=day.weekday())
    if unit == "d":
        return day
    return day.replace(day=1, month=1) if unit == "y" else day.replace(day=1)


def _floor_seconds(utc: dt.datetime, width: int, local: dt.datetime) -> dt.datetime:
    offset = local.utcoffset() or dt.timedelta()
    past = (utc - EARLIEST + offset) % dt.timedelta(seconds=width)
    return utc - past


def bucket_edges(
    start: dt.datetime, end: dt.datetime, *, interval: Interval, zone: ZoneInfo, limit: int
) -> list[dt.datetime]:
    """Return the edges of all buckets that touch [start, end), strictly rising, in UTC.

    The first edge is at or before `start`, the last at or after `end`. Stops after
    `limit` buckets, then the last edge is before `end`.
    """
    # in UTC, because arithmetic on datetimes of a zone is arithmetic on its wall clock
    start, end = start.astimezone(dt.UTC), end.astimezone(dt.UTC)
    if _is_even(start, end, interval, zone):
        return _even_edges(start, end, interval.seconds, zone, limit)
    steps = _clock_edges if interval.seconds else _calendar_edges
    edges: list[dt.datetime] = []
    for edge in steps(start, interval, zone):
        if edges and edge <= edges[-1]:
            continue  # a day that a zone skipped
        if edges and edge <= start:
            edges.clear()
        edges.append(edge)
        if edge >= end or len(edges) > limit:
            break
    return edges


def _is_even(start: dt.datetime, end: dt.datetime, interval: Interval, zone: ZoneInfo) -> bool:
    """Tell whether all buckets of the period, given in UTC, are as wide as the interval."""
    width = dt.timedelta(seconds=interval.seconds)
    return bool(width) and _is_steady(start, end + width, zone)


def _is_steady(start: dt.datetime, end: dt.datetime, zone: ZoneInfo) -> bool:
    """Tell whether the clock is neither set back nor forward; looks every twelve hours."""
    step = dt.timedelta(hours=12)
    if end - start > 400 * step:
        return False
    offset, moment = _offset(end, zone), start - step
    while moment < end:
        if _offset(moment, zone) != offset:
            return False
        moment += step
    return True


def _even_edges(
    start: dt.datetime, end: dt.datetime, width: int, zone: ZoneInfo, limit: int
) -> list[dt.datetime]:
    first, count = _count_even(start, end, width, zone)
    step = dt.timedelta(seconds=width)
    return [first + number * step for number in range(min(count, limit) + 1)]


def _count_even(
    start: dt.datetime, end: dt.datetime, width: int, zone: ZoneInfo
) -> tuple[dt.datetime, int]:
    """Return the first edge and the number of buckets."""
    first = _floor_seconds(start, width, start.astimezone(zone))
    return first, -((first - end) // dt.timedelta(seconds=width))


def _calendar_edges(
    start: dt.datetime, interval: Interval, zone: ZoneInfo
) -> Iterator[dt.datetime]:
    units = {7: "w", 1: "d"} if interval.days else {12: "y", 1: "M"}
    day = _floor(start.astimezone(zone), units[interval.days or interval.months]).date()
    while True:
        yield local_midnight(day, zone)
        day += dt.timedelta(days=interval.days)
        for _ in range(interval.months):
            day = _next_month(day)


def local_midnight(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    """Return when the day begins in the zone, in UTC."""
    return dt.datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(dt.UTC)


def _clock_edges(start: dt.datetime, interval: Interval, zone: ZoneInfo) -> Iterator[dt.datetime]:
    """Yield where the wall clock shows a multiple of the width.

    Where the clock is set back or forward by no multiple of the width (Lord Howe by half
    an hour), a bucket ends at that instant.
    """
    width = dt.timedelta(seconds=interval.seconds)
    edge = _floor_seconds(start, interval.seconds, start.astimezone(zone))
    change = _change_between(edge, start, zone, width)
    if change is not None:
        edge = change
    while True:
        yield edge
        following = _floor_seconds(edge, interval.seconds, edge.astimezone(zone)) + width
        change = _change_between(edge, following, zone, width)
        edge = following if change is None else change


def _change_between(
    low: dt.datetime, high: dt.datetime, zone: ZoneInfo, width: dt.timedelta
) -> dt.datetime | None:
    """Return the second in (low, high] at which the grid of the wall clock jumps, if any."""
    before = _offset(low, zone)
    if (_offset(high, zone) - before) % width == dt.timedelta():
        return None
    while high - low > dt.timedelta(seconds=1):
        middle = low + dt.timedelta(seconds=(high - low).total_seconds() // 2)
        low, high = (middle, high) if _offset(middle, zone) == before else (low, middle)
    return high.replace(microsecond=0)


def _offset(moment: dt.datetime, zone: ZoneInfo) -> dt.timedelta:
    return moment.astimezone(zone).utcoffset() or dt.timedelta()


def choose_interval(
    start: dt.datetime,
    end: dt.datetime,
    *,
    zone: ZoneInfo,
    max_points: int,
    at_least: int = 0,
) -> Interval | None:
    """Return the narrowest interval with at most `max_points` buckets; None if none has.

    Args: at_least: seconds; narrower intervals are left out.
    """
    seconds = (end.astimezone(dt.UTC) - start.astimezone(dt.UTC)).total_seconds()
    for interval in INTERVALS.values():
        width = interval.approximate_seconds()
        if width < at_least or seconds / width > max_points * 1.2:
            continue
        if count_buckets(start, end, interval=interval, zone=zone, limit=max_points) <= max_points:
            return interval
    return None


def count_buckets(
    start: dt.datetime, end: dt.datetime, *, interval: Interval, zone: ZoneInfo, limit: int
) -> int:
    """Return how many buckets touch the period; `limit` + 1 stands for more."""
    start, end = start.astimezone(dt.UTC), end.astimezone(dt.UTC)
    if _is_even(start, end, interval, zone):
        return min(_count_even(start, end, interval.seconds, zone)[1], limit + 1)
    edges = bucket_edges(start, end, interval=interval, zone=zone, limit=limit)
    return len(edges) if edges[-1] < end else len(edges) - 1
