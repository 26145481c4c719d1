"""From where a feed can be walked again, and how far each register has come."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.db import connection

from metering.ledger.kinds import DAY_US, Anchor, Steps
from metering.models import Checkpoint
from metering.series import QUARTER_US

_BEFORE = """
SELECT time, register FROM metering_checkpoint
WHERE feed_id = %s AND day <= %s AND time <= %s ORDER BY day DESC LIMIT 1
"""
_AFTER_LOSS = """
SELECT time, register FROM metering_checkpoint WHERE feed_id = %(feed)s AND time >= %(first)s
    AND EXISTS (SELECT FROM metering_checkpoint WHERE feed_id = %(feed)s AND time < %(first)s)
ORDER BY day LIMIT 1
"""
_WRITE = """
INSERT INTO metering_checkpoint (feed_id, day, time, register)
SELECT * FROM unnest(%(feed)s::int8[], %(day)s::int[], %(time)s::int8[], %(register)s::int8[])
ON CONFLICT (feed_id, day) DO UPDATE SET time = excluded.time, register = excluded.register
WHERE metering_checkpoint.time <> excluded.time
    OR metering_checkpoint.register <> excluded.register
"""
_STATES = """
SELECT register_id, feed_id, tail_time, tail_register, built_until, pending
FROM metering_ledger_state WHERE register_id = ANY(%s) AND tail_time IS NOT NULL
"""
_WRITE_STATES = """
INSERT INTO metering_ledger_state AS old
    (register_id, feed_id, tail_time, tail_register, built_until, pending, built_at)
SELECT register_id, feed_id, tail_time, tail_register, built_until, pending, %(now)s
FROM unnest(%(register)s::int[], %(feed)s::int8[], %(time)s::int8[], %(value)s::int8[],
    %(newest)s::int8[], %(pending)s::int[])
    AS given(register_id, feed_id, tail_time, tail_register, built_until, pending)
ON CONFLICT (register_id) DO UPDATE SET feed_id = excluded.feed_id,
    tail_time = excluded.tail_time, tail_register = excluded.tail_register,
    built_until = excluded.built_until, pending = excluded.pending, built_at = excluded.built_at
"""


@dataclass(frozen=True, slots=True)
class State:
    """How far a register has come; `newest`: µs of the newest sample in the ledger."""

    register: int
    feed: int
    tail: Anchor | None
    newest: int | None
    pending: int


def anchor_before(feed_id: int, time: int) -> Anchor | None:
    """Return the newest checkpoint at or before a moment (µs)."""
    with connection.cursor() as cursor:
        cursor.execute(_BEFORE, [feed_id, time // DAY_US, time])
        row = cursor.fetchone()
    return Anchor(*row) if row else None


def anchor_after_loss(feed_id: int, first: int) -> Anchor | None:
    """Return where to go on when samples before `first` (µs) have been dropped; else None.

    The ledger outlives its samples: what was built from them stays.
    """
    with connection.cursor() as cursor:
        cursor.execute(_AFTER_LOSS, {"feed": feed_id, "first": first})
        row = cursor.fetchone()
    return Anchor(*row) if row else None


def stored_checkpoints(feed_id: int, first_day: int, last_day: int) -> dict[int, Anchor]:
    """Return the checkpoints of days (since 1970, UTC)."""
    rows = Checkpoint.objects.filter(feed_id=feed_id, day__gte=first_day, day__lte=last_day)
    return {row.day: Anchor(row.time, row.register) for row in rows}


def checkpoints_of(steps: Steps) -> dict[int, Anchor]:
    """Return the last accepted sample of each UTC day."""
    days = steps["end"] // DAY_US
    lasts = np.flatnonzero(np.append(days[1:] != days[:-1], True))[: len(steps)]
    return {int(days[at]): Anchor(int(steps["end"][at]), int(steps["finish"][at])) for at in lasts}


def forget_checkpoints(
    feed_id: int, found: Mapping[int, Anchor], *, first_day: int, last_day: int
) -> None:
    """Remove the checkpoints of [first_day, last_day] that are not among these."""
    Checkpoint.objects.filter(feed_id=feed_id, day__gte=first_day, day__lte=last_day).exclude(
        day__in=list(found)
    ).delete()


def write_checkpoints(found: Mapping[int, Mapping[int, Anchor]]) -> None:
    """Keep checkpoints by feed and day."""
    rows = [
        (feed, day, anchor.time, anchor.register)
        for feed, days in found.items()
        for day, anchor in days.items()
    ]
    if rows:
        names = ("feed", "day", "time", "register")
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        with connection.cursor() as cursor:
            cursor.execute(_WRITE, columns)


def tail_of(steps: Steps, final_until: int) -> Anchor | None:
    """Return the last sure sample before the newest quarter, from where live building goes on."""
    if not len(steps):
        return None
    newest = int(steps["end"][-1]) // QUARTER_US * QUARTER_US
    place = int(np.searchsorted(steps["end"], min(newest, final_until), side="right")) - 1
    if place < 0:
        return None
    return Anchor(int(steps["end"][place]), int(steps["finish"][place]))


def read_states(registers: Sequence[int]) -> dict[int, State]:
    """Return how far registers have come; without those that cannot go on live."""
    found: dict[int, State] = {}
    with connection.cursor() as cursor:
        cursor.execute(_STATES, [list(registers)])
        for register, feed, time, value, newest, pending in cursor.fetchall():
            found[register] = State(register, feed, Anchor(time, value), newest, pending)
    return found


def write_states(states: Sequence[State], *, now: dt.datetime) -> None:
    """Keep how far registers have come."""
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE_STATES,
            {
                "register": [state.register for state in states],
                "feed": [state.feed for state in states],
                "time": [state.tail and state.tail.time for state in states],
                "value": [state.tail and state.tail.register for state in states],
                "newest": [state.newest for state in states],
                "pending": [state.pending for state in states],
                "now": now,
            },
        )
