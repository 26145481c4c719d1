"""Notes of a poller about its buses and units, in one statement for each table.

Only changes come here: a bus of 247 healthy units writes nothing.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

import msgspec
from django.db import connection, transaction

from devices.models import ModbusBus, ModbusUnit
from devices.wires.modbus.seen import MAX_DETAIL, Notes, Seen

_STATES = """
UPDATE {table} AS row SET state = said.state, state_code = said.code,
    state_detail = said.detail, state_at = said.at
FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])
    AS said (id, state, code, detail, at)
WHERE row.id = said.id
"""
_IDENTITIES = """
UPDATE {table} AS row SET identity = said.identity
FROM unnest(%s::uuid[], %s::jsonb[]) AS said (id, identity)
WHERE row.id = said.id AND row.identity <> said.identity
"""


@transaction.atomic
def write_notes(notes: Notes) -> None:
    """Store what a poller noted; those that were deleted meanwhile are passed by."""
    _write_states(ModbusBus._meta.db_table, notes.buses)
    _write_states(ModbusUnit._meta.db_table, notes.units)
    if notes.identities:
        texts = [msgspec.json.encode(one).decode() for one in notes.identities.values()]
        with connection.cursor() as cursor:
            cursor.execute(
                _IDENTITIES.format(table=ModbusUnit._meta.db_table),
                [list(notes.identities), texts],
            )


def _write_states(table: str, states: Mapping[uuid.UUID, Seen]) -> None:
    if not states:
        return
    ordered = sorted(states.items())  # two pollers lock rows in the same order
    columns: list[Any] = [
        [id_ for id_, _seen in ordered],
        [seen.state for _id, seen in ordered],
        [seen.code[:64] for _id, seen in ordered],
        [seen.detail[:MAX_DETAIL] for _id, seen in ordered],
        [dt.datetime.fromtimestamp(seen.at, dt.UTC) for _id, seen in ordered],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_STATES.format(table=table), columns)
