"""Claims that come to nothing: what they made is taken back."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import transaction

from accounts.services.audit import record_event
from accounts.tenancy import all_tenants, tenant_scope
from devices.models import Claim, ClaimState, Device, Lifecycle, PendingDevice
from devices.models.claim import OPEN_STATES
from devices.services import identities
from devices.services.lifecycle import change_lifecycle, lock_device
from devices.services.removal import delete_device, delete_gateway

_ACTIONS = {ClaimState.EXPIRED: "claim.expired", ClaimState.CANCELLED: "claim.cancelled"}


def end_claim(*, claim: Claim, state: ClaimState, now: dt.datetime) -> None:
    """End a locked, open claim of the tenant in scope; the box's code is worth nothing now.

    Account and certificate go. A device that the claim made goes too, unless it has spoken
    already; one that was there before is registered again, or in maintenance after a swap.
    """
    PendingDevice.objects.filter(id=claim.pending_id, code_hash=claim.code_hash).update(
        code_hash="", tries_left=0
    )
    device = lock_device(claim.device_id) if claim.device_id else None
    claim.state, claim.ended_at = state, now
    claim.save()
    record_event(
        action=_ACTIONS[state],
        now=now,
        tenant_id=claim.tenant_id,
        obj=device,
        label=claim.hardware_id,
        detail={"claim": str(claim.id), "hardware": claim.hardware_id},
    )
    if device is not None:
        _take_back(claim, device, now)


def expire_claims(*, now: dt.datetime, limit: int = 200) -> int:
    """End the open claims whose time is over, each in a transaction; return how many."""
    with all_tenants():  # of every tenant
        due = list(
            Claim.objects.filter(state__in=OPEN_STATES, expires_at__lte=now)
            .order_by("expires_at")
            .values_list("tenant_id", "id")[:limit]
        )
    return sum(_expire(tenant_id, claim_id, now) for tenant_id, claim_id in due)


def _expire(tenant_id: uuid.UUID, claim_id: uuid.UUID, now: dt.datetime) -> int:
    with tenant_scope(tenant_id), transaction.atomic():
        rows = Claim.objects.select_for_update(of=("self",), skip_locked=True)
        claim = rows.filter(id=claim_id, state__in=OPEN_STATES, expires_at__lte=now).first()
        if claim is None:
            return 0
        end_claim(claim=claim, state=ClaimState.EXPIRED, now=now)
        return 1


def _take_back(claim: Claim, device: Device, now: dt.datetime) -> None:
    if claim.made_device and device.last_seen_at is None:
        claim.device = None
        claim.save(update_fields=["device", "updated_at"])
        if device.is_box and device.gateway is not None:
            # its name is free again for whoever claims the box next
            delete_gateway(gateway=device.gateway, now=now)
        else:
            delete_device(device=device, now=now)
        return
    identities.take_back(device=device, now=now, note=f"claim {claim.state}")
    unheard = device.last_seen_at is None
    change_lifecycle(device=device, to=Lifecycle.REGISTERED if unheard else Lifecycle.MAINTENANCE)
