"""Commands to devices on wires that this side drives: taken once, done once, answered.

Such a device knows no ids of commands and would do one twice. So a command is noted as sent
before it is: a process that dies in between leaves it without an answer, and nobody sends it
again without having looked at the device.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from accounts.tenancy import all_tenants, tenant_scope
from devices.command_states import State
from devices.models import Command, Wire
from devices.services import outbox
from devices.services.command_answers import Answer, apply_answer
from devices.services.command_moves import move, note_late
from devices.services.sent import note_sent, prepare

BATCH = 50
# what was written may have been done: whether it was, nobody knows
PERHAPS_DONE = frozenset(
    {"unknown_outcome", "not_read_back", "read_back_differs", "partly_written", "no_answer"}
)


@dataclass(frozen=True, slots=True)
class WireOrder:
    """A command to do now on a wire; times in UTC by the clock of the database."""

    id: uuid.UUID
    tenant_id: uuid.UUID
    device_id: uuid.UUID
    line_id: uuid.UUID
    name: str
    params: Mapping[str, Any]
    effect: str
    actuator: str
    value: float | None
    requested_at: dt.datetime
    expires_at: dt.datetime


@transaction.atomic
def take_orders(
    *,
    wire: Wire,
    lines: Collection[uuid.UUID],
    limit: int = BATCH,
    at_least: int | None = None,
) -> list[WireOrder]:
    """Note the commands that are due on these lines as sent, and return them, urgent first.

    What an emergency stop holds back and what has no time left is not among them. Once this
    has returned, each must be tried at most once and answered with `answer_order`.

    Args: at_least: take only orders of this priority and above.
    """
    if not lines:
        return []
    now = outbox.database_now()
    messages = outbox.take_messages(now=now, limit=limit, wire=wire, lines=lines, at_least=at_least)
    if not messages:
        return []
    ready = prepare(messages=messages, now=now)
    outbox.forget_messages(messages)
    note_sent(messages=ready, now=now)
    lines_of = {m.command_id: m.line_id for m in ready if m.command_id and m.line_id}
    with all_tenants():
        found = {command.id: command for command in Command.objects.filter(id__in=lines_of)}
    return [_order(found[id_], line) for id_, line in lines_of.items() if id_ in found]


def answer_order(
    *,
    order: WireOrder,
    state: State,
    at: dt.datetime,
    detail: str = "",
    code: str = "",
    content: Mapping[str, Any] | None = None,
) -> None:
    """Say what became of an order; of one of PERHAPS_DONE that nobody knows: it counts as running.

    Args: state: DONE, ERROR, INVALID, BUSY, NO_EFFECT or ACK. code: a word for programs that
        says more than the state, such as `read_back_differs`. content: may hold
        {"actuators": {name: on or value}}, which is kept as their states.
    """
    with tenant_scope(order.tenant_id):
        told = {"code": code, **(content or {})} if code else dict(content or {})
        if state != State.DONE and code in PERHAPS_DONE:
            _leave_open(order, at=at, code=code, detail=detail, told=told)
            return
        command = Command.objects.select_related("device").get(id=order.id)
        answer = Answer(state.value, command_id=order.id, detail=detail, content=told)
        apply_answer(sender=command.device, answer=answer, at=at)
        if code and state != State.DONE:
            Command.objects.filter(id=order.id, state=state.value).update(code=code[:64])


def _leave_open(
    order: WireOrder, *, at: dt.datetime, code: str, detail: str, told: Mapping[str, Any]
) -> None:
    """End it without a word on its actuator, whose run time is watched on."""
    moved = move(
        ids=[order.id], to=State.TIMEOUT, at=at, by="device", code=code, detail=detail, answer=told
    )
    if moved:
        outbox.cancel_messages(command_id=order.id)
    else:
        note_late(id_=order.id, said=State.TIMEOUT, at=at, code=code, detail=detail)


def _order(command: Command, line_id: uuid.UUID) -> WireOrder:
    return WireOrder(
        command.id, command.tenant_id, command.device_id, line_id, command.name, command.params,
        command.effect, command.actuator, command.value, command.requested_at,
        command.expires_at,
    )  # fmt: skip
