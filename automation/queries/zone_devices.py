"""Reads which devices of a zone take a command."""

from __future__ import annotations

import uuid

from devices.models import Device, Lifecycle, Zone
from devices.services.command_wire import specs_of


def devices_that_take(zone: Zone, name: str, device_id: uuid.UUID | None = None) -> list[Device]:
    """Return the devices of a zone that take a command, by name; only one if it is named."""
    rows = Device.objects.filter(zone=zone).exclude(lifecycle=Lifecycle.DECOMMISSIONED)
    if device_id is not None:
        rows = rows.filter(id=device_id)
    found = rows.select_related("tenant", "profile", "site", "zone", "gateway")
    return [device for device in found.order_by("name", "id") if name in specs_of(device)]
