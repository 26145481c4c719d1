"""Meters of the demo that are read over Modbus, and the serial line of its charging station."""

from __future__ import annotations

from typing import Any

from accounts.models import Tenant
from accounts.tenancy import tenant_scope
from devices.models import Device, ModbusBus, ModbusUnit, SerialLine, Site
from devices.services.devices import register_device
from devices.services.profiles import ensure_profile

TENANT, SITE = "anatolia-energy", "Izmir plant"
CHARGER, CHARGER_METER = "parking-1", "parking-1-meter"

# (bus, unit, identifier, name, profile, power every s, energy every s)
UNITS = (
    ("workshop", 1, "press", "Press, Modbus", "eastron-sdm630", 2, 10),
    ("workshop", 2, "oven", "Oven, Modbus", "eastron-sdm630", 2, 10),
    ("paint", 1, "paint-shop", "Paint shop, Modbus", "janitza-umg", 2, 10),
    ("parking", 1, CHARGER_METER, "Parking 1, meter", "eastron-sdm630", 1, 2),
)
BUSES = {
    "workshop": ("Workshop cabinet", ModbusBus.Kind.RTU_OVER_TCP),
    "paint": ("Paint shop", ModbusBus.Kind.TCP),
    "parking": ("Parking", ModbusBus.Kind.TCP),
}


def seed_lines(addresses: dict[str, Any]) -> None:
    """Make what is missing, and lead each bus and line to where its simulator listens now.

    Args: addresses: {bus: [host, port], "evse": path of a serial port}.
    """
    tenant = Tenant.objects.get(slug=TENANT)
    with tenant_scope(tenant.id):
        site = Site.objects.get(name=SITE)
        buses = {key: _bus(site, key, *addresses[key]) for key in BUSES}
        for bus, unit, uid, name, profile, fast, slow in UNITS:
            device = _device(site, uid, name, profile)
            ModbusUnit.objects.get_or_create(
                device=device,
                defaults={
                    "bus": buses[bus],
                    "unit_id": unit,
                    "fast_seconds": fast,
                    "slow_seconds": slow,
                },
            )
        charger = _device(site, CHARGER, "Parking 1", "esp32-charger")
        SerialLine.objects.update_or_create(device=charger, defaults={"port": addresses["evse"]})


def _bus(site: Site, key: str, host: str, port: int) -> ModbusBus:
    name, kind = BUSES[key]
    where = {"host": host, "port": port}
    bus, is_new = ModbusBus.objects.get_or_create(
        name=name, defaults={"site": site, "kind": kind, **where}
    )
    if not is_new and (bus.host, bus.port) != (host, port):
        bus.host, bus.port = host, port
        bus.save()
    return bus


def _device(site: Site, uid: str, name: str, profile: str) -> Device:
    found = Device.objects.filter(site=site, gateway=None, uid=uid).first()
    return found or register_device(
        site=site, gateway=None, uid=uid, name=name, profile=ensure_profile(key=profile)
    )
