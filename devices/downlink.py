"""Where and how a device is told something: topics and payloads of every dialect.

Nothing here reads the database or a clock. Each name is checked by the segment grammar before
it stands in a topic, whatever the database says.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devices.signature import sign
from devices.topic_segments import is_safe_segment
from devices.zigbee.names import is_friendly_name

NO_ZONE = "main"
# Zigbee2MQTT takes the state of a lamp or plug, not a command
_ZIGBEE_STATES = {"on": "ON", "off": "OFF"}
_KAISER_WORDS = {"on": "ON", "off": "OFF", "set": "PWM"}
# what only we say; our own listener hears it too
_DOWN = re.compile(
    r"tenant/[^/]+/gw/[^/]+/(?:down/|zigbee2mqtt/(?:bridge/request/|(?:.+/)?(?:set|get)$))"
    r"|devices/[^/]+/(?:down|commands)/"
    r"|kaiser/[^/]+/esp/[^/]+/(?:config$|actuator/[^/]+/command$|sensor/[^/]+/processed$)"
    r"|hydro/(?:time/response$|[^/]+/[^/]+/[^/]+/(?:config$|[^/]+/command$))"
    r"|/?bootstrap/[^/]+/claim$"
)
_DOWN_ENDS = ("/command", "/config", "/set", "/get", "/claim", "time/response", "/processed")


class UnusableTopic(ValueError):
    """A name that cannot stand in a topic, or a device that this dialect cannot reach."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a device is found on the broker; `gateway_uid` "" means by itself.

    `is_box`: it has an account of its own. `friendly_name`: its name in Zigbee2MQTT.
    """

    dialect: str
    tenant_id: uuid.UUID
    device_id: uuid.UUID
    device_uid: str
    gateway_uid: str = ""
    zone_uid: str = ""
    is_box: bool = True
    friendly_name: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """A command, as far as a device needs it; `value` and `runtime_seconds` as measured."""

    id: uuid.UUID
    name: str
    effect: str
    actuator: str
    params: Mapping[str, Any] = field(default_factory=dict)
    value: float | None = None
    runtime_seconds: float | None = None
    expires_at: dt.datetime | None = None


def is_down(topic: str) -> bool:
    """Tell whether a topic leads to devices; nobody but us may publish there.

    Every message that comes in is asked this, so the pattern is not tried for most.
    """
    if topic.endswith(_DOWN_ENDS) or "/down/" in topic or "/commands/" in topic:
        return _DOWN.match(topic) is not None
    return "/bridge/request/" in topic and _DOWN.match(topic) is not None


def down_topic(place: Place, what: str) -> str:
    """Return the topic on which a box waits for `config`, `claim` or `firmware`."""
    if not place.gateway_uid:
        return _topic("devices", str(place.device_id), "down", what)
    return _topic("tenant", str(place.tenant_id), "gw", place.gateway_uid, "down", what)


def processed_topic(gateway_uid: str, device_uid: str, gpio: int) -> str:
    """Return the topic on which a node hears what became of its raw number.

    Raises: UnusableTopic.
    """
    return _topic("kaiser", gateway_uid, "esp", device_uid, "sensor", str(gpio), "processed")


def bridge_request_topic(*, tenant_id: uuid.UUID, gateway_uid: str, what: str) -> str:
    """Return the topic on which the Zigbee2MQTT of a gateway is asked, such as permit_join.

    Raises: UnusableTopic.
    """
    return _topic(
        *("tenant", str(tenant_id), "gw", gateway_uid, "zigbee2mqtt", "bridge", "request"),
        *what.split("/"),
    )


def command_topic(place: Place, order: Order) -> str:
    """Return the topic of a command.

    Raises: UnusableTopic: a name of the device, its gateway, zone or actuator is no segment.
    """
    if not place.gateway_uid:
        return _topic("devices", str(place.device_id), "commands", order.name)
    gateway = ("tenant", str(place.tenant_id), "gw", place.gateway_uid)
    if place.dialect == "zigbee" and not place.is_box:
        return f"{_topic(*gateway, 'zigbee2mqtt')}/{_friendly(place)}/set"
    if place.dialect == "kaiser" and not place.is_box:
        return _topic(
            *("kaiser", place.gateway_uid, "esp", place.device_uid),
            *("actuator", _actuator(order), "command"),
        )
    if place.dialect == "hydro" and not place.is_box:
        return _topic(
            *("hydro", place.gateway_uid, place.zone_uid or NO_ZONE, place.device_uid),
            *(order.actuator or "system", "command"),
        )
    return _topic(*gateway, "down", "command")


def command_payload(
    place: Place, order: Order, *, now: dt.datetime, secret: str = ""
) -> dict[str, Any]:
    """Return what the device is told, signed where it has a secret; `ts` is the time of sending.

    Every form but Zigbee2MQTT's carries the id of the command, by which a device does it once,
    and `expires_at` in seconds since 1970, after which it must not do it any more.
    """
    if place.dialect == "zigbee" and not place.is_box:
        return _zigbee_payload(order)
    message: dict[str, Any] = {
        "cmd": order.name,
        "cmd_id": str(order.id),
        "params": dict(order.params),
        "ts": int(now.timestamp()),
    }
    if order.expires_at is not None:
        message["expires_at"] = int(order.expires_at.timestamp())
    if order.runtime_seconds is not None:
        message["max_runtime_ms"] = int(order.runtime_seconds * 1000)
    if not place.gateway_uid:
        message["req_id"] = str(order.id)
    elif place.dialect == "kaiser" and not place.is_box:
        message |= _kaiser_words(order, now)
    elif place.dialect != "hydro" or place.is_box:
        message["device"] = place.device_uid
        if order.actuator:
            message["actuator"] = order.actuator
    return sign(message, secret=secret) if secret else message


def encode(message: Mapping[str, Any]) -> bytes:
    """Return the JSON of a message."""
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()


def _kaiser_words(order: Order, now: dt.datetime) -> dict[str, Any]:
    on = 1.0 if order.effect == "on" else 0.0
    return {
        "command": _KAISER_WORDS.get(order.effect, order.name.upper()),
        "value": on if order.value is None else order.value,
        "duration": int(order.runtime_seconds or 0),
        "timestamp": int(now.timestamp()),
        "correlation_id": str(order.id),
    }


def _zigbee_payload(order: Order) -> dict[str, Any]:
    state = _ZIGBEE_STATES.get(order.effect)
    if state is None:
        return dict(order.params)
    plain = order.actuator in {"", "state"}
    message: dict[str, Any] = {"state" if plain else f"state_{order.actuator}": state}
    if order.runtime_seconds is not None and order.effect == "on":
        message["on_time"] = int(order.runtime_seconds)  # the lamp itself switches off
    return message


def _friendly(place: Place) -> str:
    """Zigbee2MQTT allows slashes, which make levels, and blanks in friendly names."""
    name = place.friendly_name or place.device_uid
    if not is_friendly_name(name):
        raise UnusableTopic(f"{name!r:.80} may not stand in a topic.")
    return name


def _actuator(order: Order) -> str:
    if not order.actuator:
        raise UnusableTopic(f"{order.name} names no actuator, this dialect needs one.")
    return order.actuator


def _topic(*segments: str) -> str:
    for segment in segments:
        if not is_safe_segment(segment):
            raise UnusableTopic(f"{segment!r:.80} may not stand in a topic.")
    return "/".join(segments)
