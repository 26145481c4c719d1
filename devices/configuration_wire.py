"""How a configuration is told to a device, in the words of its dialect."""

from __future__ import annotations

import datetime as dt
import json

from devices.models import Device, DeviceConfiguration, Dialect
from devices.topic_segments import is_safe_segment

NO_ZONE = "main"


def configuration_topic(device: Device) -> str:
    """Return the topic on which a device waits for its configuration.

    Raises: ValueError: one of its names cannot stand in a topic.
    """
    gateway = device.gateway
    if gateway is None:
        return f"devices/{device.id}/down/config"
    zone = device.zone.uid if device.zone and device.zone.uid else NO_ZONE
    for segment in (gateway.uid, device.uid, zone):
        if not is_safe_segment(segment):
            raise ValueError(f"{segment!r} may not stand in a topic.")
    if device.profile.dialect == Dialect.KAISER and not device.is_box:
        return f"kaiser/{gateway.uid}/esp/{device.uid}/config"
    if device.profile.dialect == Dialect.HYDRO and not device.is_box:
        return f"hydro/{gateway.uid}/{zone}/{device.uid}/config"
    base = f"tenant/{gateway.tenant_id}/gw/{gateway.uid}/down/config"
    return base if device.is_box else f"{base}/{device.uid}"


def configuration_payload(revision: DeviceConfiguration, *, now: dt.datetime) -> bytes:
    """Return `{"revision": 7, "config": {…}, "ts": ms, "live_until": ms or null}`."""
    live_until = revision.live_until
    return json.dumps(
        {
            "revision": revision.revision,
            "config": revision.body,
            "ts": _milliseconds(now),
            "live_until": _milliseconds(live_until) if live_until else None,
        },
        separators=(",", ":"),
    ).encode()


def _milliseconds(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1000)
