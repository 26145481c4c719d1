"""What devices say about commands and about their actuators."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from devices.command_states import ENDED, OPEN, State, read_word
from devices.models import ActuatorState, Command, Device, Gateway
from devices.services.command_facts import lock_actuators
from devices.services.command_moves import move, note_late
from devices.services.outbox import cancel_messages

# how long after its end a command is still meant by an answer without an id
MEANT = dt.timedelta(minutes=10)
# a state may arrive before the broker has told us that it took the command
OVERTAKEN = dt.timedelta(seconds=1)


class UnknownAnswer(ValueError):
    """An answer that fits no command of the sender, or in a word that nobody knows."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Answer:
    """A device's word on a command; `actuator` and `command_name` help where it names no id."""

    word: str
    command_id: uuid.UUID | None = None
    actuator: str = ""
    detail: str = ""
    content: Mapping[str, Any] = field(default_factory=dict)


@transaction.atomic
def apply_answer(
    *, sender: Gateway | Device, answer: Answer, at: dt.datetime, device: Device | None = None
) -> Command:
    """Move the command that a device answers; after its end the word is only kept.

    Args: sender: the box whose topic it was: only commands to it, or to devices behind it, are
        meant. device: the device that the topic names.

    Raises: UnknownAnswer.
    """
    read = read_word(answer.word)
    if read is None:
        raise UnknownAnswer("unknown_word", f"{answer.word!r:.60} says nothing of a command.")
    state, code = read
    command = _find(sender, answer, at, device)
    detail = answer.detail if state in ENDED - {State.DONE} else ""
    if state in ENDED and state != State.DONE:
        code = answer.word[:64] if answer.word != state.value else code
    moved = move(
        ids=[command.id], to=state, at=at, by="device", code=code, detail=detail,
        answer=answer.content or None,
    )  # fmt: skip
    if moved:
        cancel_messages(command_id=command.id)  # it has it: no second copy must follow
        _note_states(command, answer.content, at)
    elif state == State.ACK and not code:
        # first "received", now "accepted"
        Command.objects.filter(id=command.id, state=State.ACK).update(code="")
    elif command.state in ENDED and command.state != state:
        note_late(id_=command.id, said=state, at=at, code=code, detail=answer.detail)
    command.refresh_from_db()
    return command


@transaction.atomic
def note_actuator(
    *, device: Device, actuator: str, is_on: bool, at: dt.datetime, value: float | None = None
) -> ActuatorState:
    """Keep what an actuator says of itself unless something newer is known.

    Commands of dialects that carry no id are done when it says what they asked for.
    """
    row = lock_actuators(tenant_id=device.tenant_id, spots={(device.id, actuator)})[
        device.id, actuator
    ]
    if row.reported_at is not None and row.reported_at >= at:
        return row
    if is_on and not row.is_on:
        row.on_since, row.off_since = row.on_since or at, None
    if not is_on and (row.is_on or row.off_since is None or row.on_since is not None):
        row.on_since, row.off_since = None, at
    row.is_on, row.reported_at = is_on, at
    row.value = value if value is not None else row.value
    if not is_on and (row.commanded_at is None or not _is_on_its_way(row)):
        row.is_commanded_on, row.deadline = False, None
    row.save()
    return row


@transaction.atomic
def finish_by_state(*, device: Device, actuator: str, is_on: bool, at: dt.datetime) -> None:
    """End what was asked of a device that answers with its state only, such as a Zigbee lamp."""
    effect = "on" if is_on else "off"
    ids = Command.objects.filter(
        device=device, actuator=actuator, effect=effect, state__in=[State.SENT, State.ACK],
        sent_at__lte=at + OVERTAKEN,
    ).values_list("id", flat=True)  # fmt: skip
    move(ids=list(ids), to=State.DONE, at=at, by="device")


def _is_on_its_way(row: ActuatorState) -> bool:
    """Tell whether the command that starts it has not been answered: "off" is of before it."""
    return row.command is not None and row.command.state in {State.QUEUED, State.SENT}


def _find(
    sender: Gateway | Device, answer: Answer, at: dt.datetime, device: Device | None
) -> Command:
    own = Command.objects.select_related("device__gateway")
    own = own.filter(device__gateway=sender) if isinstance(sender, Gateway) else own.filter(
        device=sender
    )  # fmt: skip
    if device is not None:
        own = own.filter(device=device)
    if answer.command_id is not None:
        found = own.filter(id=answer.command_id).first()
    else:
        found = _latest(own.filter(actuator=answer.actuator), at) if answer.actuator else None
    if found is None:
        raise UnknownAnswer("unknown_command", f"No command {answer.command_id} to this device.")
    return found


def _latest(rows: Any, at: dt.datetime) -> Command | None:
    """Return the command that an answer without an id means: the first open one, else the last."""
    recent = rows.filter(requested_at__gte=at - MEANT)
    waiting: Iterable[Command] = recent.filter(state__in=OPEN).order_by("requested_at", "id")
    first = next(iter(waiting[:1]), None)  # type: ignore[index]
    found: Command | None = first or recent.order_by("-requested_at", "id").first()
    return found


def _note_states(command: Command, content: Mapping[str, Any], at: dt.datetime) -> None:
    """Keep the states of a snapshot: `{"actuators": {"pump1": true, "valve": 40}}`."""
    states = content.get("actuators")
    if not isinstance(states, Mapping):
        return
    for actuator, value in list(states.items())[:64]:
        if isinstance(value, bool | int | float) and isinstance(actuator, str):
            note_actuator(
                device=command.device, actuator=actuator[:64], is_on=bool(value), at=at,
                value=None if isinstance(value, bool) else float(value),
            )  # fmt: skip
