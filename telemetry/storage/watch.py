"""Passes changes of samples on to layers above, at least once and never lost.

The rollups write them in the transaction that deletes the marks; who takes them deletes them in
the transaction of what was made of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection

from telemetry.storage.marks import Windows

_TELL = """
INSERT INTO telemetry_changed_window (channel, number)
SELECT dirty.channel, dirty.number FROM unnest(%s::int[], %s::int[]) AS dirty(channel, number)
JOIN telemetry_watched_channel AS watched ON watched.channel_id = dirty.channel
"""
_TAKE = "SELECT id, channel, number FROM telemetry_changed_window ORDER BY id LIMIT %s"


@dataclass(frozen=True, slots=True)
class Changed:
    """Quarter hours since 1970 by channel, and the rows that told of them."""

    ids: list[int]
    numbers: dict[int, list[int]]


def pass_on(windows: Windows) -> None:
    """Note which of these windows belong to watched channels; inside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_TELL, [windows.channels.tolist(), windows.numbers.tolist()])


def watch_channels(channels: Iterable[int]) -> None:
    """Hear of changes of these channels from now on."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO telemetry_watched_channel (channel_id) SELECT unnest(%s::int[])"
            " ON CONFLICT DO NOTHING",
            [sorted(set(channels))],
        )


def forget_channels(channels: Iterable[int]) -> None:
    """Hear of them no longer."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM telemetry_watched_channel WHERE channel_id = ANY(%s)",
            [sorted(set(channels))],
        )


def take_changed(limit: int) -> Changed:
    """Return the oldest changes."""
    numbers: dict[int, list[int]] = {}
    ids: list[int] = []
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [limit])
        for row, channel, number in cursor.fetchall():
            ids.append(row)
            numbers.setdefault(channel, []).append(number)
    return Changed(ids, numbers)


def delete_changed(ids: Sequence[int]) -> None:
    """Forget changes that were worked off; inside the transaction of what came of them."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM telemetry_changed_window WHERE id = ANY(%s)", [list(ids)])


def oldest_change(*, now: dt.datetime) -> float:
    """Return the age of the oldest change in seconds; 0 without any."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT created_at FROM telemetry_changed_window ORDER BY id LIMIT 1")
        row = cursor.fetchone()
    return max(0.0, (now - row[0]).total_seconds()) if row else 0.0
