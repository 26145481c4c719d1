"""Zigbee networks; paired, accepted and removed on the tenants' pages."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin_base import ReadOnlyAdmin
from devices.models import GatewayShareToken, PendingZigbeeClaim, ZigbeeBridge, ZigbeeNode


@admin.register(ZigbeeBridge)
class ZigbeeBridgeAdmin(ReadOnlyAdmin):
    """Zigbee2MQTT of gateways."""

    is_open_to_tenants = True
    list_display = ("gateway", "tenant", "is_online", "version", "permit_join_until", "heard_at")
    list_select_related = ("gateway", "tenant")
    list_filter = ("is_online", "tenant")
    search_fields = ("gateway__name", "gateway__uid")
    fields = (*list_display, "coordinator", "groups", "last_error", "last_error_at")
    ordering = ("-heard_at", "id")


@admin.register(ZigbeeNode)
class ZigbeeNodeAdmin(ReadOnlyAdmin):
    """Radios, accepted or not."""

    is_open_to_tenants = True
    list_display = (
        "friendly_name", "ieee_address", "gateway", "tenant", "device", "vendor", "model",
        "is_available", "left_at",
    )  # fmt: skip
    list_select_related = ("gateway", "tenant", "device")
    list_filter = ("is_available", "power_source", "tenant")
    search_fields = ("friendly_name", "ieee_address", "device__name", "model")
    fields = (
        *list_display, "description", "power_source", "is_router", "is_supported", "exposes",
        "availability_at", "created_at", "updated_at",
    )  # fmt: skip
    ordering = ("gateway_id", "friendly_name", "id")


@admin.register(PendingZigbeeClaim)
class PendingZigbeeClaimAdmin(ReadOnlyAdmin):
    """New radios, and what became of them."""

    is_open_to_tenants = True
    list_display = (
        "ieee_address", "node", "gateway", "tenant", "interview", "state", "joined_at",
        "expires_at", "ended_at",
    )  # fmt: skip
    list_select_related = ("node", "gateway", "tenant")
    list_filter = ("state", "interview", "tenant")
    search_fields = ("ieee_address", "node__friendly_name")
    fields = list_display
    ordering = ("-joined_at", "id")


@admin.register(GatewayShareToken)
class GatewayShareTokenAdmin(ReadOnlyAdmin):
    """Pairing tokens, without the secret."""

    is_open_to_tenants = True
    list_display = (
        "gateway", "tenant", "made_by", "expires_at", "redeemed_by", "grant_ends_at", "revoked_at",
    )  # fmt: skip
    list_select_related = ("gateway", "tenant", "made_by", "redeemed_by")
    list_filter = ("tenant",)
    search_fields = ("gateway__name",)
    fields = (*list_display, "tries_left", "pairing_minutes", "redeemed_at", "created_at")
    ordering = ("-created_at", "id")
