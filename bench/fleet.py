"""The devices whose readings are published."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from accounts.models import Membership, SystemRole, Tenant, User
from accounts.tenancy import tenant_scope
from bench.packets import METRICS
from devices.canonical import lookup
from devices.models import Channel, Device, DeviceProfile, Gateway, Site

TENANTS = 2
DEVICES_PER_GATEWAY = 10


class DatabaseInUse(RuntimeError):
    """The database belongs to somebody; the bench fills only an empty one."""


@dataclass(frozen=True, slots=True)
class FleetDevice:
    """A device and the topic its gateway publishes its readings on."""

    id: uuid.UUID
    tenant_id: uuid.UUID
    topic: str


@dataclass(frozen=True, slots=True)
class Fleet:
    """All devices with the same metrics, and somebody who may watch the first tenant."""

    devices: Sequence[FleetDevice]
    metrics: Sequence[str]
    viewer_email: str
    viewer_password: str

    @property
    def topics(self) -> list[str]:
        """The topic of each device."""
        return [device.topic for device in self.devices]


def seed_fleet(*, devices: int, points: int) -> Fleet:
    """Register `devices` devices of `points` channels, ten behind each gateway.

    Raises: DatabaseInUse.
    """
    if Tenant.objects.exists():
        raise DatabaseInUse("The bench writes millions of rows; give it an empty database.")
    metrics = list(METRICS)[:points]
    profile = DeviceProfile.objects.create(key="bench-meter", name="Bench meter")
    password = secrets.token_urlsafe(16)
    viewer = User.objects.create_user("viewer@bench.example", password)
    found: list[FleetDevice] = []
    for number in range(TENANTS):
        tenant = Tenant.objects.create(name=f"Bench {number}", slug=f"bench-{number}")
        if number == 0:
            Membership.objects.create(user=viewer, tenant=tenant, role=SystemRole.VIEWER)
        count = devices // TENANTS + (number < devices % TENANTS)
        with tenant_scope(tenant.id):
            found += _seed_tenant(tenant, profile, count, metrics)
    return Fleet(found, metrics, viewer.email, password)


def _seed_tenant(
    tenant: Tenant, profile: DeviceProfile, count: int, metrics: Sequence[str]
) -> list[FleetDevice]:
    site = Site.objects.create(tenant=tenant, name="Bench site", timezone="Europe/Istanbul")
    gateways = [
        Gateway(tenant=tenant, site=site, uid=f"{tenant.slug}-gw-{number:04}", name=f"{number}")
        for number in range(-(-count // DEVICES_PER_GATEWAY))
    ]
    Gateway.objects.bulk_create(gateways)
    devices = [
        Device(
            tenant=tenant,
            site=site,
            gateway=gateways[number // DEVICES_PER_GATEWAY],
            profile=profile,
            uid=f"meter-{number % DEVICES_PER_GATEWAY:02}",
            name=f"Meter {number}",
        )
        for number in range(count)
    ]
    Device.objects.bulk_create(devices)
    templates = [template for metric in metrics if (template := lookup(metric)) is not None]
    Channel.objects.bulk_create(
        [
            Channel(tenant=tenant, device=device, **asdict(template))
            for device in devices
            for template in templates
        ],
        batch_size=2_000,
    )
    return [FleetDevice(device.id, tenant.id, _topic(tenant, device)) for device in devices]


def _topic(tenant: Tenant, device: Device) -> str:
    gateway = device.gateway
    assert gateway is not None
    return f"tenant/{tenant.id}/gw/{gateway.uid}/data/device/{device.uid}"
