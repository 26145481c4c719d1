"""Whether a device is heard from, decided from what is stored about it."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

LATE_AFTER_INTERVALS = 1.5
# "last seen" is written at most every ten seconds, which a short interval must not suffer from
LATE_AFTER_AT_LEAST_SECONDS = 45
OFFLINE_AFTER_INTERVALS = 2
OFFLINE_AFTER_AT_LEAST_SECONDS = 120
_SAID_OFFLINE = "offline"


class Presence(StrEnum):
    """What a person may rely on when reading a device's values."""

    ONLINE = "online"
    LATE = "late"
    OFFLINE = "offline"
    SILENT = "silent"  # never heard from


def late_after_seconds(expected_interval_seconds: int) -> float:
    """Return the silence after which a device is late; at least 45 s."""
    return max(expected_interval_seconds * LATE_AFTER_INTERVALS, LATE_AFTER_AT_LEAST_SECONDS)


def offline_after_seconds(expected_interval_seconds: int) -> int:
    """Return the silence after which a device is offline; at least two minutes."""
    return max(expected_interval_seconds * OFFLINE_AFTER_INTERVALS, OFFLINE_AFTER_AT_LEAST_SECONDS)


def presence_of(
    *,
    now: dt.datetime,
    last_seen_at: dt.datetime | None,
    reported_status: str,
    reported_status_at: dt.datetime | None = None,
    expected_interval_seconds: int,
) -> Presence:
    """Decide how present a device is.

    A device that said "offline" (its last will) is offline until something newer is seen.
    A moment after `now` counts as `now`, because device clocks run ahead.
    """
    if last_seen_at is None:
        return Presence.SILENT
    if reported_status == _SAID_OFFLINE and not _is_after(last_seen_at, reported_status_at):
        return Presence.OFFLINE
    silence = (now - last_seen_at).total_seconds()
    if silence > offline_after_seconds(expected_interval_seconds):
        return Presence.OFFLINE
    if silence > late_after_seconds(expected_interval_seconds):
        return Presence.LATE
    return Presence.ONLINE


def _is_after(seen_at: dt.datetime, said_at: dt.datetime | None) -> bool:
    return said_at is not None and seen_at > said_at
