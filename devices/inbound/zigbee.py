"""What Zigbee2MQTT says below its base topic."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from accounts.services.refusals import Refusal
from devices.inbound.message import BadMessage, Inbound
from devices.models import Gateway
from devices.services.zigbee_network import (
    note_bridge_info,
    note_bridge_state,
    note_devices,
    note_failure,
    note_groups,
    note_joining,
    note_left,
    note_node,
    note_renamed,
)
from devices.services.zigbee_readings import StateMessage, note_availability, take_state
from devices.zigbee.names import is_friendly_name
from devices.zigbee.network import (
    LONGEST_JOIN_SECONDS,
    clean,
    read_devices,
    read_event,
    read_groups,
    read_info,
    read_online,
)
from devices.zigbee.payload import BadPayload, read_json

_BRIDGE = "bridge/"
_RESPONSE = "bridge/response/"
_AVAILABILITY = "/availability"


def handle_zigbee(message: Inbound, now: dt.datetime) -> None:
    """Keep what Zigbee2MQTT tells; the readings of a device's state go on to the pipeline."""
    name = message.route.captures["name"]
    try:
        if name.startswith(_BRIDGE):
            _handle_bridge(_gateway(message), message, name)
        elif name.endswith(_AVAILABILITY):
            _handle_availability(_gateway(message), message, name.removesuffix(_AVAILABILITY))
        else:
            _handle_state(_gateway(message), message, name)
    except BadPayload as error:
        raise BadMessage(error.code, str(error)) from error
    except Refusal as error:
        raise BadMessage(error.code, str(error)) from error


def _gateway(message: Inbound) -> Gateway:
    if message.gateway is None:
        raise BadMessage("unknown_gateway", "No gateway of this name; register it first.")
    return message.gateway


def _handle_state(gateway: Gateway, message: Inbound, name: str) -> None:
    if not is_friendly_name(name):
        raise BadMessage("unsafe_segment", f"{name[:64]!r} can be no device's name.")
    state = StateMessage(name, message.payload, message.received_at, message.is_retained)
    message.readings.extend(take_state(gateway=gateway, message=state))


def _handle_availability(gateway: Gateway, message: Inbound, name: str) -> None:
    if not message.payload.strip():  # the device was renamed or removed
        return
    is_available = read_online(message.payload)
    if is_available is None or not is_friendly_name(name):
        raise BadMessage("bad_status", "A device is online or offline.")
    note_availability(
        gateway=gateway,
        name=name,
        is_available=is_available,
        at=message.received_at,
        is_retained=message.is_retained,
    )


def _handle_bridge(gateway: Gateway, message: Inbound, name: str) -> None:
    if not message.payload.strip():
        return
    if name.startswith(_RESPONSE):
        _handle_response(gateway, message, name.removeprefix(_RESPONSE))
        return
    handler = _OF_BRIDGE.get(name.removeprefix(_BRIDGE))
    if handler is not None:  # logging, health, definitions and what later versions tell
        handler(gateway, message)


def _handle_bridge_state(gateway: Gateway, message: Inbound) -> None:
    is_online = read_online(message.payload)
    if is_online is None:
        raise BadMessage("bad_status", "Zigbee2MQTT is online or offline.")
    note_bridge_state(gateway=gateway, is_online=is_online, at=message.received_at)


def _handle_info(gateway: Gateway, message: Inbound) -> None:
    facts = read_info(read_json(message.payload), at=message.received_at)
    if facts is None:
        raise BadMessage("bad_payload", "bridge/info is an object.")
    note_bridge_info(gateway=gateway, facts=facts, at=message.received_at)


def _handle_devices(gateway: Gateway, message: Inbound) -> None:
    document = read_json(message.payload)
    if not isinstance(document, list):
        raise BadMessage("bad_payload", "bridge/devices is a list.")
    told, is_whole = read_devices(document)
    note_devices(gateway=gateway, told=told, is_whole=is_whole, at=message.received_at)


def _handle_groups(gateway: Gateway, message: Inbound) -> None:
    note_groups(gateway=gateway, names=read_groups(read_json(message.payload)))


def _handle_event(gateway: Gateway, message: Inbound) -> None:
    event = read_event(read_json(message.payload))
    if event is None:
        raise BadMessage("bad_payload", "An event needs a type and the address of a device.")
    kind, facts = event
    if kind == "device_leave":
        note_left(gateway=gateway, ieee_address=facts.ieee_address, at=message.received_at)
    elif kind in {"device_joined", "device_interview"}:
        note_node(gateway=gateway, facts=facts, at=message.received_at)


def _handle_response(gateway: Gateway, message: Inbound, what: str) -> None:
    document = read_json(message.payload)
    if not isinstance(document, dict):
        raise BadMessage("bad_payload", "An answer is an object.")
    data = document.get("data")
    if document.get("status") != "ok":
        text = clean(document.get("error"), 400) or "?"
        note_failure(gateway=gateway, text=f"{clean(what, 60)}: {text}", at=message.received_at)
    elif isinstance(data, dict):
        _handle_success(gateway, what, data, message.received_at)


def _handle_success(gateway: Gateway, what: str, data: Mapping[str, Any], at: dt.datetime) -> None:
    if what == "permit_join":
        note_joining(gateway=gateway, seconds=_seconds(data), at=at)
    elif what == "device/rename":
        old, new = data.get("from"), data.get("to")
        if all(isinstance(name, str) and is_friendly_name(name) for name in (old, new)):
            note_renamed(gateway=gateway, old=str(old), new=str(new))


def _seconds(data: Mapping[str, Any]) -> int:
    """Older versions answer `{"value": true}`; then `bridge/info` tells how long."""
    asked = data.get("time", LONGEST_JOIN_SECONDS)
    if data.get("value") is False or not isinstance(asked, int | float):
        return 0
    return int(max(0, min(asked, LONGEST_JOIN_SECONDS)))


_OF_BRIDGE: Mapping[str, Callable[[Gateway, Inbound], None]] = {
    "state": _handle_bridge_state,
    "info": _handle_info,
    "devices": _handle_devices,
    "groups": _handle_groups,
    "event": _handle_event,
}
