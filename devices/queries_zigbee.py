"""Reads of Zigbee networks, of the tenant in scope."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db.models import QuerySet

from devices.models import (
    Channel,
    Device,
    Dialect,
    Gateway,
    GatewayShareToken,
    PendingZigbeeClaim,
    ZigbeeBridge,
    ZigbeeClaimState,
    ZigbeeNode,
)

# shown beside each device
_SHOWN = ("linkquality", "battery")


def friendly_name_of(device: Device) -> str:
    """Return a device's name in Zigbee2MQTT; "" for devices of other kinds."""
    if device.profile.dialect != Dialect.ZIGBEE or device.is_box:
        return ""
    nodes = ZigbeeNode.objects.filter(device_id=device.id)
    return nodes.values_list("friendly_name", flat=True).first() or ""


def find_gateway(gateway_id: uuid.UUID) -> Gateway | None:
    """Return a gateway with its site; None when the tenant has none of this id."""
    return Gateway.objects.select_related("site").filter(id=gateway_id).first()


def find_bridge(gateway: Gateway) -> ZigbeeBridge | None:
    """Return what is known of the Zigbee2MQTT of a gateway; None if it never spoke."""
    return ZigbeeBridge.objects.filter(gateway=gateway).first()


def list_bridges() -> QuerySet[ZigbeeBridge]:
    """Return the gateways with Zigbee."""
    return ZigbeeBridge.objects.select_related("gateway__site").order_by("gateway__name", "id")


def list_open_claims(gateway: Gateway, *, now: dt.datetime) -> QuerySet[PendingZigbeeClaim]:
    """Return the radios of a gateway that wait to be accepted, the newest first."""
    claims = PendingZigbeeClaim.objects.select_related("node").filter(
        gateway=gateway, state=ZigbeeClaimState.OPEN, expires_at__gt=now
    )
    return claims.order_by("-joined_at", "id")


def list_nodes(gateway: Gateway) -> list[ZigbeeNode]:
    """Return the accepted radios of a gateway, each with `values`: link quality and battery."""
    nodes = list(
        ZigbeeNode.objects.select_related("device__site", "device__profile")
        .filter(gateway=gateway, device__isnull=False)
        .order_by("device__name", "id")
    )
    latest = _latest_values([node.device_id for node in nodes if node.device_id])
    for node in nodes:
        values = latest.get(node.device_id, {}) if node.device_id else {}
        node.values = values  # type: ignore[attr-defined]
    return nodes


def list_share_tokens(gateway: Gateway, *, now: dt.datetime) -> QuerySet[GatewayShareToken]:
    """Return the pairing tokens that can be redeemed or are in use."""
    tokens = GatewayShareToken.objects.select_related("made_by", "redeemed_by").filter(
        gateway=gateway, revoked_at=None
    )
    waiting = tokens.filter(redeemed_at=None, expires_at__gt=now, tries_left__gt=0)
    return (waiting | tokens.filter(grant_ends_at__gt=now)).order_by("-created_at", "id")


def _latest_values(device_ids: list[uuid.UUID]) -> dict[uuid.UUID, dict[str, float]]:
    channels = Channel.objects.filter(
        device_id__in=device_ids, name__in=_SHOWN, latest__value__isnull=False
    )
    found: dict[uuid.UUID, dict[str, float]] = {}
    for device_id, name, value in channels.values_list("device_id", "name", "latest__value"):
        if value is not None:
            found.setdefault(device_id, {})[name] = value
    return found
