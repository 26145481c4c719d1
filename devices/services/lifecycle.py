"""The one owner of a device's life cycle."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from devices.lifecycle import may_change
from devices.models import Claim, ClaimState, Device, Lifecycle, OnboardingToken
from devices.models.claim import HOLDING_STATES
from devices.services import identities


class BadTransition(Refusal):
    """A device cannot go from its state to the wanted one."""

    code = "bad_transition"
    message = _("The device cannot change into this state from the one it is in.")


class DeviceGone(Refusal):
    """The tenant has no such device."""

    code = "device_gone"
    message = _("There is no such device.")


def lock_device(device_id: uuid.UUID) -> Device:
    """Return a device of the tenant in scope, locked until the transaction ends.

    Raises: DeviceGone.
    """
    found = (
        Device.objects.select_for_update(of=("self",), no_key=True)
        .select_related("gateway", "profile", "site", "zone")
        .filter(id=device_id)
        .first()
    )
    if found is None:
        raise DeviceGone
    return found


def change_lifecycle(*, device: Device, to: str) -> bool:
    """Move a locked device to another state; tell whether that changed anything.

    Raises: BadTransition.
    """
    if not may_change(device.lifecycle, to):
        raise BadTransition
    if device.lifecycle == to:
        return False
    device.lifecycle = to
    device.save(update_fields=["lifecycle", "updated_at"])
    return True


@transaction.atomic
def set_maintenance(*, device_id: uuid.UUID, is_on: bool, now: dt.datetime) -> Device:
    """Put a device into maintenance, or back to work.

    Raises: DeviceGone, BadTransition.
    """
    device = lock_device(device_id)
    to = Lifecycle.MAINTENANCE if is_on else Lifecycle.ACTIVE
    if change_lifecycle(device=device, to=to):
        record_event(
            action="device.state_changed",
            now=now,
            tenant_id=device.tenant_id,
            obj=device,
            detail={"lifecycle": str(to)},
        )
    return device


@transaction.atomic
def decommission_device(*, device_id: uuid.UUID, now: dt.datetime) -> Device:
    """Take a device out of service for good: no access any more, all history kept.

    A gateway takes what is behind it along.

    Raises: DeviceGone.
    """
    device = lock_device(device_id)
    if device.lifecycle == Lifecycle.DECOMMISSIONED:
        return device
    for retired in (device, *devices_behind(device)):
        retire(device=retired, now=now)
        record_event(
            action="device.decommissioned", now=now, tenant_id=retired.tenant_id, obj=retired
        )
    return device


def devices_behind(device: Device) -> list[Device]:
    """Return the devices, locked, for which a gateway's own device speaks."""
    if device.gateway is None or not device.is_box:
        return []
    behind = Device.objects.select_for_update(of=("self",)).select_related("gateway", "zone")
    others = behind.filter(gateway=device.gateway).exclude(id=device.id)
    return list(others.exclude(lifecycle=Lifecycle.DECOMMISSIONED).order_by("uid", "id"))


def retire(*, device: Device, now: dt.datetime) -> None:
    """Revoke a locked device, end its claims and free its identifier for its next life."""
    identities.take_back(device=device, now=now)
    open_tokens = OnboardingToken.objects.filter(device=device, used_at=None)
    open_tokens.update(expires_at=now)
    claims = Claim.objects.filter(device=device, state__in=HOLDING_STATES)
    claims.update(state=ClaimState.REPLACED, ended_at=now)
    change_lifecycle(device=device, to=Lifecycle.DECOMMISSIONED)
    _free_identifier(device)


def _free_identifier(device: Device) -> None:
    """Rename: names are unique, of gateways even over all tenants."""
    freed = f"{device.uid[:50]}.{device.id.hex[:12]}"
    gateway = device.gateway
    if gateway is not None and device.is_box:
        gateway.uid = freed
        gateway.save(update_fields=["uid", "updated_at"])
    device.uid = freed
    device.save(update_fields=["uid", "updated_at"])
