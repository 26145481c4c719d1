"""Puts commands into the outbox, in the words of their device."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from collections.abc import Collection

from django.db import models, transaction

from accounts.services.audit import record_event
from devices.command_schema import BadCommandSchema, CommandSpec, read_commands
from devices.command_states import State
from devices.downlink import Order, Place, command_payload, command_topic, encode
from devices.models import (
    Command,
    CommandSecret,
    Device,
    Dialect,
    ModbusUnit,
    SerialLine,
    Wire,
)
from devices.services.outbox import queue_message
from energy.lib.sealing import Purpose, seal

Route = tuple[Wire, uuid.UUID | None]
BY_BROKER: Route = (Wire.MQTT, None)
SECRET_PURPOSE = Purpose.COMMAND_SECRET


def specs_of(device: Device) -> dict[str, CommandSpec]:
    """Return the commands that a device takes, by name; none of a profile that is broken."""
    try:
        return read_commands(device.profile.commands)
    except BadCommandSchema:
        return {}


def place_of(device: Device) -> Place:
    """Return where a device is found on the broker; its gateway, zone, profile are loaded."""
    gateway = device.gateway
    return Place(
        dialect=device.profile.dialect,
        tenant_id=device.tenant_id,
        device_id=device.id,
        device_uid=device.uid,
        gateway_uid=gateway.uid if gateway is not None else "",
        zone_uid=device.zone.uid if device.zone is not None else "",
        is_box=device.is_box,
        friendly_name=_friendly_name(device),
    )


def _friendly_name(device: Device) -> str:
    """Return the name in Zigbee2MQTT; one query unless `zigbee_node` is loaded."""
    if device.profile.dialect != Dialect.ZIGBEE or device.is_box:
        return ""
    node = getattr(device, "zigbee_node", None)
    return node.friendly_name if node is not None else ""


def routes_of(device_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Route]:
    """Return the buses and lines of devices that have one; the others hear over MQTT. One query.

    Also those that are switched off: commands to them wait until they expire.
    """
    units = ModbusUnit.objects.filter(device__in=device_ids).annotate(
        wire=models.Value(Wire.MODBUS.value), line=models.F("bus_id")
    )
    lines = SerialLine.objects.filter(device__in=device_ids).annotate(
        wire=models.Value(Wire.SERIAL.value), line=models.F("id")
    )
    names = ("device_id", "wire", "line")
    found = units.values_list(*names).union(lines.values_list(*names))
    return {device_id: (Wire(wire), line) for device_id, wire, line in found}


def topic_of(place: Place, order: Order, route: Route) -> str:
    """Return the topic of a command; on other wires than MQTT it only says what it is.

    Raises: UnusableTopic.
    """
    wire, line_id = route
    return command_topic(place, order) if wire == Wire.MQTT else f"{wire}/{line_id}/{order.name}"


def order_of(command: Command) -> Order:
    """Return a command as a device needs it."""
    return Order(
        id=command.id,
        name=command.name,
        effect=command.effect,
        actuator=command.actuator,
        params=command.params,
        value=command.value,
        runtime_seconds=command.max_runtime_seconds,
        expires_at=command.expires_at,
    )


def send(command: Command, *, now: dt.datetime, priority: int) -> None:
    """Put a new command into the outbox; the payload is stamped and signed when it leaves.

    Raises: UnusableTopic.
    """
    place, order = place_of(command.device), order_of(command)
    route = routes_of([command.device_id]).get(command.device_id, BY_BROKER)
    queue_message(
        topic=topic_of(place, order, route),
        wire=route[0],
        line_id=route[1],
        payload=encode(command_payload(place, order, now=now)),
        now=now,
        tenant_id=command.tenant_id,
        command_id=command.id,
        expires_at=command.expires_at,
        not_before=command.not_before,
        priority=priority,
    )


def first_entry(state: State, now: dt.datetime, by: str, code: str = "") -> list[dict[str, str]]:
    """Return the beginning of a command's history."""
    entry = {"state": state.value, "at": now.astimezone(dt.UTC).isoformat(), "by": by}
    return [entry | ({"code": code} if code else {})]


@transaction.atomic
def renew_command_secret(*, device: Device, now: dt.datetime) -> str:
    """Let commands to a device be signed from now on; return the secret, which is shown once."""
    secret = secrets.token_urlsafe(32)
    CommandSecret.objects.update_or_create(
        device=device, defaults={"sealed": seal(secret, purpose=SECRET_PURPOSE)}
    )
    record_event(
        action="command_secret.renewed", now=now, tenant_id=device.tenant_id, obj=device
    )  # fmt: skip
    return secret
