"""People change and delete sites, zones, gateways and devices.

A caller may name the version that it has read (`seen`); a row that has changed since stays as
it is. Versions are `version_of` a row.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, models, transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext_lazy as _

from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from devices.models import Device, EmergencyStop, Gateway, Site, Zone
from devices.queries_commands import is_stopped
from devices.services.command_facts import stops_over
from devices.services.lifecycle import lock_device
from devices.services.removal import delete_device, delete_gateway
from devices.tags import clean_tags


class RowGone(Refusal):
    """The tenant has no such object."""

    code = "gone"
    message = _("There is no such object.")


class VersionMoved(Refusal):
    """Somebody else changed the object since it was read."""

    code = "version_moved"
    message = _("Somebody has changed this meanwhile. Read it again.")


class NameTaken(Refusal):
    """A name or an identifier that must be unique."""

    code = "name_taken"
    message = _("This name is taken; choose another one.")


class InUse(Refusal):
    """Something still stands there."""

    code = "in_use"
    message = _("There are devices, gateways or meters here. Move or delete them first.")


class StillNeeded(Refusal):
    """Something of a layer above cannot be without the device, such as a charge point."""

    code = "in_use"
    message = _("A charge point or its sessions need this device. Delete the charge point first.")


class ZoneElsewhere(Refusal):
    """The zone is at another site than the device."""

    code = "zone_elsewhere"
    message = _("Choose a zone of the device's own site.")


class UnderStop(Refusal):
    """The change would lift an emergency stop that nobody has released."""

    code = "emergency_stop"
    message = _("An emergency stop holds here. Release it first.")


def version_of(row: Any) -> str:
    """Return what changes with every change of a row by people."""
    return str(int(row.updated_at.timestamp() * 1_000_000))


@transaction.atomic
def change_site(
    *, site_id: uuid.UUID, changes: Mapping[str, Any], now: dt.datetime, seen: str = ""
) -> Site:
    """Change name, time zone, currency, address or coordinates.

    Raises: RowGone, VersionMoved, NameTaken, ValidationError.
    """
    site: Site = _lock(Site, site_id, seen)
    _apply(site, changes, action="site.changed", now=now)
    return site


@transaction.atomic
def change_zone(
    *, zone_id: uuid.UUID, changes: Mapping[str, Any], now: dt.datetime, seen: str = ""
) -> Zone:
    """Change name or identifier; a zone stays at its site.

    Raises: RowGone, VersionMoved, NameTaken, ValidationError.
    """
    zone: Zone = _lock(Zone, zone_id, seen)
    _apply(zone, changes, action="zone.changed", now=now)
    return zone


@transaction.atomic
def change_gateway(
    *, gateway_id: uuid.UUID, changes: Mapping[str, Any], now: dt.datetime, seen: str = ""
) -> Gateway:
    """Rename a gateway; identifier and site stay, because account and topics hang on them.

    Raises: RowGone, VersionMoved, ValidationError.
    """
    gateway: Gateway = _lock(Gateway, gateway_id, seen)
    _apply(gateway, changes, action="gateway.changed", now=now)
    return gateway


@transaction.atomic
def change_device(
    *, device_id: uuid.UUID, changes: Mapping[str, Any], now: dt.datetime, seen: str = ""
) -> Device:
    """Rename a device, set its serial number or tags, or move it to a zone of its site.

    Args: changes: of name, serial_number, tags and zone (a `Zone` or None).
    Raises: DeviceGone, VersionMoved, ZoneElsewhere, UnderStop, ValidationError.
    """
    device = lock_device(device_id)
    _check_version(device, seen)
    if "zone" in changes and changes["zone"] != device.zone:
        _check_move(device, changes["zone"])
    if "tags" in changes:
        changes = {**changes, "tags": clean_tags(changes["tags"])}
    _apply(device, changes, action="device.changed", now=now)
    return device


@transaction.atomic
def delete_site(*, site_id: uuid.UUID, now: dt.datetime, seen: str = "") -> None:
    """Delete an empty site with its zones.

    Raises: RowGone, VersionMoved, InUse, UnderStop.
    """
    site: Site = _lock(Site, site_id, seen)
    if Device.objects.filter(site=site).exists() or Gateway.objects.filter(site=site).exists():
        raise InUse
    _check_no_stop(EmergencyStop.Scope.SITE, site.id)
    record_event(action="site.deleted", now=now, tenant_id=site.tenant_id, obj=site)
    try:
        site.delete()
    except ProtectedError as error:  # something of a layer above hangs on it, such as a meter
        raise InUse from error


@transaction.atomic
def delete_zone(*, zone_id: uuid.UUID, now: dt.datetime, seen: str = "") -> None:
    """Delete a zone; its devices stay at the site.

    Raises: RowGone, VersionMoved, UnderStop.
    """
    zone: Zone = _lock(Zone, zone_id, seen)
    _check_no_stop(EmergencyStop.Scope.ZONE, zone.id)
    record_event(action="zone.deleted", now=now, tenant_id=zone.tenant_id, obj=zone)
    zone.delete()


@transaction.atomic
def remove_gateway(*, gateway_id: uuid.UUID, now: dt.datetime, seen: str = "") -> None:
    """Delete a gateway with the devices behind it and all they measured.

    Raises: RowGone, VersionMoved, StillNeeded.
    """
    gateway: Gateway = _lock(Gateway, gateway_id, seen)
    try:
        delete_gateway(gateway=gateway, now=now)
    except ProtectedError as error:
        raise StillNeeded from error


@transaction.atomic
def remove_device(*, device_id: uuid.UUID, now: dt.datetime, seen: str = "") -> None:
    """Delete a device with all it measured; a gateway's own goes with the gateway only.

    Raises: DeviceGone, VersionMoved, InUse, StillNeeded.
    """
    device = lock_device(device_id)
    _check_version(device, seen)
    if device.gateway is not None and device.is_box:
        raise InUse
    try:
        delete_device(device=device, now=now)
    except ProtectedError as error:
        raise StillNeeded from error


def _lock(model: type[models.Model], row_id: uuid.UUID, seen: str) -> Any:
    rows = model._default_manager.select_for_update(no_key=True)
    row = rows.filter(pk=row_id).first()
    if row is None:
        raise RowGone
    _check_version(row, seen)
    return row


def _check_version(row: Any, seen: str) -> None:
    if seen and seen != version_of(row):
        raise VersionMoved


def _check_move(device: Device, zone: Zone | None) -> None:
    if zone is not None and zone.site_id != device.site_id:
        raise ZoneElsewhere
    stops = stops_over([device]).get(device.id, [])
    if any(stop.scope == EmergencyStop.Scope.ZONE for stop in stops):
        raise UnderStop


def _check_no_stop(scope: str, target_id: uuid.UUID) -> None:
    if is_stopped(scope, target_id):
        raise UnderStop


def _apply(row: Any, changes: Mapping[str, Any], *, action: str, now: dt.datetime) -> None:
    changed = [name for name, value in changes.items() if getattr(row, name) != value]
    if not changed:
        return
    for name in changed:
        setattr(row, name, changes[name])
    row.clean_fields()
    try:
        with transaction.atomic():
            row.save(update_fields=[*changed, "updated_at"])
    except IntegrityError as error:
        if "unique" not in str(error):
            raise
        raise NameTaken from error
    record_event(
        action=action, now=now, tenant_id=row.tenant_id, obj=row, detail={"fields": changed}
    )
