"""Charging in the admin: rules are edited, what machines wrote is looked at."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin_base import ReadOnlyAdmin, ReadOnlyInline, TenantOwnedAdmin
from charging.models import (
    ChargePoint,
    ChargingEvent,
    ChargingPrice,
    ChargingSession,
    Connector,
    EventSubscriber,
    IdTag,
)

_STAMPS = ("created_at", "updated_at")
_SEEN = (
    "state", "state_since", "seen_at", "pilot", "fault", "current_limit_a", "cable_a",
    "is_locked", "is_relay_on", "is_authorised", "anomalies", "seen",
)  # fmt: skip


class ConnectorInline(ReadOnlyInline):
    """The connectors, as last seen."""

    is_open_to_tenants = True
    model = Connector
    fields = ("number", "state", "state_since", "seen_at", "fault", "current_limit_a")
    readonly_fields = fields
    ordering = ("number",)
    show_change_link = True


@admin.register(ChargePoint)
class ChargePointAdmin(TenantOwnedAdmin):
    """Charging stations and their rules."""

    is_open_to_tenants = True
    list_display = ("name", "tenant", "site", "device", "max_current_a", "access", "price")
    list_filter = ("tenant", "access")
    list_select_related = ("tenant", "site", "device", "price")
    search_fields = ("name", "device__name")
    autocomplete_fields = ("site", "device", "price")
    ordering = ("name", "id")
    fields = (
        "tenant", "site", "device", "name", "max_current_a", "phases", "voltage_v", "access",
        "price", "connection_timeout_s", *_STAMPS,
    )  # fmt: skip
    readonly_fields = ("tenant", *_STAMPS)
    inlines = (ConnectorInline,)


@admin.register(Connector)
class ConnectorAdmin(TenantOwnedAdmin):
    """Sockets and cables, with the meters in front of them."""

    is_open_to_tenants = True
    list_display = ("charge_point", "number", "tenant", "state", "state_since", "seen_at", "fault")
    list_filter = ("tenant", "state")
    list_select_related = ("tenant", "charge_point")
    search_fields = ("charge_point__name",)
    autocomplete_fields = ("charge_point", "energy_channel", "power_channel")
    ordering = ("charge_point__name", "number", "id")
    fields = (
        "tenant", "charge_point", "number", "energy_channel", "power_channel", *_SEEN, *_STAMPS,
    )  # fmt: skip
    readonly_fields = ("tenant", *_SEEN, *_STAMPS)


@admin.register(IdTag)
class IdTagAdmin(TenantOwnedAdmin):
    """Cards that permit charging."""

    is_open_to_tenants = True
    list_display = ("uid", "label", "tenant", "user", "site", "is_blocked", "valid_until")
    list_filter = ("tenant", "is_blocked")
    list_select_related = ("tenant", "user", "site")
    search_fields = ("uid", "label", "group")
    autocomplete_fields = ("user", "site")
    ordering = ("uid", "id")
    fields = (
        "tenant", "uid", "label", "user", "site", "group", "is_blocked", "valid_from",
        "valid_until", "max_active", "kwh_quota", *_STAMPS,
    )  # fmt: skip
    readonly_fields = ("tenant", *_STAMPS)


@admin.register(ChargingPrice)
class ChargingPriceAdmin(TenantOwnedAdmin):
    """What charging costs."""

    is_open_to_tenants = True
    list_display = ("name", "tenant", "energy_price", "session_fee", "idle_fee", "currency")
    list_filter = ("tenant", "currency")
    list_select_related = ("tenant",)
    search_fields = ("name",)
    ordering = ("name", "id")
    fields = (
        "tenant", "name", "currency", "energy_price", "session_fee", "idle_fee",
        "idle_grace_minutes", "vat_percent", *_STAMPS,
    )  # fmt: skip
    readonly_fields = ("tenant", *_STAMPS)


class EventInline(ReadOnlyInline):
    """What happened, in order."""

    is_open_to_tenants = True
    model = ChargingEvent
    fields = ("at", "kind", "from_state", "to_state", "is_inferred", "detail")
    readonly_fields = fields
    ordering = ("order",)


@admin.register(ChargingSession)
class ChargingSessionAdmin(ReadOnlyAdmin):
    """Who charged where, how much, and what it costs."""

    is_open_to_tenants = True
    list_display = (
        "started_at", "connector", "tenant", "tag_uid", "state", "energy_kwh", "is_estimated",
        "cost", "currency", "receipt_number",
    )  # fmt: skip
    list_filter = ("tenant", "state", "is_estimated", "end_reason")
    list_select_related = ("tenant", "connector__charge_point")
    search_fields = ("tag_uid", "principal_label", "connector__charge_point__name")
    date_hierarchy = "started_at"
    ordering = ("-started_at", "-id")
    inlines = (EventInline,)


@admin.register(ChargingEvent)
class ChargingEventAdmin(ReadOnlyAdmin):
    """What happened at connectors."""

    is_open_to_tenants = True
    list_display = ("at", "connector", "tenant", "kind", "from_state", "to_state", "is_inferred")
    list_filter = ("tenant", "kind", "is_inferred")
    list_select_related = ("tenant", "connector__charge_point")
    search_fields = ("kind", "connector__charge_point__name")
    ordering = ("-order", "-id")


@admin.register(EventSubscriber)
class EventSubscriberAdmin(ReadOnlyAdmin):
    """Parts of the product that are told of events, and how far they are."""

    list_display = ("name", "position", "failures", "retry_at", "last_error", "updated_at")
    search_fields = ("name",)
    ordering = ("name", "id")
