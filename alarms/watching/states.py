"""How far watches have come: kept in the database, with older states for late samples."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from alarms.engine.fold import State
from alarms.watching.watched import Place, Watched

BATCH = 5_000
_LOAD = "SELECT rule_id, channel_id, version, states FROM alarms_watchstate"
_KEEP = """
INSERT INTO alarms_watchstate (tenant_id, rule_id, channel_id, version, states, updated_at)
SELECT tenant, rule, channel, version, states::jsonb, now()
FROM unnest(%s::uuid[], %s::uuid[], %s::int[], %s::int[], %s::text[])
    AS given (tenant, rule, channel, version, states)
WHERE EXISTS (SELECT FROM alarms_alarmrule AS known WHERE known.id = given.rule FOR KEY SHARE)
    AND EXISTS (SELECT FROM devices_channel AS known WHERE known.id = given.channel FOR KEY SHARE)
ON CONFLICT (rule_id, channel_id) DO UPDATE
SET version = excluded.version, states = excluded.states, updated_at = excluded.updated_at
"""
_FORGET = """
DELETE FROM alarms_watchstate AS kept USING unnest(%s::uuid[], %s::int[]) AS gone (rule, channel)
WHERE kept.rule_id = gone.rule AND kept.channel_id = gone.channel
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the database knows of a watch: the newest state, then older ones.

    begun: µs; of what is older it knows nothing.
    """

    version: int
    begun: int
    states: tuple[State, ...]


def load_states() -> dict[Place, Kept]:
    """Return the states of all watches of all tenants."""
    with connection.cursor() as cursor:
        cursor.execute(_LOAD)
        rows = cursor.fetchall()
    found = {}
    for rule, channel, version, states in rows:
        values = json.loads(states) if isinstance(states, str) else states
        if values:
            states = tuple(_as_state(one) for one in values["states"])
            found[rule, channel] = Kept(version, values["begun"], states)
    return found


def keep_states(rows: Sequence[tuple[Watched, Kept]]) -> None:
    """Write the states of watches, in one transaction."""
    with transaction.atomic(), connection.cursor() as cursor:
        for begin in range(0, len(rows), BATCH):
            portion = sorted(rows[begin : begin + BATCH], key=lambda row: row[0].place)
            cursor.execute(
                _KEEP, [list(column) for column in zip(*map(_row, portion), strict=True)]
            )


def forget_states(places: Iterable[Place]) -> None:
    """Forget watches that are no more."""
    gone = list(places)
    if gone:
        with connection.cursor() as cursor:
            cursor.execute(_FORGET, [[rule for rule, _ in gone], [channel for _, channel in gone]])


def _row(row: tuple[Watched, Kept]) -> tuple[object, ...]:
    watched, kept = row
    states = {"begun": kept.begun, "states": [_as_list(state) for state in kept.states]}
    document = json.dumps(states, allow_nan=False)
    return watched.sign.tenant_id, *watched.place, kept.version, document


def _as_list(state: State) -> list[object]:
    """Return the fields; JSON has no NaN, which is the value where nothing is known."""
    return list(state._replace(value=None) if math.isnan(state.value) else state)  # type: ignore[arg-type]


def _as_state(fields: Sequence[Any]) -> State:
    state = State(*fields)
    return state._replace(value=math.nan) if state.value is None else state
