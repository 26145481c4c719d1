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

from devices.topic_segments import RESERVED_SEGMENTS, is_safe_segment

MAX_TOPIC_LENGTH = 512


class TopicError(ValueError):
    """A topic that nobody may use; `code` is the reason of the rejection."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Family(StrEnum):
    """What kind of message comes on a topic."""

    READINGS = "readings"
    METRIC = "metric"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class Route:
    """A topic, understood.

    `device_uid` is None for readings that the payload assigns to devices, or that
    are the gateway's own; `device_id` stands in the topics of direct devices.
    """

    family: Family
    tenant_id: uuid.UUID | None = None
    gateway_uid: str = ""
    device_uid: str | None = None
    group: str = ""
    device_id: uuid.UUID | None = None
    metric: str = ""


def parse_topic(topic: str) -> Route:
    """Return what a topic means.

    Raises:
        TopicError: unknown_topic, unsafe_segment, reserved_segment, bad_tenant_id,
            bad_device_id, topic_too_long.
    """
    if len(topic) > MAX_TOPIC_LENGTH:
        raise TopicError("topic_too_long", f"More than {MAX_TOPIC_LENGTH} characters.")
    segments = topic.split("/")
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
    raise _unknown(topic)


def _gateway_route(tenant_id: uuid.UUID, gateway: str, rest: list[str], topic: str) -> Route:
    device: str | None = None
    group = ""
    family = Family.READINGS
    match rest:
        case ["reported", "status"]:
            family = Family.STATUS
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
    return Route(family, tenant_id, _name(gateway), device, group)


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
