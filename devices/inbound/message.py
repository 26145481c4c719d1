"""A message for a handler."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from devices.inbound.topics import MessageRoute
from devices.models import Device, Gateway

MAX_PAYLOAD_BYTES = 65_536
# Zigbee2MQTT tells its whole network in one message, 3 to 5 kB a device; the broker's
# max_packet_size leaves room for the topic besides
MAX_ZIGBEE_BYTES = 1_048_576
Form = TypeVar("Form")


class BadMessage(ValueError):
    """A message that cannot be used; `code` is the reason under which it is kept."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message, and who sent it as far as the topic says.

    The broker lets a client publish under its own names only, so the names are proven.
    `gateway` and `device` are None where the topic names none, or none that is known;
    `tenant_id` is None only for boxes that nobody owns. `received_at` is UTC. `is_retained`:
    the broker had kept it, so nobody knows how old it is.

    A handler puts the readings that a message holds into `readings`, each an object with
    device, ts and values.
    """

    route: MessageRoute
    payload: bytes
    received_at: dt.datetime
    tenant_id: uuid.UUID | None = None
    gateway: Gateway | None = None
    device: Device | None = None
    is_retained: bool = False
    readings: list[dict[str, Any]] = field(default_factory=list)

    def read(self, form: type[Form]) -> Form:
        """Decode the JSON payload.

        Raises: BadMessage: `bad_payload`, naming the field.
        """
        try:
            return msgspec.json.decode(self.payload, type=form, strict=False)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BadMessage("bad_payload", str(error)[:500]) from error

    def known_device(self) -> Device:
        """Return the device, which stands for the gateway itself where the topic names none.

        Raises: BadMessage: `unknown_device`.
        """
        if self.device is None:
            name = self.route.device_uid or self.route.gateway_uid or self.route.device_id
            raise BadMessage("unknown_device", f"No device {name!s:.64} here; register it first.")
        return self.device


def read_object(message: Inbound) -> dict[str, Any]:
    """Decode a payload that must be a JSON object.

    Raises: BadMessage: `bad_payload`.
    """
    found = message.read(dict)
    if any(not isinstance(key, str) for key in found):
        raise BadMessage("bad_payload", "The payload must be a JSON object.")
    return found
