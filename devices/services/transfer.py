"""A device goes to another organisation: one offers, the other accepts.

What was measured stays with the giver, whose bills and reports rest on it, and whose habits
it shows. The receiver begins with a new device, new channels and a new identity.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.actor import Actor, acting_as
from accounts.models import User
from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from accounts.tenancy import all_tenants, tenant_scope
from devices.claim_codes import hash_code, make_code, matches
from devices.models import Device, DeviceTransfer, Gateway, Lifecycle, Site, TransferState
from devices.services.channels import create_profile_channels
from devices.services.devices import register_device
from devices.services.gateways import register_gateway
from devices.services.guesses import CodeRefused, guessing
from devices.services.lifecycle import BadTransition, devices_behind, lock_device, retire
from devices.services.onboarding import NotABox

LIFETIME = dt.timedelta(days=7)
TRIES = 5


class TransferRefused(CodeRefused):
    """Wrong, used, withdrawn or too old; never said which."""

    code = "transfer_refused"
    message = _("There is no such offer, or it has ended. Ask for a new code.")


class SameOrganisation(Refusal):
    """Giver and receiver are one."""

    code = "same_organisation"
    message = _("This device is yours. Another organisation must accept it.")


class AlreadyOffered(Refusal):
    """There is an offer of the device."""

    code = "already_offered"
    message = _("This device is offered already. Withdraw that offer first.")


class TransferGone(Refusal):
    """The tenant has no such offer that is open."""

    code = "transfer_gone"
    message = _("There is no such offer.")


@dataclass(frozen=True, slots=True)
class NewOffer:
    """An offer just made; `code` is never to be had again."""

    transfer: DeviceTransfer
    code: str

    def __repr__(self) -> str:
        return f"NewOffer({self.transfer!r})"


@transaction.atomic
def offer_transfer(*, device_id: uuid.UUID, offered_by: User | None, now: dt.datetime) -> NewOffer:
    """Offer a box, with what is behind it, to whoever is given the code; for seven days.

    Raises: DeviceGone, NotABox, BadTransition, AlreadyOffered.
    """
    device = lock_device(device_id)
    if not device.is_box:
        raise NotABox
    if device.lifecycle == Lifecycle.DECOMMISSIONED:
        raise BadTransition
    offered = DeviceTransfer.objects.filter(device=device, state=TransferState.OFFERED)
    offered.filter(expires_at__lte=now).update(state=TransferState.EXPIRED, ended_at=now)
    if offered.exists():
        raise AlreadyOffered
    secret = make_code()
    transfer = DeviceTransfer.objects.create(
        tenant_id=device.tenant_id,
        device=device,
        offered_by=offered_by,
        code_hash=hash_code(secret),
        tries_left=TRIES,
        expires_at=now + LIFETIME,
    )
    _record("device.transfer_offered", device, transfer, now)
    return NewOffer(transfer, f"{transfer.id.hex}.{secret}")


@transaction.atomic
def withdraw_transfer(*, transfer_id: uuid.UUID, now: dt.datetime) -> None:
    """Take an offer back.

    Raises: TransferGone.
    """
    rows = DeviceTransfer.objects.select_for_update(of=("self",)).select_related("device")
    transfer = rows.filter(id=transfer_id, state=TransferState.OFFERED).first()
    if transfer is None:
        raise TransferGone
    transfer.state, transfer.ended_at = TransferState.WITHDRAWN, now
    transfer.save()
    _record("device.transfer_withdrawn", transfer.device, transfer, now)


def accept_transfer(
    *, code: str, site: Site, name: str, guesser: Sequence[str], now: dt.datetime
) -> Device:
    """Take an offered box into the tenant in scope, at one of its sites; return its new device.

    The giver's access ends at once. The box gets its new identity as any other: by the code
    that it shows, or by an onboarding token.

    Raises: TransferRefused, TooManyTries, SameOrganisation, QuotaDevices.
    """
    key, _dot, secret = code.strip().partition(".")
    with guessing(guesser, now=now):
        with transaction.atomic():
            transfer = _lock(key)
            if transfer is not None and _is_good(transfer, secret, now):
                if transfer.tenant_id == site.tenant_id:
                    raise SameOrganisation
                return _move(transfer, site, name, now)
        raise TransferRefused  # after the try was counted


def expire_transfers(*, now: dt.datetime) -> int:
    """End the offers whose time is over; return how many."""
    with all_tenants():  # of every tenant
        due = DeviceTransfer.objects.filter(state=TransferState.OFFERED, expires_at__lte=now)
        return due.update(state=TransferState.EXPIRED, ended_at=now)


def _lock(key: str) -> DeviceTransfer | None:
    try:
        transfer_id = uuid.UUID(hex=key[:36])
    except ValueError:
        return None
    with all_tenants():  # the code is the giver's consent
        rows = DeviceTransfer.objects.select_for_update(of=("self",))
        return rows.filter(id=transfer_id).first()


def _is_good(transfer: DeviceTransfer, secret: str, now: dt.datetime) -> bool:
    is_usable = (
        transfer.state == TransferState.OFFERED
        and transfer.expires_at > now
        and transfer.tries_left > 0
    )
    is_right = matches(secret, transfer.code_hash if is_usable else "0" * 64)
    if is_usable and not is_right:
        transfer.tries_left -= 1
        with tenant_scope(transfer.tenant_id):
            transfer.save(update_fields=["tries_left", "updated_at"])
    return is_right


def _move(transfer: DeviceTransfer, site: Site, name: str, now: dt.datetime) -> Device:
    # the receiver's people are none of the giver's business
    with tenant_scope(transfer.tenant_id), acting_as(Actor("system", label="receiver")):
        old = lock_device(transfer.device_id)
        behind = devices_behind(old)
        uids = {device.id: device.uid for device in (old, *behind)}
        for device in (old, *behind):
            retire(device=device, now=now)
        transfer.state, transfer.ended_at = TransferState.ACCEPTED, now
        transfer.save()
        _record("device.transferred", old, transfer, now)
    with tenant_scope(site.tenant_id):
        new = _register(old, uids[old.id], site, name)
        for device in behind:
            _register_behind(device, uids[device.id], new.gateway, site)
        detail = {"transfer": str(transfer.id), "behind": len(behind)}
        record_event(
            action="device.received", now=now, tenant_id=site.tenant_id, obj=new, detail=detail
        )
    return new


def _register(old: Device, uid: str, site: Site, name: str) -> Device:
    if old.gateway is None:
        return register_device(
            site=site, gateway=None, uid=uid, name=name, profile=old.profile,
            serial_number=old.serial_number,
        )  # fmt: skip
    gateway = register_gateway(site=site, uid=uid, name=name)
    new = Device.objects.select_related("gateway").get(gateway=gateway, uid=uid)
    new.profile, new.serial_number = old.profile, old.serial_number
    new.save(update_fields=["profile", "serial_number", "updated_at"])
    create_profile_channels(device=new)
    return new


def _register_behind(old: Device, uid: str, gateway: Gateway | None, site: Site) -> None:
    register_device(
        site=site, gateway=gateway, uid=uid, name=old.name, profile=old.profile,
        serial_number=old.serial_number,
    )  # fmt: skip


def _record(action: str, device: Device, transfer: DeviceTransfer, now: dt.datetime) -> None:
    record_event(
        action=action,
        now=now,
        tenant_id=device.tenant_id,
        obj=device,
        detail={"transfer": str(transfer.id)},
    )
