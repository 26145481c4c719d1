"""Buses, units and lines for tests."""

from __future__ import annotations

from typing import Any

from devices.models import Device, ModbusBus, ModbusUnit, SerialLine
from tests.factories import DeviceFactory


def make_bus(device: Device, **given: Any) -> ModbusBus:
    """Save a bus at the site of a device; by default Modbus TCP at this machine."""
    values = {"name": "Cabinet 2", "host": "127.0.0.1", "port": 5020, **given}
    return ModbusBus.objects.create(tenant=device.tenant, site=device.site, **values)


def make_unit(device: Device, *, bus: ModbusBus | None = None, **given: Any) -> ModbusUnit:
    """Save a unit for a device, on a bus of its own if none is given."""
    values = {"unit_id": 7, **given}
    bus = bus or make_bus(device)
    return ModbusUnit.objects.create(tenant=device.tenant, device=device, bus=bus, **values)


def make_line(device: Device, **given: Any) -> SerialLine:
    """Save a serial line for a device."""
    values = {"port": "socket://127.0.0.1:4000", **given}
    return SerialLine.objects.create(tenant=device.tenant, device=device, **values)


def make_device(site: Any, **given: Any) -> Device:
    """Save a device without gateway, as those on wires are."""
    return DeviceFactory(tenant=site.tenant, site=site, gateway=None, **given)
