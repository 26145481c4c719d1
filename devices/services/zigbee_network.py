"""What Zigbee2MQTT tells about its network, kept; each of these may be told twice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from devices.models import (
    Gateway,
    InterviewState,
    PendingZigbeeClaim,
    Severity,
    ZigbeeBridge,
    ZigbeeClaimState,
    ZigbeeNode,
)
from devices.services.device_events import record_device_event
from devices.services.presence import apply_status_report, own_device
from devices.zigbee.network import MOST_DEVICES, BridgeFacts, NodeFacts, dump_abilities

CLAIM_LIFETIME = dt.timedelta(hours=24)
_TOLD = tuple(
    field.name for field in fields(NodeFacts)
    if field.name not in {"ieee_address", "interview", "abilities"}
)  # fmt: skip


class TooManyNodes(Refusal):
    """A gateway tells of more radios than a network can hold."""

    code = "too_many_nodes"
    message = _("A gateway has at most 500 Zigbee devices.")


@transaction.atomic
def note_bridge_state(*, gateway: Gateway, is_online: bool, at: dt.datetime) -> None:
    """Keep whether Zigbee2MQTT runs; a change leaves an event at the gateway's own device."""
    bridge = lock_bridge(gateway)
    if bridge.heard_at is not None and bridge.heard_at > at:
        return
    is_news = bridge.is_online is not is_online
    bridge.is_online, bridge.heard_at = is_online, at
    if not is_online:
        bridge.permit_join_until = None
    bridge.save()
    device = own_device(gateway=gateway)
    if is_news and device is not None:
        record_device_event(
            device=device, kind="zigbee", at=at,
            code="ZIGBEE_ONLINE" if is_online else "ZIGBEE_OFFLINE",
            severity=Severity.INFO if is_online else Severity.WARNING,
        )  # fmt: skip


@transaction.atomic
def note_bridge_info(*, gateway: Gateway, facts: BridgeFacts, at: dt.datetime) -> None:
    """Keep the version of Zigbee2MQTT and until when devices may join."""
    bridge = lock_bridge(gateway)
    bridge.version, bridge.coordinator = facts.version, facts.coordinator
    bridge.permit_join_until = facts.joins_until
    bridge.heard_at = max(filter(None, (bridge.heard_at, at)))
    bridge.save()


@transaction.atomic
def note_joining(*, gateway: Gateway, seconds: int, at: dt.datetime) -> None:
    """Keep the answer to a request that devices may join; 0: no longer."""
    bridge = lock_bridge(gateway)
    bridge.permit_join_until = at + dt.timedelta(seconds=seconds) if seconds > 0 else None
    bridge.save()


@transaction.atomic
def note_groups(*, gateway: Gateway, names: Sequence[str]) -> None:
    """Keep the names of groups, whose states are no readings."""
    bridge = lock_bridge(gateway)
    bridge.groups = list(names)
    bridge.save()


@transaction.atomic
def note_failure(*, gateway: Gateway, text: str, at: dt.datetime) -> None:
    """Keep why Zigbee2MQTT did not do what it was asked."""
    bridge = lock_bridge(gateway)
    bridge.last_error, bridge.last_error_at = text[:500], at
    bridge.save()


@transaction.atomic
def note_devices(
    *, gateway: Gateway, told: Sequence[NodeFacts], is_whole: bool, at: dt.datetime
) -> None:
    """Compare the network with its list: new radios wait for a person, missing ones left.

    Args: is_whole: whether every entry of the list was understood.
    """
    lock_bridge(gateway)
    nodes = {node.ieee_address: node for node in _nodes(gateway)}
    for facts in told:
        node = _save_facts(gateway, nodes.get(facts.ieee_address), facts, len(nodes))
        nodes[facts.ieee_address] = node
        _note_claim(node, facts, at, reopens=False)
    listed = {facts.ieee_address for facts in told}
    for address, node in nodes.items() if is_whole else ():
        if address not in listed and node.left_at is None:
            _leave(node, at)


@transaction.atomic
def note_node(*, gateway: Gateway, facts: NodeFacts, at: dt.datetime) -> None:
    """Keep a radio that joined or was asked what it is; it waits for a person, once more."""
    lock_bridge(gateway)
    nodes = _nodes(gateway)
    node = _save_facts(
        gateway, nodes.filter(ieee_address=facts.ieee_address).first(), facts, nodes.count()
    )
    _note_claim(node, facts, at, reopens=True)


@transaction.atomic
def note_left(*, gateway: Gateway, ieee_address: str, at: dt.datetime) -> None:
    """Keep that a radio is not in the network any more."""
    node = _nodes(gateway).filter(ieee_address=ieee_address, left_at=None).first()
    if node is not None:
        _leave(node, at)


@transaction.atomic
def note_renamed(*, gateway: Gateway, old: str, new: str) -> None:
    """Keep the new name of a radio."""
    _nodes(gateway).filter(friendly_name=old, left_at=None).update(friendly_name=new)


def lock_bridge(gateway: Gateway) -> ZigbeeBridge:
    """Return the row of a gateway's Zigbee2MQTT, locked; make it when it first speaks."""
    ZigbeeBridge.objects.get_or_create(gateway=gateway, defaults={"tenant_id": gateway.tenant_id})
    return ZigbeeBridge.objects.select_for_update(of=("self",)).get(gateway=gateway)


def open_claim(node: ZigbeeNode, *, at: dt.datetime) -> PendingZigbeeClaim:
    """Let a radio wait for a person, from now on."""
    claim, is_new = PendingZigbeeClaim.objects.get_or_create(
        node=node,
        defaults={
            "tenant_id": node.tenant_id,
            "gateway_id": node.gateway_id,
            "ieee_address": node.ieee_address,
            "joined_at": at,
            "expires_at": at + CLAIM_LIFETIME,
        },
    )
    if not is_new and claim.state != ZigbeeClaimState.OPEN:
        claim.state, claim.ended_at = ZigbeeClaimState.OPEN, None
        claim.joined_at, claim.expires_at = at, at + CLAIM_LIFETIME
        claim.save()
        is_new = True
    if is_new:
        _record("zigbee.device_joined", node, at)
    return claim


def _nodes(gateway: Gateway) -> Any:
    return ZigbeeNode.objects.select_for_update(of=("self",), no_key=True).filter(gateway=gateway)


def _save_facts(
    gateway: Gateway, node: ZigbeeNode | None, facts: NodeFacts, number: int
) -> ZigbeeNode:
    """Write what was told where it differs; nothing is written when nothing is new."""
    if node is None:
        if number >= MOST_DEVICES:
            raise TooManyNodes
        node = ZigbeeNode(
            tenant_id=gateway.tenant_id, gateway=gateway, ieee_address=facts.ieee_address
        )
    told = {name: getattr(facts, name) for name in _TOLD if getattr(facts, name) is not None}
    if facts.abilities is not None:
        told["exposes"] = dump_abilities(facts.abilities)
    told["left_at"] = None
    if node._state.adding or any(getattr(node, name) != value for name, value in told.items()):
        for name, value in told.items():
            setattr(node, name, value)
        node.save()
    return node


def _note_claim(node: ZigbeeNode, facts: NodeFacts, at: dt.datetime, *, reopens: bool) -> None:
    if node.device_id is not None:
        return
    claim = PendingZigbeeClaim.objects.filter(node=node).first()
    if claim is None or (reopens and claim.state != ZigbeeClaimState.OPEN):
        claim = open_claim(node, at=at)
    if facts.interview and claim.interview != facts.interview:
        if claim.interview == InterviewState.SUCCESSFUL and not reopens:
            return  # a list that was made before the interview ended
        claim.interview = facts.interview
        claim.save(update_fields=["interview", "updated_at"])


def _leave(node: ZigbeeNode, at: dt.datetime) -> None:
    node.left_at, node.is_available, node.availability_at = at, False, at
    node.save()
    PendingZigbeeClaim.objects.filter(node=node, state=ZigbeeClaimState.OPEN).update(
        state=ZigbeeClaimState.LEFT, ended_at=at
    )
    if node.device is not None:
        apply_status_report(thing=node.device, status="offline", at=at)
    _record("zigbee.device_left", node, at)


def _record(action: str, node: ZigbeeNode, at: dt.datetime) -> None:
    record_event(
        action=action,
        now=at,
        tenant_id=node.tenant_id,
        obj=node,
        detail={"ieee_address": node.ieee_address, "gateway": str(node.gateway_id)},
    )
