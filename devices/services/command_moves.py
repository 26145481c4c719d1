"""Moves commands from state to state, and keeps what that means for their actuators.

One statement moves a command, on condition of the state it is in: two that want to end it
cannot both, and what has ended stays. The caller has found the ids within their tenants.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Collection, Mapping
from typing import Any

from django.db import connection, transaction

from devices.command_states import ENDED, State, before

# grace for an answer, after the broker took a command and after the device accepted it
ANSWER_SECONDS = 10
FINISH_SECONDS = 30
# a device that ends a run by itself and tells so is not told again
DEADLINE_GRACE_SECONDS = 0.3
HISTORY_LENGTH = 40

_MOVE = """
WITH locked AS (
    SELECT id FROM devices_command WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE
)
UPDATE devices_command SET
    state = %(to)s, code = %(code)s, detail = %(detail)s, updated_at = %(at)s,
    history = history || %(entry)s::jsonb,
    answer = CASE WHEN %(has_answer)s THEN %(answer)s::jsonb ELSE answer END,
    delivered_at = CASE WHEN %(from_device)s THEN coalesce(delivered_at, %(at)s)
        ELSE delivered_at END,
    finished_at = CASE WHEN %(ends)s THEN %(at)s END,
    finish_by = CASE %(to)s
        WHEN 'sent' THEN greatest(expires_at, %(at)s + make_interval(secs => %(answer_in)s))
        WHEN 'ack' THEN %(at)s + make_interval(
            secs => greatest(%(finish_in)s, coalesce(max_runtime_seconds, 0) + %(answer_in)s))
        ELSE finish_by END
WHERE id IN (SELECT id FROM locked) AND state = ANY(%(before)s)
RETURNING id
"""
_LATE = """
UPDATE devices_command SET history = history || %(entry)s::jsonb
WHERE id = %(id)s AND jsonb_array_length(history) < %(length)s
  AND NOT history @> %(same)s::jsonb
"""
_SENT_AT = """
UPDATE devices_command SET sent_at = coalesce(sent_at, %s) WHERE id = ANY(%s)
"""
# what the end of a command says about its actuator; only of its latest command
_SETTLE = """
UPDATE devices_actuatorstate AS state SET
    is_on = told.is_on, is_commanded_on = told.is_on,
    value = coalesce(told.value, state.value),
    reported_at = greatest(state.reported_at, %(at)s),
    on_since = CASE WHEN told.is_on THEN CASE WHEN state.is_on THEN
        coalesce(state.on_since, %(at)s) ELSE %(at)s END END,
    off_since = CASE WHEN told.is_on THEN NULL WHEN state.is_on IS FALSE THEN
        coalesce(state.off_since, %(at)s) ELSE %(at)s END,
    deadline = CASE WHEN told.is_on THEN state.deadline END,
    updated_at = %(at)s
FROM (
    SELECT command.id, command.device_id, command.actuator, command.value, command.requested_at,
        CASE WHEN command.effect = 'off' OR command.value = 0 THEN false
             WHEN command.max_runtime_seconds IS NOT NULL AND command.sent_at IS NOT NULL
                  AND %(at)s >= command.sent_at
                      + make_interval(secs => command.max_runtime_seconds - 0.5)
             THEN false ELSE true END AS is_on
    FROM devices_command AS command
    WHERE command.id = ANY(%(ids)s) AND command.actuator <> ''
      AND command.effect IN ('on', 'off', 'set')
) AS told
WHERE state.device_id = told.device_id AND state.actuator = told.actuator
  AND (state.commanded_at IS NULL OR state.commanded_at <= told.requested_at)
"""
# it never ran; without an answer nobody knows, and it counts as running
_FORGET_ON = """
UPDATE devices_actuatorstate SET is_commanded_on = coalesce(is_on, false), deadline = CASE
    WHEN is_on THEN deadline END, updated_at = %s WHERE command_id = ANY(%s)
"""
_SET_DEADLINE = """
UPDATE devices_actuatorstate AS state
SET deadline = %(at)s + make_interval(secs => command.max_runtime_seconds + %(grace)s),
    on_since = coalesce(state.on_since, %(at)s), updated_at = %(at)s
FROM devices_command AS command
WHERE command.id = ANY(%(ids)s) AND command.max_runtime_seconds IS NOT NULL
  AND state.command_id = command.id AND state.is_commanded_on AND state.deadline IS NULL
"""


@transaction.atomic
def move(
    *,
    ids: Collection[uuid.UUID],
    to: State,
    at: dt.datetime,
    by: str,
    code: str = "",
    detail: str = "",
    answer: Mapping[str, Any] | None = None,
    only: Collection[State] | None = None,
) -> list[uuid.UUID]:
    """Move the commands that may go there; return which did.

    Args: by: "device", "broker", "clock", or who did it. only: narrows the states to leave.
    """
    sources = before(to) if only is None else sorted(set(before(to)) & set(only))
    entry = _entry(to, at, by, code, detail)
    with connection.cursor() as cursor:
        cursor.execute(
            _MOVE,
            {
                "to": to.value, "code": code[:64], "detail": detail[:1000], "at": at,
                "entry": json.dumps([entry]), "from_device": by == "device",
                "ends": to in ENDED, "ids": list(ids), "before": sources,
                "has_answer": answer is not None, "answer": json.dumps(answer or {}),
                "answer_in": ANSWER_SECONDS, "finish_in": FINISH_SECONDS,
            },
        )  # fmt: skip
        moved = [row[0] for row in cursor.fetchall()]
        if moved:
            _follow(cursor, moved, to, at)
    return moved


def note_sent_at(*, ids: Collection[uuid.UUID], at: dt.datetime) -> None:
    """Keep when the broker took commands, also those answered before; run times begin now."""
    with connection.cursor() as cursor:
        cursor.execute(_SENT_AT, [at, list(ids)])
        cursor.execute(_SET_DEADLINE, {"at": at, "ids": list(ids), "grace": DEADLINE_GRACE_SECONDS})


def note_late(*, id_: uuid.UUID, said: State, at: dt.datetime, code: str, detail: str) -> None:
    """Keep what a device says of a command that has ended; the same word once."""
    entry = {**_entry(said, at, "device", code, detail), "late": True}
    same = {"state": said.value, "late": True}
    with connection.cursor() as cursor:
        cursor.execute(
            _LATE,
            {
                "entry": json.dumps([entry]),
                "id": id_,
                "same": json.dumps([same]),
                "length": HISTORY_LENGTH,
            },
        )


def _follow(cursor: Any, moved: list[uuid.UUID], to: State, at: dt.datetime) -> None:
    if to == State.DONE:
        cursor.execute(_SETTLE, {"at": at, "ids": moved})
    elif to in ENDED and to not in {State.TIMEOUT, State.NO_EFFECT}:
        cursor.execute(_FORGET_ON, [at, moved])


def _entry(to: State, at: dt.datetime, by: str, code: str, detail: str) -> dict[str, Any]:
    entry = {"state": to.value, "at": at.astimezone(dt.UTC).isoformat(), "by": by[:254]}
    return entry | {
        name: text[:1000] for name, text in (("code", code), ("detail", detail)) if text
    }
