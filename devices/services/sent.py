"""Looks at messages before they leave, and notes which have left.

Both run in the sender's transaction, over all tenants. What is decided here is decided last:
a command that was queued before an emergency stop does not leave after it.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Iterable, Sequence

from accounts.tenancy import all_tenants
from devices.command_states import State
from devices.downlink import command_payload, encode
from devices.models import Command, CommandSecret, EmergencyStop, OutboundMessage
from devices.services.command_facts import stops_over
from devices.services.command_moves import move, note_sent_at
from devices.services.command_wire import SECRET_PURPOSE, order_of, place_of
from devices.services.emergency_stop import switch_off_again
from energy.lib.sealing import CannotUnseal, unseal

logger = logging.getLogger(__name__)

_LOADED = ("device__gateway", "device__zone", "device__profile")


def prepare(*, messages: Sequence[OutboundMessage], now: dt.datetime) -> list[OutboundMessage]:
    """Return what may leave; commands that ended meanwhile, or are stopped, are left out.

    The payload of a command gets the time of sending, and its signature.
    """
    with all_tenants():
        commands = _commands_of(messages)
        if not commands:
            return [message for message in messages if message.command_id is None]
        stopped = _stopped(commands.values())
        secrets = dict(
            CommandSecret.objects.filter(
                device_id__in={command.device_id for command in commands.values()}
            ).values_list("device_id", "sealed")
        )
        move(
            ids=stopped, to=State.CANCELLED, at=now, by="emergency_stop",
            code="emergency_stop", only=[State.QUEUED],
        )  # fmt: skip
        ready = []
        for message in messages:
            if message.command_id is None:
                ready.append(message)
                continue
            command = commands.get(message.command_id)
            if command is not None and command.id not in stopped:
                _stamp(message, command, secrets.get(command.device_id, ""), now)
                ready.append(message)
        return ready


def note_sent(*, messages: Sequence[OutboundMessage], now: dt.datetime) -> None:
    """Tell those who wait for it; runs in the transaction that forgets the messages."""
    ids = [message.command_id for message in messages if message.command_id is not None]
    if not ids:
        return
    with all_tenants():
        move(ids=ids, to=State.SENT, at=now, by="broker", only=[State.QUEUED])
        note_sent_at(ids=ids, at=now)
        # pressed while these were on their way: what they started must end
        sent = _commands_of(messages)
        late = [sent[id_] for id_ in _stopped(sent.values())]
        if late:
            switch_off_again(commands=late, now=now)


def note_unsendable(*, messages: Sequence[OutboundMessage], reason: str, now: dt.datetime) -> None:
    """End the commands of messages that can never be sent."""
    ids = [message.command_id for message in messages if message.command_id is not None]
    move(ids=ids, to=State.SEND_FAILED, at=now, by="broker", code="unsendable", detail=reason)


def _commands_of(messages: Sequence[OutboundMessage]) -> dict[uuid.UUID, Command]:
    """Return the commands of messages that have not ended, by id."""
    ids = [message.command_id for message in messages if message.command_id is not None]
    if not ids:
        return {}
    rows = Command.objects.filter(id__in=ids, state__in=[State.QUEUED, State.SENT, State.ACK])
    return {row.id: row for row in rows.select_related(*_LOADED).order_by("id")}


def _stopped(commands: Iterable[Command]) -> list[uuid.UUID]:
    """Return which of the commands would start something under an emergency stop."""
    starting = [command for command in commands if command.starts_something]
    if not starting or not EmergencyStop.objects.filter(released_at=None).exists():
        return []
    held = stops_over({command.device for command in starting})
    return [command.id for command in starting if command.device_id in held]


def _stamp(message: OutboundMessage, command: Command, sealed: str, now: dt.datetime) -> None:
    try:
        secret = unseal(sealed, purpose=SECRET_PURPOSE) if sealed else ""
    except CannotUnseal:
        logger.exception("The secret of device %s cannot be read; renew it", command.device_id)
        return  # unsigned: the device refuses it and says so
    payload = command_payload(place_of(command.device), order_of(command), now=now, secret=secret)
    message.payload = encode(payload)
