"""Times in payloads of others: which format, and which moment a local time means.

A local time without offset is one of the site's zone. In the hour that comes twice, the moment
closest to the receipt is meant; a message that waited longer than two hours tells nothing about
which, so its readings are uncertain. An hour that the clock skipped is uncertain as well.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from telemetry.ingest.times import TimeError

_LOCAL = re.compile(
    r"(\d{4})([-./])(\d{1,2})\2(\d{1,2})[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?"
)
_DAY_FIRST = re.compile(
    r"(\d{1,2})([-./])(\d{1,2})\2(\d{4})[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?"
)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000}
_LONGEST = 64
_SURE = dt.timedelta(hours=2)
# a clock that is a little ahead still means this pass of the hour
_AHEAD = dt.timedelta(minutes=5)
FORMATS = ("auto", "iso", "local", "day_first", *_PER_SECOND)


def read_moment(
    raw: Any, form: str, zone: dt.tzinfo, received_at: int
) -> tuple[dt.datetime, bool] | None:
    """Return a time in UTC and whether it is sure; None when there is none.

    Null, nothing, and a clock that stands at 0 are no time.

    Args: form: one of FORMATS; auto tells numbers apart by magnitude, and texts by their
        offset. received_at: µs UTC.

    Raises: TimeError: bad_time, naive_time.
    """
    if isinstance(raw, str):
        raw = raw.strip()
    if raw is None or raw == "" or raw == 0:
        return None
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise TimeError("bad_time", f"The time is a {type(raw).__name__}.")
    try:
        if isinstance(raw, str) and (form in _PER_SECOND or _is_number(raw, form)):
            raw = float(raw) if len(raw) <= _LONGEST else raw
            if raw == 0:
                return None
        if isinstance(raw, int | float):
            return _from_number(raw, form), True
        return _from_text(raw, form, zone, received_at)
    except (ValueError, OverflowError) as error:
        if isinstance(error, TimeError):
            raise
        raise TimeError("bad_time", f"{raw!r:.60} is no time of the form {form}.") from None


def _is_number(raw: str, form: str) -> bool:
    return form == "auto" and raw.isascii() and raw.replace(".", "", 1).isdigit()


def _from_number(raw: float, form: str) -> dt.datetime:
    if form == "auto":
        form = "s" if abs(raw) < 1e11 else "ms" if abs(raw) < 1e14 else "us"
    if form not in _PER_SECOND:
        raise TimeError("bad_time", f"{raw!r} is a number; the mapping says {form}.")
    return _EPOCH + dt.timedelta(microseconds=round(raw * (1_000_000 // _PER_SECOND[form])))


def _from_text(raw: str, form: str, zone: dt.tzinfo, received_at: int) -> tuple[dt.datetime, bool]:
    if len(raw) > _LONGEST:
        raise TimeError("bad_time", "The time is longer than 64 characters.")
    naive = _local(raw, _DAY_FIRST if form == "day_first" else _LOCAL)
    if naive is not None and form in ("auto", "local", "day_first"):
        return settle_local(naive, zone, received_at)
    moment = dt.datetime.fromisoformat(raw)
    if moment.tzinfo is None:
        if form == "iso":
            raise TimeError("naive_time", f"{raw!r} has no UTC offset; the mapping says iso.")
        return settle_local(moment, zone, received_at)
    return moment.astimezone(dt.UTC), True


def _local(raw: str, pattern: re.Pattern[str]) -> dt.datetime | None:
    found = pattern.fullmatch(raw)
    if found is None:
        return None
    first, _separator, month, last, hour, minute, second, fraction = found.groups()
    year, day = (last, first) if pattern is _DAY_FIRST else (first, last)
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    return dt.datetime(  # noqa: DTZ001
        int(year), int(month), int(day), int(hour), int(minute), int(second or 0), micro
    )


def settle_local(naive: dt.datetime, zone: dt.tzinfo, received_at: int) -> tuple[dt.datetime, bool]:
    """Return the moment in UTC that a local time means, and whether it is sure."""
    first, second = (naive.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1))
    if first == second:
        return first, True
    if first > second:  # an hour that the clock skipped
        return first, False
    received = _EPOCH + dt.timedelta(microseconds=received_at)
    moment = second if second <= received + _AHEAD else first
    return moment, abs(received - moment) <= _SURE
