"""Which topics exist and what each means.

Precedence where the filters of the tenant gateway overlap: the literal word wins over
the wildcard, read from the left. `data/device/…` and `data/raw/…` therefore never mean
a device named "device" or "raw"; these words and "timeseries" are reserved and refused
as names, so every message has exactly one meaning.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import StrEnum

from devices.inbound.topics import MessageRoute, match_message
from devices.topic_segments import RESERVED_SEGMENTS, is_safe_segment

MAX_TOPIC_LENGTH = 512
# Messages that came in by another door than MQTT. No client can publish there: `+` may not
# stand in the topic of a message, and the worker looks at the transport besides.
DOOR = "+door"
DOOR_PREFIX = f"{DOOR}/"
# Below it stand the topics of other makers, whatever they are; see telemetry.decoding.
FOREIGN = "ext"


class TopicError(ValueError):
    """A topic that nobody may use; `code` is the reason of the rejection."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Family(StrEnum):
    """What kind of message comes on a topic."""

    READINGS = "readings"
    METRIC = "metric"
    KAISER = "kaiser"
    HYDRO = "hydro"
    FOREIGN = "foreign"
    DOOR = "door"
    MESSAGE = "message"


# families whose payloads have a form of their own: telemetry.ingest.dialects
DIALECTS = frozenset({Family.KAISER, Family.HYDRO, Family.FOREIGN})


@dataclass(frozen=True, slots=True)
class Route:
    """A topic, understood.

    `device_uid` is None for readings that the payload assigns to devices, or that
    are the gateway's own; `device_id` stands in the topics of direct devices. `group` is a
    register group, a pin or a node's channel. `message` is set for what carries no readings,
    `native` is the topic below `ext/` of a device whose maker chose it.
    """

    family: Family
    tenant_id: uuid.UUID | None = None
    gateway_uid: str = ""
    device_uid: str | None = None
    group: str = ""
    device_id: uuid.UUID | None = None
    metric: str = ""
    message: MessageRoute | None = None
    native: str = ""


def parse_topic(topic: str) -> Route:
    """Return what a topic means.

    Raises:
        TopicError: unknown_topic, unsafe_segment, reserved_segment, bad_tenant_id,
            bad_device_id, topic_too_long.
    """
    if len(topic) > MAX_TOPIC_LENGTH:
        raise TopicError("topic_too_long", f"More than {MAX_TOPIC_LENGTH} characters.")
    segments = topic.split("/")
    special = _special_route(segments, topic)
    if special is not None:
        return special
    message = match_message(segments)
    if message is not None:
        return Route(
            Family.MESSAGE,
            message.tenant_id,
            message.gateway_uid,
            message.device_uid or None,
            device_id=message.device_id,
            message=message,
        )
    for segment in segments:
        if not is_safe_segment(segment):
            raise TopicError(
                "unsafe_segment", f"Segment {segment[:64]!r} may not stand in a topic."
            )
    match segments:
        case ["tenant", tenant, "gw", gateway, *rest]:
            return _gateway_route(_uuid(tenant, "bad_tenant_id"), gateway, rest, topic)
        case ["devices", device, metric]:
            return Route(
                Family.METRIC, device_id=_uuid(device, "bad_device_id"), metric=_name(metric)
            )
        case ["kaiser", gateway, "esp", device, "sensor", gpio, "data"]:
            return Route(Family.KAISER, None, _name(gateway), _name(device), gpio)
        case ["hydro", gateway, _, device, channel, "telemetry"]:
            return Route(Family.HYDRO, None, _name(gateway), _name(device), channel)
    raise _unknown(topic)


def _special_route(segments: list[str], topic: str) -> Route | None:
    """Return the meaning of topics whose words are nobody's business."""
    if segments[0] == DOOR:
        return _door_route(segments, topic)
    at = {"tenant": 4, "devices": 2}.get(segments[0], len(segments))
    is_foreign = segments[at : at + 1] == [FOREIGN] and len(segments) > at + 1
    return _foreign_route(segments, topic) if is_foreign else None


def door_topic(tenant_id: uuid.UUID, device_id: uuid.UUID) -> str:
    """Return the topic of readings that were sent for a device by another door than MQTT."""
    return f"{DOOR}/{tenant_id}/{device_id}"


def _door_route(segments: list[str], topic: str) -> Route:
    match segments:
        case [_, tenant, device]:
            return Route(
                Family.DOOR,
                _uuid(tenant, "bad_tenant_id"),
                device_id=_uuid(device, "bad_device_id"),
            )
    raise _unknown(topic)


def _foreign_route(segments: list[str], topic: str) -> Route:
    if not topic.isprintable() or not all(is_safe_segment(word) for word in segments[:2]):
        raise TopicError("unsafe_segment", "The topic holds characters that cannot be printed.")
    match segments:
        case ["tenant", tenant, "gw", gateway, _, *native] if native and is_safe_segment(gateway):
            tenant_id = _uuid(tenant, "bad_tenant_id")
            return Route(Family.FOREIGN, tenant_id, _name(gateway), native="/".join(native))
        case ["devices", device, _, *native] if native:
            device_id = _uuid(device, "bad_device_id")
            return Route(Family.FOREIGN, device_id=device_id, native="/".join(native))
    raise _unknown(topic)


def _gateway_route(tenant_id: uuid.UUID, gateway: str, rest: list[str], topic: str) -> Route:
    device: str | None = None
    group = ""
    match rest:
        case ["data", "timeseries"] | ["telemetry"]:
            pass
        case ["data", "device" | "raw", device] | ["telemetry", device]:
            pass
        case ["data", "device" | "raw", device, group]:
            pass
        case ["data", device, "timeseries"]:
            pass
        case _:
            raise _unknown(topic)
    if device is not None:
        device = _name(device)
    return Route(Family.READINGS, tenant_id, _name(gateway), device, group)


def _unknown(topic: str) -> TopicError:
    return TopicError("unknown_topic", f"No message is known on {topic[:200]!r}.")


def _name(segment: str) -> str:
    if segment in RESERVED_SEGMENTS:
        raise TopicError("reserved_segment", f"{segment!r} is reserved and names no device.")
    return segment


def _uuid(text: str, code: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise TopicError(code, f"{text[:64]!r} is no UUID.") from None
