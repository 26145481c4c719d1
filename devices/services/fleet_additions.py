"""People add sites, zones, gateways and devices; what is refused is said in one way."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import Tenant
from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from devices.models import Device, DeviceProfile, Gateway, Site, Zone
from devices.services.devices import DeviceExists, GatewayElsewhere, register_device
from devices.services.fleet_edits import NameTaken, ZoneElsewhere
from devices.services.gateways import (
    NOT_AVAILABLE,
    GatewayExists,
    ReservedIdentifier,
    UnusableIdentifier,
    register_gateway,
)
from devices.services.sites import SiteExists, register_site


class UnusableUid(Refusal):
    """An identifier that could not stand in topics or on the broker."""

    code = "unusable_identifier"
    message = _("This identifier cannot be used; take the serial number.")


class UidTaken(Refusal):
    """Somebody has registered the identifier, or it is the product's own."""

    code = "uid_taken"
    message = NOT_AVAILABLE


class GatewayOfOtherSite(Refusal):
    """The gateway stands elsewhere."""

    code = "gateway_elsewhere"
    message = _("This gateway stands at another site.")


@transaction.atomic
def add_site(*, tenant_id: uuid.UUID, fields: Mapping[str, Any], now: dt.datetime) -> Site:
    """Save a site.

    Raises: NameTaken, ValidationError.
    """
    try:
        site = register_site(tenant=Tenant.objects.get(id=tenant_id), **fields)
    except SiteExists as error:
        raise NameTaken from error
    record_event(action="site.created", now=now, tenant_id=tenant_id, obj=site)
    return site


@transaction.atomic
def add_zone(*, site: Site, fields: Mapping[str, Any], now: dt.datetime) -> Zone:
    """Save a part of a site.

    Raises: NameTaken, ValidationError.
    """
    zone = Zone(tenant_id=site.tenant_id, site=site, **fields)
    zone.clean_fields()
    try:
        with transaction.atomic():
            zone.save()
    except IntegrityError as error:
        raise NameTaken from error
    record_event(action="zone.created", now=now, tenant_id=zone.tenant_id, obj=zone)
    return zone


@transaction.atomic
def add_gateway(*, site: Site, uid: str, name: str, now: dt.datetime) -> Gateway:
    """Register a gateway with the device of its own readings.

    Raises: UidTaken, UnusableUid, TooManyNames, ValidationError.
    """
    try:
        gateway = register_gateway(site=site, uid=uid, name=name)
    except (GatewayExists, ReservedIdentifier) as error:
        raise UidTaken from error
    except UnusableIdentifier as error:
        raise UnusableUid from error
    record_event(action="gateway.registered", now=now, tenant_id=gateway.tenant_id, obj=gateway)
    return gateway


@transaction.atomic
def add_device(
    *,
    site: Site,
    gateway: Gateway | None,
    zone: Zone | None,
    profile: DeviceProfile,
    fields: Mapping[str, Any],
    now: dt.datetime,
) -> Device:
    """Register a device with the channels of its profile.

    Args: fields: uid, name and perhaps serial_number.
    Raises: UidTaken, GatewayOfOtherSite, ZoneElsewhere, QuotaDevices, ValidationError.
    """
    if zone is not None and zone.site_id != site.id:
        raise ZoneElsewhere
    try:
        device = register_device(site=site, gateway=gateway, profile=profile, **fields)
    except DeviceExists as error:
        raise UidTaken from error
    except GatewayElsewhere as error:
        raise GatewayOfOtherSite from error
    if zone is not None:
        device.zone = zone
        device.save(update_fields=["zone", "updated_at"])
    record_event(action="device.registered", now=now, tenant_id=device.tenant_id, obj=device)
    return device
