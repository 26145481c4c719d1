"""New hardware takes the place of a broken device, which keeps id, channels and history."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from devices.claim_codes import matches
from devices.models import Claim, Device, Lifecycle, PendingDevice
from devices.models.claim import HOLDING_STATES
from devices.services import identities
from devices.services.claims import (
    BoxTaken,
    attach_device,
    open_claim,
    prove_code,
    supersede,
)
from devices.services.guesses import CodeRefused, guessing
from devices.services.lifecycle import BadTransition, change_lifecycle, lock_device
from devices.services.nodes import NodeUnheard, tell_place


class SameHardware(Refusal):
    """The device runs on this very box."""

    code = "same_hardware"
    message = _("This is the box that the device has already. Claim it again instead.")


def swap_device(
    *,
    device_id: uuid.UUID,
    hardware_id: str,
    code: str,
    claimed_by: User | None,
    guesser: Sequence[str],
    now: dt.datetime,
) -> Claim:
    """Claim new hardware for a device of the tenant in scope; the old one is out at once.

    A node behind a gateway needs no code: its gateway has heard it. The same call again
    returns the same claim.

    Raises: DeviceGone, BadTransition, SameHardware, NodeUnheard, and what `claim_box` raises.
    """
    with guessing(guesser, now=now):
        with transaction.atomic():
            device = lock_device(device_id)
            if device.lifecycle == Lifecycle.DECOMMISSIONED:
                raise BadTransition
            if not device.is_box:
                return _swap_node(device, hardware_id, claimed_by, now)
            pending, refusal = prove_code(hardware_id, code, now)
            if pending is not None and refusal is None:
                return _swap_box(device, pending, code, claimed_by, now)
        raise refusal or CodeRefused  # after the try was counted


def _swap_box(
    device: Device, pending: PendingDevice, code: str, claimed_by: User | None, now: dt.datetime
) -> Claim:
    known = _claim_of(pending)
    is_ours = known is not None and known.is_open and known.device_id == device.id
    if known is not None and is_ours and matches(code, known.code_hash):
        return known
    _release(device, pending, known, now)
    claim = open_claim(pending=pending, tenant_id=device.tenant_id, claimed_by=claimed_by, now=now)
    _note_swap(device, pending, now)
    attach_device(claim=claim, device=device, now=now)
    return claim


def _swap_node(
    device: Device, hardware_id: str, claimed_by: User | None, now: dt.datetime
) -> Claim:
    rows = PendingDevice.objects.select_for_update().filter(hardware_id=hardware_id)
    pending = rows.first()
    if pending is None or device.gateway is None or pending.gateway_uid != device.gateway.uid:
        raise NodeUnheard
    known = _claim_of(pending)
    if known is not None and known.is_open and known.device_id == device.id:
        return known
    _release(device, pending, known, now)
    claim = open_claim(pending=pending, tenant_id=device.tenant_id, claimed_by=claimed_by, now=now)
    claim.device = device
    claim.save()
    _note_swap(device, pending, now)
    change_lifecycle(device=device, to=Lifecycle.CLAIMED)
    tell_place(claim=claim, gateway=device.gateway, device=device, now=now)
    return claim


def _claim_of(pending: PendingDevice) -> Claim | None:
    return Claim.objects.filter(pending=pending, state__in=HOLDING_STATES).first()


def _release(device: Device, pending: PendingDevice, known: Claim | None, now: dt.datetime) -> None:
    """End the claims of the device to its old hardware; the new one must be free."""
    if known is not None:
        raise SameHardware if known.device_id == device.id else BoxTaken
    for claim in Claim.objects.filter(device=device, state__in=HOLDING_STATES):
        supersede(claim=claim, now=now)


def _note_swap(device: Device, pending: PendingDevice, now: dt.datetime) -> None:
    before = {"serial": device.serial_number, "firmware": device.firmware_version}
    identities.take_back(device=device, now=now)
    device.serial_number = pending.serial_number
    device.firmware_version = pending.firmware_version
    device.save(update_fields=["serial_number", "firmware_version", "updated_at"])
    record_event(
        action="device.swapped",
        now=now,
        tenant_id=device.tenant_id,
        obj=device,
        detail={"before": before, "hardware": pending.hardware_id},
    )
