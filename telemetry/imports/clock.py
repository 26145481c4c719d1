"""Texts of a file become instants; local times that exist twice or never are told apart."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from typing import Any

from telemetry.imports.plan import Plan, zone_of
from telemetry.ingest.batch import to_microseconds
from telemetry.ingest.times import OLDEST_US

# the number of seconds since 1970 has at most eleven digits until the year 5138
_SCALES = ((100_000_000_000, 1_000_000), (100_000_000_000_000, 1000), (10**17, 1))
_PARTS = re.compile(
    r"(?P<a>\d{1,4})[./\-](?P<b>\d{1,2})[./\-](?P<c>\d{1,4})"
    r"(?:[ T,]+(?P<time>\d.*))?"
)
_TIME = re.compile(
    r"(?P<hour>\d{1,2})[:.h](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?P<fraction>[.,]\d{1,9})?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*(?P<offset>Z|[+-]\d{2}:?\d{2})?"
)
_ORDERS = {"dmy": "cba", "mdy": "cab", "ymd": "abc"}
_DAY = dt.timedelta(days=1)


class TimeProblem(ValueError):
    """A time that cannot be used; `code` is the reason."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Clock:
    """Reads the times of one file from its first row to its last.

    What it remembers between rows is in `state`, JSON, so that another process can go on.
    Args: latest: later times (µs UTC) are refused.
    """

    def __init__(self, plan: Plan, *, latest: int, state: dict[str, Any] | None = None) -> None:
        self._zone = zone_of(plan.zone)
        self._read = _reader(plan)
        self._latest = latest
        self._is_rising = plan.order == "ascending"
        self._span = dt.timedelta(seconds=plan.interval_seconds)
        self._is_end = plan.stamp == "end"
        self._day = dt.date.fromisoformat(plan.date) if plan.date else dt.date.min
        self._is_time_of_day = plan.time_format == "time_of_day"
        self.state: dict[str, Any] = state or {}

    def instant(self, cells: Sequence[Any], key: str = "") -> int:
        """Return µs UTC; `key` names the series whose rows follow each other.

        Raises: TimeProblem: bad_time, nonexistent_time, time_in_future, time_too_old.
        """
        moment = self._parse(cells)
        if moment.tzinfo is None:
            if self._is_time_of_day:
                moment = self._on_its_day(moment, key)
            moment = self._localize(moment, key)
        try:
            found = to_microseconds(moment)
        except OverflowError:
            raise TimeProblem("bad_time", f"{moment} is no time.") from None
        return self.checked(found)

    def checked(self, microseconds: int) -> int:
        """Return an instant that a measurement can have.

        Raises: TimeProblem: time_in_future, time_too_old.
        """
        if microseconds > self._latest:
            raise TimeProblem("time_in_future", "This time has not come yet.")
        if microseconds < OLDEST_US:
            raise TimeProblem("time_too_old", "This time lies before 2000.")
        return microseconds

    def _parse(self, cells: Sequence[Any]) -> dt.datetime:
        try:
            return self._read(cells)
        except (ValueError, OverflowError, TypeError):
            shown = " ".join(str(cell) for cell in cells)[:60]
            raise TimeProblem("bad_time", f"{shown!r} is no such time.") from None

    def _on_its_day(self, moment: dt.datetime, key: str) -> dt.datetime:
        """Put a time of day on the day of the file; after midnight the next one begins."""
        days, last = self.state.get(f"day:{key}", (0, -1))
        minute = moment.hour * 3600 + moment.minute * 60 + moment.second
        if minute < last:
            days += 1
        self.state[f"day:{key}"] = (days, minute)
        return dt.datetime.combine(self._day + (days * _DAY), moment.time())

    def _localize(self, naive: dt.datetime, key: str) -> dt.datetime:
        early = naive.replace(tzinfo=self._zone, fold=0)
        late = early.replace(fold=1)
        before, after = early.utcoffset(), late.utcoffset()
        if before is None or after is None or before == after:
            self.state.pop(f"fold:{key}", None)
            return early
        if before < after:
            return self._leapt(naive, key)
        return late if self._fold(naive, before - after, key) else early

    def _leapt(self, naive: dt.datetime, key: str) -> dt.datetime:
        """Return the end of the interval before the clock went forward, else refuse."""
        if self._is_end and self._span:
            start = (naive - self._span).replace(tzinfo=self._zone)
            if start.utcoffset() == start.replace(fold=1).utcoffset():
                return start.astimezone(dt.UTC) + self._span
        raise TimeProblem(
            "nonexistent_time",
            f"{naive} does not exist in {self._zone}: the clock went forward there.",
        )

    def _fold(self, naive: dt.datetime, overlap: dt.timedelta, key: str) -> int:
        """Tell the first (0) from the second (1) of two equal times by their order in the file."""
        name = f"fold:{key}"
        first = 0 if self._is_rising else 1
        text, fold = self.state.get(name, ("", first))
        if text:
            last = dt.datetime.fromisoformat(text)
            step = (naive - last) if self._is_rising else (last - naive)
            is_repeated = step < dt.timedelta(0) or (not step and not self._is_shorter(overlap))
            if abs(step) >= overlap:
                fold = first
            elif is_repeated:
                fold = 1 - first
        self.state[name] = (naive.isoformat(), fold)
        return int(fold)

    def _is_shorter(self, overlap: dt.timedelta) -> bool:
        """Tell whether a time repeated at once is a duplicate row: others lie between."""
        return dt.timedelta(0) < self._span < overlap


def _reader(plan: Plan) -> Callable[[Sequence[Any]], dt.datetime]:
    if plan.time_format == "iso":
        return _read_iso
    if plan.time_format == "epoch":
        return _read_epoch
    if plan.time_format == "time_of_day":
        return lambda cells: _with_time(dt.date(2000, 1, 1), _joined(cells)).replace(tzinfo=None)
    if plan.time_format == "native":
        return _read_native
    if plan.time_format in _ORDERS:
        order = _ORDERS[plan.time_format]
        return lambda cells: read_ordered(_joined(cells), order)
    pattern = plan.time_format
    # an offset is in the text or there is none: the zone of the plan decides then
    return lambda cells: dt.datetime.strptime(_joined(cells), pattern)  # noqa: DTZ007


def _joined(cells: Sequence[Any]) -> str:
    return " ".join(str(cell).strip() for cell in cells)


def _read_iso(cells: Sequence[Any]) -> dt.datetime:
    text = _joined(cells)
    if not text[4:5] == "-":  # basic formats would take a plain number for a date
        raise ValueError(text)
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return read_ordered(text, "abc")  # 24:00, or parts of one digit


def _read_epoch(cells: Sequence[Any]) -> dt.datetime:
    number = float(_joined(cells))
    for below, microseconds in _SCALES:
        if 0 <= number < below:
            return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(
                microseconds=round(number * microseconds)
            )
    raise ValueError(number)


def _read_native(cells: Sequence[Any]) -> dt.datetime:
    day, *rest = cells
    if rest and isinstance(rest[0], dt.time) and isinstance(day, dt.date):
        return dt.datetime.combine(day, rest[0])
    if isinstance(day, dt.datetime):
        return day
    if isinstance(day, dt.date):
        return dt.datetime.combine(day, dt.time())
    return _read_iso(cells)


def read_ordered(text: str, order: str) -> dt.datetime:
    """Read a date whose parts a, b and c are year, month and day in the order given.

    Raises: ValueError: it is none.
    """
    match = _PARTS.fullmatch(text)
    if match is None:
        raise ValueError(text)
    year, month, day = (int(match[part]) for part in order)
    if len(match[order[0]]) <= 2:
        year += 2000
    date = dt.date(year, month, day)
    return _with_time(date, match["time"] or "0:00")


def _with_time(date: dt.date, text: str) -> dt.datetime:
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
    if match["half"]:
        if not 1 <= hour <= 12:
            raise ValueError(text)
        hour = hour % 12 + (12 if match["half"][0] in "pP" else 0)
    fraction = float(f"0.{match['fraction'][1:]}") if match["fraction"] else 0.0
    extra = _DAY if hour == 24 and not (minute or second) else dt.timedelta(0)
    moment = dt.datetime.combine(date, dt.time(0 if extra else hour, minute, second)) + extra
    moment += dt.timedelta(microseconds=round(fraction * 1_000_000))
    if match["offset"]:
        offset = "+00:00" if match["offset"] == "Z" else match["offset"]
        moment = moment.replace(tzinfo=dt.datetime.strptime(offset, "%z").tzinfo)
    return moment
