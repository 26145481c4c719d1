"""Messages that carry no readings go to the handlers of devices."""

from __future__ import annotations

import datetime as dt

import msgspec

from accounts.tenancy import tenant_scope
from devices.inbound.message import Inbound
from devices.inbound.routes import handle
from devices.inbound.topics import Kind, MessageRoute
from devices.models import Device, Gateway
from telemetry.ingest.batch import from_microseconds
from telemetry.ingest.envelope import Envelope
from telemetry.ingest.source import Source


def handle_message(
    envelope: Envelope, source: Source, route: MessageRoute, *, now: dt.datetime
) -> Envelope | None:
    """Hand one message over, with the gateway and device that its topic names.

    Returns the readings that it carries besides, if any.

    Raises: BadMessage: it cannot be used.
    """
    gateway, device = _senders(source)
    message = Inbound(
        route=route,
        payload=envelope.payload,
        received_at=from_microseconds(envelope.received_at),
        tenant_id=source.tenant_id,
        gateway=gateway,
        device=device,
        is_retained=envelope.is_retained,
    )
    handle(message, now=now)
    if route.kind is Kind.HEARTBEAT:
        return health_of(envelope)
    if not message.readings:
        return None
    return msgspec.structs.replace(envelope, payload=msgspec.json.encode(message.readings))


HEALTH = ("uptime", "free_heap", "rssi")
_HEALTH_NAMES = {
    **{name: name for name in HEALTH},
    "heap_free": "free_heap",
    "wifi_rssi": "rssi",
    "uptime_s": "uptime",
}
_TIMES = ("ts", "time", "timestamp")


def health_of(envelope: Envelope) -> Envelope | None:
    """Return the readings in a heartbeat: uptime in s, free heap in bytes, rssi in dBm.

    The payload has been read by a handler already, so it is a JSON object.
    """
    said = msgspec.json.decode(envelope.payload)
    numbers = {
        _HEALTH_NAMES[key]: value
        for key, value in said.items()
        if key in _HEALTH_NAMES and isinstance(value, int | float)
    }
    if not numbers:
        return None
    times = {key: said[key] for key in _TIMES if key in said}
    return msgspec.structs.replace(
        envelope, payload=msgspec.json.encode({**times, "values": numbers})
    )


def _senders(source: Source) -> tuple[Gateway | None, Device | None]:
    """Read both afresh: what was cached may have been moved, stopped or deleted."""
    if source.tenant_id is None:
        return None, None
    gateway = device = None
    with tenant_scope(source.tenant_id):
        if source.gateway_id is not None:
            gateway = Gateway.objects.filter(id=source.gateway_id).first()
        if source.device_id is not None:
            devices = Device.objects.select_related("gateway", "profile")
            device = devices.filter(id=source.device_id).first()
    return gateway, device
