"""What people do with Zigbee devices: let them join, accept, refuse, rename, remove."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from accounts.tenancy import all_tenants, tenant_scope
from devices.downlink import bridge_request_topic
from devices.models import (
    Device,
    Gateway,
    InterviewState,
    Lifecycle,
    PendingZigbeeClaim,
    ZigbeeBridge,
    ZigbeeClaimState,
    ZigbeeNode,
)
from devices.services.devices import DeviceExists, register_device
from devices.services.lifecycle import lock_device, retire
from devices.services.outbox import queue_message
from devices.services.profiles import ensure_profile
from devices.services.zigbee_network import open_claim
from devices.services.zigbee_readings import make_channels
from devices.zigbee.names import is_friendly_name
from devices.zigbee.network import LONGEST_JOIN_SECONDS, load_abilities

# a request that comes later would surprise
REQUEST_LIFETIME = dt.timedelta(seconds=30)
NAME_LENGTH = 100


class ZigbeeGone(Refusal):
    """The tenant has no such gateway with Zigbee, radio or claim, or it is over."""

    code = "zigbee_gone"
    message = _("There is no such Zigbee device, or somebody else was faster.")


class BridgeOffline(Refusal):
    """Zigbee2MQTT does not run, or never spoke."""

    code = "bridge_offline"
    message = _("Zigbee2MQTT does not run at this gateway. Start it, then try again.")


class BadJoinTime(Refusal):
    """Devices may join for at most 254 s."""

    code = "bad_join_time"
    message = _("Devices may join for 1 to 254 seconds; 0 ends it.")


class InterviewRunning(Refusal):
    """Zigbee2MQTT does not know yet what the radio is."""

    code = "interview_running"
    message = _("The device has not said yet what it is. Wait, or press its button again.")


class BadFriendlyName(Refusal):
    """The name cannot stand in topics, or another device has it."""

    code = "bad_friendly_name"
    message = _("Use a name of its own without +, # and .., at most 200 characters.")


@transaction.atomic
def permit_join(*, gateway_id: uuid.UUID, seconds: int, now: dt.datetime) -> Gateway:
    """Ask a gateway to let devices join for a time; 0 ends it. Its answer starts the countdown.

    Radios whose claim expired and that are still there wait for a person again.

    Raises: ZigbeeGone, BridgeOffline, BadJoinTime.
    """
    if not 0 <= seconds <= LONGEST_JOIN_SECONDS:
        raise BadJoinTime
    gateway = Gateway.objects.filter(id=gateway_id).first()
    if gateway is None:
        raise ZigbeeGone
    _check_bridge(gateway)
    content = {"value": seconds > 0, "time": seconds}
    _request(gateway, "permit_join", content, now, expires_at=now + REQUEST_LIFETIME)
    record_event(
        action="zigbee.joining_opened" if seconds else "zigbee.joining_closed",
        now=now, tenant_id=gateway.tenant_id, obj=gateway, detail={"seconds": seconds},
    )  # fmt: skip
    if seconds:
        _reopen_expired(gateway, now)
    return gateway


@transaction.atomic
def accept_claim(
    *, claim_id: uuid.UUID, name: str = "", profile_key: str = "", now: dt.datetime
) -> Device:
    """Make a device of a radio, with a channel for each ability that it told.

    Args: profile_key: of a built-in profile; "" takes the one that fits.

    Raises: ZigbeeGone, InterviewRunning, QuotaDevices, UnknownProfile.
    """
    claim = _lock_claim(claim_id, now)
    node = claim.node
    if claim.interview != InterviewState.SUCCESSFUL:
        raise InterviewRunning
    abilities = load_abilities(node.exposes)
    device = _find_or_register(
        node, name.strip()[:NAME_LENGTH] or _name_of(node), profile_key or _profile_key(node)
    )
    make_channels(device=device, abilities=abilities)
    node.device = device
    node.save(update_fields=["device", "updated_at"])
    _end_claim(claim, ZigbeeClaimState.ACCEPTED, "zigbee.claim_accepted", now, device=device)
    return device


@transaction.atomic
def refuse_claim(*, claim_id: uuid.UUID, now: dt.datetime) -> None:
    """Send a radio out of the network; when it joins again it waits again.

    Raises: ZigbeeGone.
    """
    claim = _lock_claim(claim_id, now)
    _request(claim.gateway, "device/remove", {"id": claim.ieee_address, "force": False}, now)
    _end_claim(claim, ZigbeeClaimState.REFUSED, "zigbee.claim_refused", now)


@transaction.atomic
def rename_node(*, node_id: uuid.UUID, name: str, now: dt.datetime) -> ZigbeeNode:
    """Ask Zigbee2MQTT to call a radio differently; its list or answer makes it true.

    Raises: ZigbeeGone, BadFriendlyName.
    """
    node = _lock_node(node_id)
    name = name.strip()
    others = ZigbeeNode.objects.filter(gateway=node.gateway, friendly_name=name, left_at=None)
    if not is_friendly_name(name) or others.exclude(id=node.id).exists():
        raise BadFriendlyName
    content = {"from": node.ieee_address, "to": name, "homeassistant_rename": False}
    _request(node.gateway, "device/rename", content, now)
    _record("zigbee.device_renamed", node, now, old=node.friendly_name, new=name)
    return node


@transaction.atomic
def remove_node(*, node_id: uuid.UUID, is_forced: bool = False, now: dt.datetime) -> None:
    """Send a radio out of the network and its device out of service; history stays.

    Args: is_forced: forget a radio that does not answer any more.

    Raises: ZigbeeGone.
    """
    node = _lock_node(node_id)
    content = {"id": node.ieee_address, "force": is_forced}
    _request(node.gateway, "device/remove", content, now)
    if node.device_id is not None:
        device = lock_device(node.device_id)
        node.device = None
        node.save(update_fields=["device", "updated_at"])
        if device.lifecycle != Lifecycle.DECOMMISSIONED:
            retire(device=device, now=now)
            record_event(
                action="device.decommissioned", now=now, tenant_id=device.tenant_id, obj=device
            )
    _record("zigbee.device_removed", node, now, forced=is_forced)


def expire_claims(*, now: dt.datetime, limit: int = 200) -> int:
    """End the claims that nobody decided in time, each in a transaction; return how many."""
    with all_tenants():  # of every tenant
        due = PendingZigbeeClaim.objects.filter(state=ZigbeeClaimState.OPEN, expires_at__lte=now)
        found = list(due.order_by("expires_at").values_list("tenant_id", "id")[:limit])
    return sum(_expire(tenant_id, claim_id, now) for tenant_id, claim_id in found)


def _expire(tenant_id: uuid.UUID, claim_id: uuid.UUID, now: dt.datetime) -> int:
    with tenant_scope(tenant_id), transaction.atomic():
        rows = PendingZigbeeClaim.objects.select_for_update(of=("self",), skip_locked=True)
        claim = rows.filter(
            id=claim_id, state=ZigbeeClaimState.OPEN, expires_at__lte=now
        ).first()  # fmt: skip
        if claim is None:
            return 0
        _end_claim(claim, ZigbeeClaimState.EXPIRED, "zigbee.claim_expired", now)
        return 1


def _check_bridge(gateway: Gateway) -> None:
    bridge = ZigbeeBridge.objects.filter(gateway=gateway).first()
    if bridge is None or bridge.is_online is False:
        raise BridgeOffline


def _reopen_expired(gateway: Gateway, now: dt.datetime) -> None:
    expired = PendingZigbeeClaim.objects.select_related("node").filter(
        gateway=gateway, state=ZigbeeClaimState.EXPIRED, node__left_at=None, node__device=None
    )
    for claim in expired:
        open_claim(claim.node, at=now)


def _lock_claim(claim_id: uuid.UUID, now: dt.datetime) -> PendingZigbeeClaim:
    claims = PendingZigbeeClaim.objects.select_for_update(of=("self",))
    claim = (
        claims.select_related("node__gateway__site", "gateway")
        .filter(id=claim_id, state=ZigbeeClaimState.OPEN, expires_at__gt=now)
        .first()
    )
    if claim is None:
        raise ZigbeeGone
    return claim


def _lock_node(node_id: uuid.UUID) -> ZigbeeNode:
    nodes = ZigbeeNode.objects.select_for_update(of=("self",)).select_related("gateway")
    node = nodes.filter(id=node_id).first()
    if node is None:
        raise ZigbeeGone
    return node


def _find_or_register(node: ZigbeeNode, name: str, profile_key: str) -> Device:
    """Return a new device, or the one whose radio was forgotten and is back."""
    profile = ensure_profile(key=profile_key)
    try:
        return register_device(
            site=node.gateway.site, gateway=node.gateway, uid=node.ieee_address, name=name,
            profile=profile,
        )  # fmt: skip
    except DeviceExists:
        device = Device.objects.filter(gateway=node.gateway, uid=node.ieee_address).first()
        if device is None or ZigbeeNode.objects.filter(device=device).exists():
            raise ZigbeeGone from None
        return device


def _name_of(node: ZigbeeNode) -> str:
    if node.friendly_name != node.ieee_address:
        return node.friendly_name[:NAME_LENGTH]
    return f"{node.vendor} {node.model}".strip()[:NAME_LENGTH] or node.ieee_address


def _profile_key(node: ZigbeeNode) -> str:
    """Return the key of the profile that fits what a radio told."""
    abilities = load_abilities(node.exposes)
    binary = (key for key, can in abilities.items() if can.kind == "binary")
    outputs = {key for key in binary if key == "state" or key.startswith("state_")}
    if "state" in outputs:
        return "zigbee-switch"
    if outputs:
        return "zigbee-multi-switch"
    sleeps = "battery" in abilities if not node.power_source else node.power_source == "battery"
    return "zigbee-battery" if sleeps else "zigbee-mains"


def _request(
    gateway: Gateway,
    what: str,
    content: dict[str, Any],
    now: dt.datetime,
    *,
    expires_at: dt.datetime | None = None,
) -> None:
    payload = {**content, "transaction": uuid.uuid4().hex}
    queue_message(
        topic=bridge_request_topic(tenant_id=gateway.tenant_id, gateway_uid=gateway.uid, what=what),
        payload=json.dumps(payload, ensure_ascii=False).encode(),
        now=now,
        tenant_id=gateway.tenant_id,
        expires_at=expires_at or now + dt.timedelta(hours=1),
    )


def _end_claim(
    claim: PendingZigbeeClaim,
    state: ZigbeeClaimState,
    action: str,
    now: dt.datetime,
    *,
    device: Device | None = None,
) -> None:
    claim.state, claim.ended_at = state, now
    claim.save(update_fields=["state", "ended_at", "updated_at"])
    detail = {"device": str(device.id)} if device is not None else {}
    _record(action, claim.node, now, **detail)


def _record(action: str, node: ZigbeeNode, now: dt.datetime, **detail: Any) -> None:
    about = {"ieee_address": node.ieee_address, "gateway": str(node.gateway_id)}
    record_event(
        action=action, now=now, tenant_id=node.tenant_id, obj=node, detail={**about, **detail}
    )
