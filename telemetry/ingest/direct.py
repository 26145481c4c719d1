"""Rows of a file, stored in this process as the ingest worker stores messages.

The same checks, table and stream for the reactors; but the caller learns at once what
became of each row, and its own progress is committed together with them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psycopg
from django.db import connection
from redis import Redis

from devices.models import Channel
from energy.lib.redis import durable
from energy.lib.units import linear
from telemetry import partitions
from telemetry.ingest.assemble import Assembled, Columns, assemble, conflict
from telemetry.ingest.batch import SampleBatch, StoredBatch, from_microseconds, to_microseconds
from telemetry.ingest.publish import publish
from telemetry.ingest.slots import SLOT_DTYPE, grain_of
from telemetry.ingest.store import Change, DataRefused, SampleStore, Stored, latest_rows

# (row number of the caller, code, detail)
Refused = tuple[int, str, str]
Cursor = psycopg.Cursor[tuple[object, ...]]

_NEVER = np.iinfo(np.int64).min
_WEEK_US = int(partitions.WEEK.total_seconds()) * 1_000_000
_LATEST = """
INSERT INTO telemetry_latestvalue (channel_id, tenant_id, quality)
SELECT id, tenant_id, 0 FROM devices_channel WHERE id = ANY(%s) ORDER BY id
ON CONFLICT DO NOTHING
"""
_LATEST_TIMES = """
SELECT channel_id, (extract(epoch FROM time) * 1000000)::bigint
FROM telemetry_latestvalue WHERE channel_id = ANY(%s) AND time IS NOT NULL
"""


class UnknownChannel(Exception):
    """A target is no channel of the tenant in scope."""


@dataclass(frozen=True, slots=True)
class Target:
    """A channel, and what its values arrive in: value × scale is in `unit`."""

    channel_id: int
    unit: str
    scale: float = 1.0


@dataclass(slots=True)
class DirectResult:
    """What became of the values of one call.

    `duplicates` were there with the same value, `conflicts` with another, which stays.
    `refused` are values that no measurement can have.
    """

    stored: int = 0
    duplicates: int = 0
    conflicts: list[Refused] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


# called at the end of the transaction: what is written there is committed with the rows
Within = Callable[[Cursor, DirectResult], None]


class DirectStore:
    """Stores values for some channels of the tenant in scope; `close()` afterwards."""

    def __init__(self, targets: Sequence[Target], *, client: Redis | None = None) -> None:
        self._redis = client or durable()
        self._store = SampleStore()
        self._weeks: set[int] = set()
        self._table = np.empty(0, dtype=SLOT_DTYPE)
        self.add_targets(targets)

    def add_targets(self, targets: Sequence[Target]) -> int:
        """Add channels; return the index of the first.

        Raises: UnknownChannel, and what `linear` raises for units that do not fit.
        """
        first = len(self._table)
        if targets:
            entries = slot_entries(targets)
            with connection.cursor() as cursor:
                cursor.execute(_LATEST, [sorted({entry[0] for entry in entries})])
            self._table = np.concatenate([self._table, np.array(entries, dtype=SLOT_DTYPE)])
        return first

    def store_rows(
        self, columns: Columns, *, now: dt.datetime, within: Within | None = None
    ) -> DirectResult:
        """Commit the rows in one transaction, then tell the reactors.

        Args: columns: `slots` are indexes into the targets, `messages` the caller's row
            numbers. Memory grows with its size: give some ten thousand values at a time.

        Repeating a call adds nothing. Raises: psycopg.OperationalError when the database is
        away, DataRefused, and whatever `within` raises: nothing is stored then.
        """
        self._read_latest()
        assembled = assemble(columns, self._table)
        result = DirectResult(duplicates=assembled.duplicates)
        for found in assembled.refused:
            (result.conflicts if found[1] == "conflicting_value" else result.refused).append(found)
        change = self._change(assembled, result, now, within)
        self._ensure_partitions(assembled.rows, now)
        try:
            self._store.write(change)
        except DataRefused:  # retention may have dropped a partition known here
            self._weeks.clear()
            self._ensure_partitions(assembled.rows, now)
            self._store.write(change)
        if len(assembled.rows):
            publish(self._redis, [self._batch(assembled, now)], now=now.timestamp())
        return result

    def close(self) -> None:
        """Release the database connection."""
        self._store.close()

    def _change(
        self, assembled: Assembled, result: DirectResult, now: dt.datetime, within: Within | None
    ) -> Change:
        rows, found = assembled.rows, list(result.conflicts)
        known = result.duplicates

        def on_conflict(at: int) -> None:
            found.append((int(assembled.messages[at]), "conflicting_value", conflict(rows[at])))

        def finish(cursor: Cursor, stored: Stored) -> None:
            result.stored = stored.inserted
            result.duplicates = known + stored.duplicates
            result.conflicts = found
            if within:
                within(cursor, result)

        newest = latest_rows(rows)
        is_newer = rows["time"][newest] > self._table["latest"][assembled.slots[newest]]
        return Change(rows, rows[newest[is_newer]], (), on_conflict, now, finish)

    def _batch(self, assembled: Assembled, now: dt.datetime) -> StoredBatch:
        live = assembled.rows["time"] > self._table["latest"][assembled.slots]
        newest = np.zeros(len(live), dtype=np.bool_)
        newest[latest_rows(assembled.rows)] = True
        return StoredBatch(
            assembled.rows.tobytes(), (live & newest).tobytes(), to_microseconds(now)
        )

    def _read_latest(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_LATEST_TIMES, [self._table["channel"].tolist()])
            times = dict(cursor.fetchall())
        self._table["latest"] = [times.get(int(id_), _NEVER) for id_ in self._table["channel"]]

    def _ensure_partitions(self, rows: SampleBatch, now: dt.datetime) -> None:
        monday = to_microseconds(partitions.week_of(from_microseconds(_WEEK_US)))
        numbers = {int(n) for n in np.unique((rows["time"] - monday) // _WEEK_US)}
        missing = numbers - self._weeks
        if missing:
            weeks = [from_microseconds(n * _WEEK_US + monday) for n in sorted(missing)]
            partitions.ensure_partitions(weeks, now=now)
            self._weeks |= missing


def slot_entries(targets: Sequence[Target]) -> list[Any]:
    """Return a row of SLOT_DTYPE for each target.

    Raises: UnknownChannel, and what `linear` raises for units that do not fit.
    """
    wanted = {target.channel_id for target in targets}
    channels = Channel.objects.in_bulk(list(wanted))
    if missing := wanted - channels.keys():
        raise UnknownChannel(f"There is no channel {min(missing)}.")
    entries: list[Any] = []
    for target in targets:
        channel = channels[target.channel_id]
        low = -np.inf if channel.minimum is None else channel.minimum
        high = np.inf if channel.maximum is None else channel.maximum
        scaling = linear(target.scale, target.unit, channel.unit)
        grain = grain_of(channel.stored_decimals)
        entries.append((channel.id, *scaling, low, high, grain, _NEVER))
    return entries
