"""Device timestamps."""

from __future__ import annotations

import datetime as dt

from telemetry.ingest.batch import to_microseconds

MAX_FUTURE_US = 5 * 60 * 1_000_000
OLDEST_US = 946_684_800 * 1_000_000  # 2000-01-01

# Numbers are told apart by magnitude: seconds until the year 5138, then ms, then µs.
_SECONDS_BELOW = 100_000_000_000
_MILLISECONDS_BELOW = 100_000_000_000_000
_EPOCH_DIGITS = range(9, 18)
_MICROSECONDS_BELOW = 100_000_000_000_000_000


class TimeError(ValueError):
    """A timestamp that cannot be used; `code` is the reason of the rejection."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def read_time(raw: object, *, received_at: int) -> int:
    """Return a payload's time in µs UTC; without one the time of receipt.

    Args: raw: number in s, ms or µs since 1970, ISO 8601 text with an offset, or None.
        received_at: µs UTC.

    Raises:
        TimeError: bad_time, naive_time, time_in_future (more than 5 min), time_too_old
            (before 2000).
    """
    if raw is None:
        return received_at
    moment = parse_time(raw)
    if moment > received_at + MAX_FUTURE_US:
        raise TimeError("time_in_future", f"{raw!r} is more than 5 minutes ahead; check the clock.")
    if moment < OLDEST_US:
        raise TimeError("time_too_old", f"{raw!r} lies before 2000; the clock was never set.")
    return moment


def parse_time(raw: object) -> int:
    """Return a payload's time in µs UTC, however wrong the clock.

    Raises:
        TimeError: bad_time, naive_time.
    """
    if isinstance(raw, bool):
        raise TimeError("bad_time", "The time is true or false.")
    if isinstance(raw, int | float):
        return _from_number(raw)
    if isinstance(raw, str):
        return _from_text(raw)
    if isinstance(raw, dt.datetime) and raw.tzinfo is not None:  # read by a mapping
        return to_microseconds(raw)
    raise TimeError("bad_time", f"The time is a {type(raw).__name__}.")


def _from_number(raw: float) -> int:
    if 0 <= raw < _SECONDS_BELOW:
        return round(raw * 1_000_000)
    if _SECONDS_BELOW <= raw < _MILLISECONDS_BELOW:
        return round(raw * 1000)
    if _MILLISECONDS_BELOW <= raw < _MICROSECONDS_BELOW:
        return round(raw)
    raise TimeError("bad_time", f"{raw!r} is no time in s, ms or µs since 1970.")


def _from_text(raw: str) -> int:
    if len(raw) in _EPOCH_DIGITS and raw.isascii() and raw.isdigit():
        return _from_number(int(raw))  # the number as a text; basic ISO dates are shorter
    try:
        moment = dt.datetime.fromisoformat(raw)
        if moment.tzinfo is None:
            raise TimeError("naive_time", f"{raw[:40]!r} has no UTC offset; send Z or +03:00.")
        return to_microseconds(moment)
    except (ValueError, OverflowError) as error:
        if isinstance(error, TimeError):
            raise
        raise TimeError("bad_time", f"{raw[:40]!r} is no ISO 8601 time.") from None
