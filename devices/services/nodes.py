"""Nodes behind a gateway: heard, bound by a person, believed once they answer from their place."""

from __future__ import annotations

import datetime as dt
import json
import uuid

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from devices.claim_codes import compact_hardware, normalize_hardware
from devices.configuration_wire import NO_ZONE
from devices.models import (
    Claim,
    ClaimState,
    Device,
    DeviceProfile,
    Gateway,
    Lifecycle,
    PendingDevice,
    ProvisioningPolicy,
    Zone,
)
from devices.models.claim import HOLDING_STATES, OPEN_STATES
from devices.services.claim_delivery import complete_claim
from devices.services.claims import BoxTaken, open_claim
from devices.services.devices import DeviceExists, register_device
from devices.services.lifecycle import change_lifecycle, lock_device
from devices.services.outbox import queue_message

TEMPORARY_ZONE = "zn-temp"


class NodeUnheard(Refusal):
    """None of the organisation's gateways has heard the node."""

    code = "node_unheard"
    message = _("None of your gateways has heard this node. Switch it on near its gateway.")


class ZoneElsewhere(Refusal):
    """The zone is at another site than the gateway, or has no name in topics."""

    code = "zone_elsewhere"
    message = _("Choose a zone of the gateway's site that has an identifier.")


@transaction.atomic
def bind_node(
    *,
    hardware_id: str,
    zone: Zone | None,
    name: str,
    profile: DeviceProfile,
    claimed_by: User | None,
    now: dt.datetime,
) -> Claim:
    """Register a node behind the gateway that heard it and tell it where it belongs.

    The claim is closed by the node's own report from that place (`note_bound`), within
    thirty minutes. The same call again returns the same claim.

    Raises: NodeUnheard, ZoneElsewhere, BoxTaken, QuotaDevices.
    """
    hardware_id = normalize_hardware(hardware_id)
    pending = PendingDevice.objects.select_for_update().filter(hardware_id=hardware_id).first()
    gateway = Gateway.objects.filter(uid=pending.gateway_uid).first() if pending else None
    if pending is None or gateway is None:
        raise NodeUnheard
    if zone is not None and (zone.site_id != gateway.site_id or not zone.uid):
        raise ZoneElsewhere
    known = Claim.objects.filter(pending=pending, state__in=HOLDING_STATES).first()
    if known is not None and known.is_open:
        return known
    if known is not None:
        raise BoxTaken
    claim = open_claim(pending=pending, tenant_id=gateway.tenant_id, claimed_by=claimed_by, now=now)
    device = _register(pending, gateway, zone, name, profile)
    change_lifecycle(device=lock_device(device.id), to=Lifecycle.CLAIMED)
    claim.device, claim.made_device = device, True
    claim.save()
    for action in ("device.registered", "claim.started"):
        detail = {"hardware": hardware_id, "claim": str(claim.id)}
        record_event(action=action, now=now, tenant_id=claim.tenant_id, obj=device, detail=detail)
    tell_place(claim=claim, gateway=gateway, device=device, now=now)
    return claim


def hear_node(*, gateway: Gateway, hardware_id: str, now: dt.datetime) -> bool:
    """Tell a bound node that says hello again where it belongs; tell whether there was a claim."""
    rows = Claim.objects.select_related("device__zone", "pending").filter(
        hardware_id=normalize_hardware(hardware_id), state__in=OPEN_STATES
    )
    claim = rows.filter(device__gateway=gateway).first()
    if claim is None or claim.device is None:
        return False
    tell_place(claim=claim, gateway=gateway, device=claim.device, now=now)
    return True


def note_bound(*, device: Device, zone_uid: str, now: dt.datetime) -> bool:
    """Close a node's claim when it reports from the place it was given, and only then."""
    rows = Claim.objects.select_for_update(of=("self",))
    claim = rows.filter(device=device, state=ClaimState.CLAIMED).first()
    if claim is None or device.is_box or zone_uid != _zone_uid(device):
        return False
    complete_claim(claim=claim, now=now)
    return True


@transaction.atomic
def set_listing(*, is_on: bool, now: dt.datetime, tenant_id: uuid.UUID) -> None:
    """Let new nodes behind the tenant's gateways be listed by themselves, or not."""
    policy, _made = ProvisioningPolicy.objects.select_for_update().get_or_create(
        tenant_id=tenant_id
    )
    if policy.lists_nodes == is_on:
        return
    policy.lists_nodes = is_on
    policy.save(update_fields=["lists_nodes", "updated_at"])
    record_event(
        action="provisioning.changed",
        now=now,
        tenant_id=policy.tenant_id,
        obj=policy,
        detail={"lists_nodes": is_on},
    )


def _register(
    pending: PendingDevice, gateway: Gateway, zone: Zone | None, name: str, profile: DeviceProfile
) -> Device:
    try:
        device = register_device(
            site=gateway.site,
            gateway=gateway,
            uid=compact_hardware(pending.hardware_id),
            name=name,
            profile=profile,
            serial_number=pending.serial_number,
        )
    except DeviceExists as error:
        raise BoxTaken from error
    device.zone, device.firmware_version = zone, pending.firmware_version
    device.save()
    return device


def tell_place(*, claim: Claim, gateway: Gateway, device: Device, now: dt.datetime) -> None:
    """Send a node the names of its place, to where unbound nodes listen."""
    place = {"gh": gateway.uid, "zn": _zone_uid(device), "node_uid": device.uid}
    queue_message(
        topic=f"hydro/{gateway.uid}/{TEMPORARY_ZONE}/{claim.pending.spelling}/config",
        payload=json.dumps({"config": place, "claim_id": str(claim.id)}).encode(),
        now=now,
        tenant_id=claim.tenant_id,
        expires_at=claim.expires_at,
    )


def _zone_uid(device: Device) -> str:
    return device.zone.uid if device.zone is not None and device.zone.uid else NO_ZONE
