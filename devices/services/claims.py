"""A person takes a box into the organisation."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from devices.claim_codes import (
    compact_hardware,
    is_strong,
    matches,
    normalize_hardware,
    spellings,
)
from devices.models import (
    Claim,
    ClaimState,
    Device,
    DeviceProfile,
    Lifecycle,
    PendingDevice,
    Site,
    Zone,
)
from devices.models.claim import HOLDING_STATES, OPEN_STATES
from devices.services import identities
from devices.services.channels import create_profile_channels
from devices.services.claim_delivery import tell_claimed
from devices.services.claim_ends import end_claim
from devices.services.devices import DeviceExists, register_device
from devices.services.gateways import GatewayExists, register_gateway
from devices.services.guesses import CodeRefused, guessing
from devices.services.lifecycle import change_lifecycle, lock_device

LIFETIME = dt.timedelta(minutes=30)


class CodeWeak(Refusal):
    """The code cannot hold 128 random bits."""

    code = "code_weak"
    message = _("This code is too short to be safe. Type all of it, as the box shows it.")


class CodeExpired(Refusal):
    """The code is right, and older than fifteen minutes."""

    code = "code_expired"
    message = _("This code is too old. The box shows a new one every few minutes.")


class CodeLocked(Refusal):
    """Five wrong codes were tried for the box."""

    code = "code_locked"
    message = _("Too many wrong codes for this box. Wait until it shows a new one.")


class BoxTaken(Refusal):
    """Somebody claimed or owns the box."""

    code = "box_taken"
    message = _("This box belongs to somebody already. Its owner must release or transfer it.")


class ClaimOpen(Refusal):
    """The organisation's own claim to the box is under way, with another code."""

    code = "claim_open"
    message = _("A claim of this box is under way. Cancel it to start again.")


class CodeUsed(Refusal):
    """The organisation claimed the box with this code."""

    code = "code_used"
    message = _("This code was used. Let the box show a new one.")


class ClaimGone(Refusal):
    """The organisation has no such claim."""

    code = "claim_gone"
    message = _("There is no such claim.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What a box becomes: where it stands, what it is called, what it is."""

    site: Site
    name: str
    profile: DeviceProfile
    zone: Zone | None = None


def claim_box(
    *,
    hardware_id: str,
    code: str,
    placement: Placement,
    claimed_by: User | None,
    guesser: Sequence[str],
    now: dt.datetime,
) -> Claim:
    """Take a box into the tenant in scope; the same call again returns the same claim.

    One that the organisation registered before, or owned, keeps its device. `guesser` is who
    tries, such as "person:<id>" and "address:<ip>".

    Raises: CodeRefused, CodeWeak, CodeExpired, CodeLocked, TooManyTries, BoxTaken, ClaimOpen,
        CodeUsed, QuotaDevices, ValidationError.
    """
    with guessing(guesser, now=now):
        with transaction.atomic():
            pending, refusal = prove_code(hardware_id, code, now)
            if pending is not None and refusal is None:
                return _claim(pending, code, placement, claimed_by, now)
        raise refusal or CodeRefused  # after the try was counted


def find_box(
    *, hardware_id: str, code: str, guesser: Sequence[str], now: dt.datetime
) -> PendingDevice:
    """Return the box that shows a code, so that a person sees what is about to be claimed.

    Raises: CodeRefused, CodeWeak, CodeExpired, CodeLocked, TooManyTries.
    """
    with guessing(guesser, now=now):
        with transaction.atomic():
            pending, refusal = prove_code(hardware_id, code, now)
        if pending is not None and refusal is None:
            return pending
        raise refusal or CodeRefused


def prove_code(
    hardware_id: str, code: str, now: dt.datetime
) -> tuple[PendingDevice | None, Refusal | None]:
    """Lock a box and judge a code for it; a wrong one costs one of the box's tries.

    Racing callers wait for each other here. Unknown boxes take as long as wrong codes.
    """
    rows = PendingDevice.objects.select_for_update()
    pending = rows.filter(hardware_id=normalize_hardware(hardware_id)).first()
    is_right = matches(code, pending.code_hash if pending else "0" * 64)
    if not any(is_strong(spelling) for spelling in spellings(code)):
        return pending, CodeWeak()
    if pending is None or not pending.code_hash:
        return None, CodeRefused()
    if pending.tries_left == 0:
        return pending, CodeLocked()
    if not is_right:
        pending.tries_left -= 1
        pending.save(update_fields=["tries_left", "updated_at"])
        return pending, CodeRefused()
    is_old = pending.code_expires_at is None or pending.code_expires_at <= now
    if is_old and not Claim.objects.filter(pending=pending, state__in=OPEN_STATES).exists():
        return pending, CodeExpired()
    return pending, None


@transaction.atomic
def cancel_claim(*, claim_id: uuid.UUID, now: dt.datetime) -> None:
    """Give an open claim up; what it made is taken back.

    Raises: ClaimGone.
    """
    claim = Claim.objects.select_for_update(of=("self",)).filter(id=claim_id).first()
    if claim is None or not claim.is_open:
        raise ClaimGone
    end_claim(claim=claim, state=ClaimState.CANCELLED, now=now)


def _claim(
    pending: PendingDevice,
    code: str,
    placement: Placement,
    claimed_by: User | None,
    now: dt.datetime,
) -> Claim:
    held = Claim.objects.filter(pending=pending, state__in=HOLDING_STATES)
    known = held.select_related("device").first()
    if known is not None and known.is_open:
        if matches(code, known.code_hash):
            return known
        raise ClaimOpen
    device = None
    if known is not None:
        if matches(code, known.code_hash):
            raise CodeUsed
        device = known.device
        supersede(claim=known, now=now)
    claim = open_claim(
        pending=pending, tenant_id=placement.site.tenant_id, claimed_by=claimed_by, now=now
    )
    device = device or _waiting_device(pending)
    if device is None:
        device = _register(pending, placement, now)
        claim.made_device = True
    attach_device(claim=claim, device=device, now=now)
    return claim


def open_claim(
    *, pending: PendingDevice, tenant_id: uuid.UUID, claimed_by: User | None, now: dt.datetime
) -> Claim:
    """Save a claim to a locked box; the database lets one tenant hold it.

    Raises: BoxTaken.
    """
    claim = Claim(
        tenant_id=tenant_id,
        pending=pending,
        hardware_id=pending.hardware_id,
        claimed_by=claimed_by,
        code_hash=pending.code_hash,
        csr=pending.csr,
        claimed_at=now,
        expires_at=now + LIFETIME,
    )
    try:
        with transaction.atomic():
            claim.save()
    except IntegrityError as error:
        if "claim_one_holder" not in str(error):
            raise
        raise BoxTaken from error
    return claim


def attach_device(*, claim: Claim, device: Device, now: dt.datetime) -> None:
    """Make the box this device: its account, its certificate, its life cycle."""
    claim.device = device
    locked = lock_device(device.id)
    change_lifecycle(device=locked, to=Lifecycle.CLAIMED)
    claim.certificate_pem = identities.replace_identity(device=locked, csr=claim.csr, now=now)
    claim.save()
    record_event(
        action="claim.started",
        now=now,
        tenant_id=claim.tenant_id,
        obj=locked,
        detail={"hardware": claim.hardware_id, "claim": str(claim.id)},
    )
    tell_claimed(claim=claim, now=now)


def supersede(*, claim: Claim, now: dt.datetime) -> None:
    """End an owned claim because the box, or its successor, is claimed anew."""
    claim.state, claim.ended_at = ClaimState.REPLACED, now
    claim.save(update_fields=["state", "ended_at", "updated_at"])


def _waiting_device(pending: PendingDevice) -> Device | None:
    """Return the device that was registered for this box before it was switched on."""
    uids = {pending.hardware_id, compact_hardware(pending.hardware_id)}
    boxes = Device.objects.filter(Q(gateway=None) | Q(gateway__uid=F("uid")), uid__in=uids)
    return boxes.filter(lifecycle=Lifecycle.REGISTERED, last_seen_at=None).order_by("id").first()


def _register(pending: PendingDevice, placement: Placement, now: dt.datetime) -> Device:
    uid = compact_hardware(pending.hardware_id)
    try:
        if placement.profile.is_gateway:
            device = _register_gateway(uid, placement)
        else:
            device = register_device(
                site=placement.site,
                gateway=None,
                uid=uid,
                name=placement.name,
                profile=placement.profile,
                serial_number=pending.serial_number,
            )
    except (GatewayExists, DeviceExists) as error:
        raise BoxTaken from error
    device.zone = placement.zone
    device.serial_number = pending.serial_number
    device.firmware_version = pending.firmware_version
    device.save()
    record_event(action="device.registered", now=now, tenant_id=device.tenant_id, obj=device)
    return device


def _register_gateway(uid: str, placement: Placement) -> Device:
    gateway = register_gateway(site=placement.site, uid=uid, name=placement.name)
    device = Device.objects.get(gateway=gateway, uid=uid)
    device.profile = placement.profile
    device.save(update_fields=["profile", "updated_at"])
    create_profile_channels(device=device)
    return device
