"""What clients may send, as typed messages."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import msgspec
import orjson
from msgspec import Meta

from devices.live_types import EventType
from telemetry.live.limits import DEFAULT_RATE_MS, MAX_METRICS, MAX_RATE_MS, MIN_RATE_MS

SubscriptionId = Annotated[str, Meta(min_length=1, max_length=64)] | int
Metric = Annotated[str, Meta(min_length=1, max_length=64)]

# two names for values; a subscription without types is for values
VALUE_TYPES = frozenset({"measurement", "sensor_data"})
EVENT_TYPES = frozenset(EventType.values)
TYPES = VALUE_TYPES | EVENT_TYPES


class Subscribe(
    msgspec.Struct, tag="sub", tag_field="type", forbid_unknown_fields=True, frozen=True
):
    """Ask for the values of devices, of the devices of sites, or of the whole tenant."""

    id: SubscriptionId
    devices: list[UUID] | None = None
    sites: list[UUID] | None = None
    tenant: bool | UUID | None = None
    types: Annotated[list[str], Meta(max_length=20)] = []
    metrics: Annotated[list[Metric], Meta(max_length=MAX_METRICS)] = []
    rate_ms: Annotated[int, Meta(ge=MIN_RATE_MS, le=MAX_RATE_MS)] = DEFAULT_RATE_MS
    min_severity: Literal["debug", "info", "warning", "error", "critical"] | None = None
    since_seq: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None

    def wants_values(self) -> bool:
        """Tell whether values are asked for."""
        return not self.types or not VALUE_TYPES.isdisjoint(self.types)

    def event_types(self) -> frozenset[str]:
        """Return the types of events that are asked for."""
        return EVENT_TYPES.intersection(self.types)

    def names_one_target(self) -> bool:
        """Tell whether exactly one of devices, sites and tenant is asked for."""
        return sum(map(bool, (self.devices, self.sites, self.tenant))) == 1


class Authenticate(
    msgspec.Struct, tag="auth", tag_field="type", forbid_unknown_fields=True, frozen=True
):
    """Sign in with an access token or an API key: the first message, or none."""

    token: Annotated[str, Meta(min_length=1, max_length=4096)]


class Unsubscribe(
    msgspec.Struct, tag="unsub", tag_field="type", forbid_unknown_fields=True, frozen=True
):
    """End a subscription."""

    id: SubscriptionId


class Acknowledge(
    msgspec.Struct, tag="ack", tag_field="type", forbid_unknown_fields=True, frozen=True
):
    """Frames up to number `n` are processed."""

    n: Annotated[int, Meta(ge=0)]


class Ping(msgspec.Struct, tag="ping", tag_field="type", forbid_unknown_fields=True, frozen=True):
    """Ask for a pong."""

    id: SubscriptionId | None = None


ClientMessage = Subscribe | Unsubscribe | Acknowledge | Ping | Authenticate
_DECODER = msgspec.json.Decoder(ClientMessage)


class NotJson(ValueError):
    """The text is no JSON object."""


class BadMessage(ValueError):
    """JSON that is none of the messages. `id` is the client's, if it could be read."""

    def __init__(self, message_id: str | int | None) -> None:
        super().__init__("not a message of this protocol")
        self.id = message_id


def decode_message(text: str) -> ClientMessage:
    """Read a message of a client.

    Raises:
        NotJson, BadMessage
    """
    try:
        message: ClientMessage = _DECODER.decode(text)
        return message
    except msgspec.ValidationError as error:
        raise BadMessage(_read_id(text)) from error
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        raise NotJson from error


def _read_id(text: str) -> str | int | None:
    try:
        found = orjson.loads(text)
    except ValueError as error:
        raise NotJson from error
    if not isinstance(found, dict):
        raise NotJson
    message_id = found.get("id")
    if isinstance(message_id, str):
        return message_id[:64]
    return message_id if type(message_id) is int else None
