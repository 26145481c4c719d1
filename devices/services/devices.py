"""Devices."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from devices.models import Device, DeviceProfile, Gateway, Site
from devices.services.channels import create_profile_channels


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
) -> Device:
    """Save a device with the channels of its profile; without gateway it connects itself.

    Raises:
        DeviceExists: the identifier is taken.
        GatewayElsewhere: the gateway stands at another site.
        ValidationError: the identifier cannot stand in topics, or the site or gateway
            belongs to another tenant.
    """
    if gateway is not None and gateway.site_id != site.id:
        raise GatewayElsewhere(f"Gateway {gateway.uid} is not at {site.name}: choose its site.")
    device = Device(
        tenant_id=site.tenant_id,
        site=site,
        gateway=gateway,
        profile=profile,
        uid=uid,
        name=name,
        serial_number=serial_number,
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
