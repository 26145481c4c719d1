"""Devices."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.db.models import F

from accounts.models import Tenant
from accounts.services.refusals import QuotaDevices
from devices.models import Device, DeviceProfile, Gateway, Site
from devices.services.channels import create_profile_channels
from devices.tags import clean_tags


class DeviceExists(Exception):
    """The gateway, or the tenant for direct devices, has a device of this identifier."""


class GatewayElsewhere(ValueError):
    """The gateway stands at another site than the device."""


@transaction.atomic
def register_device(
    *,
    site: Site,
    gateway: Gateway | None,
    uid: str,
    name: str,
    profile: DeviceProfile,
    serial_number: str = "",
    tags: Sequence[str] = (),
) -> Device:
    """Save a device with the channels of its profile; without gateway it connects itself.

    Raises:
        DeviceExists: the identifier is taken.
        QuotaDevices: the tenant's plan allows no more; a gateway's own readings do not count.
        GatewayElsewhere: the gateway stands at another site.
        ValidationError: the identifier cannot stand in topics, or the site or gateway
            belongs to another tenant.
    """
    if gateway is not None and gateway.site_id != site.id:
        raise GatewayElsewhere(f"Gateway {gateway.uid} is not at {site.name}: choose its site.")
    if gateway is None or uid != gateway.uid:
        check_device_quota(tenant_id=site.tenant_id)
    device = Device(
        tenant_id=site.tenant_id,
        site=site,
        gateway=gateway,
        profile=profile,
        uid=uid,
        name=name,
        serial_number=serial_number,
        tags=clean_tags(tags),
    )
    device.check_tenant()
    device.clean_fields()
    try:
        with transaction.atomic():
            device.save()
    except IntegrityError as error:
        if "uid" not in str(error):
            raise
        raise DeviceExists(f"There is a device {uid!r} already; choose another name.") from error
    create_profile_channels(device=device)
    return device


def check_device_quota(*, tenant_id: uuid.UUID) -> None:
    """Refuse another device when the plan is used up.

    In a transaction, registrations of one tenant with a plan wait for each other here.

    Raises: QuotaDevices.
    """
    room = room_for_devices(tenant_id=tenant_id)
    if room is not None and room <= 0:
        raise QuotaDevices


def room_for_devices(*, tenant_id: uuid.UUID) -> int | None:
    """Return how many more devices the plan allows; None without a plan. Locks the tenant."""
    tenants = Tenant.objects.select_related("plan").filter(id=tenant_id, plan__isnull=False)
    tenant = tenants.select_for_update(of=("self",), no_key=True).first()
    if tenant is None or tenant.plan is None:
        return None
    counted = Device.objects.filter(tenant_id=tenant_id).exclude(gateway__uid=F("uid"))
    return tenant.plan.max_devices - counted.count()
