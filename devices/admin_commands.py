"""Commands and what stands between them and the hardware, in the admin."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin_base import ReadOnlyAdmin, TenantOwnedAdmin
from devices.models import (
    ActuatorState,
    Command,
    CommandBatch,
    CommandBatchItem,
    CommandSecret,
    EmergencyStop,
    Interlock,
    ZoneLease,
)


@admin.register(Command)
class CommandAdmin(ReadOnlyAdmin):
    """Commands with everything that became of them; given on the device's page."""

    is_open_to_tenants = True
    list_display = (
        "name", "device", "tenant", "state", "code", "principal_label", "requested_at",
        "finished_at",
    )  # fmt: skip
    list_filter = ("tenant", "state", "name")
    list_select_related = ("device", "tenant")
    search_fields = ("name", "device__name", "device__uid", "principal_label", "code")
    date_hierarchy = "requested_at"
    ordering = ("-requested_at", "id")
    fields = (
        "tenant", "device", "batch", "name", "params", "effect", "actuator", "value", "state",
        "code", "detail", "verdict", "answer", "history", "principal_label", "idempotency_key",
        "requested_at", "not_before", "expires_at", "finish_by", "sent_at", "delivered_at",
        "finished_at",
    )  # fmt: skip


@admin.register(CommandBatch)
class CommandBatchAdmin(ReadOnlyAdmin):
    """One command for many devices."""

    is_open_to_tenants = True
    list_display = ("name", "tenant", "state", "stage", "principal_label", "requested_at")
    list_filter = ("tenant", "state", "name")
    list_select_related = ("tenant",)
    search_fields = ("name", "principal_label")
    ordering = ("-requested_at", "id")
    fields = (
        "tenant", "name", "params", "state", "stage", "stage_size", "stage_seconds",
        "halt_percent", "expires_in", "next_stage_at", "principal_label", "requested_at",
        "finished_at",
    )  # fmt: skip


@admin.register(CommandBatchItem)
class CommandBatchItemAdmin(ReadOnlyAdmin):
    """Devices of batches."""

    is_open_to_tenants = True
    list_display = ("batch", "device", "tenant", "stage", "command", "skip_code")
    list_filter = ("tenant", "skip_code")
    list_select_related = ("batch", "device", "tenant", "command")
    search_fields = ("batch__name", "device__name", "device__uid", "skip_code")
    ordering = ("-created_at", "id")


@admin.register(CommandSecret)
class CommandSecretAdmin(ReadOnlyAdmin):
    """Which devices' commands are signed; the secret itself is not to be seen."""

    is_open_to_tenants = True
    list_display = ("device", "tenant", "created_at", "updated_at")
    list_filter = ("tenant",)
    list_select_related = ("device", "tenant")
    search_fields = ("device__name", "device__uid")
    ordering = ("-created_at", "id")
    fields = list_display


@admin.register(ActuatorState)
class ActuatorStateAdmin(ReadOnlyAdmin):
    """What actuators were told and what they said."""

    is_open_to_tenants = True
    list_display = (
        "actuator", "device", "tenant", "is_on", "value", "is_commanded_on", "deadline",
        "reported_at",
    )  # fmt: skip
    list_filter = ("tenant", "is_on", "is_commanded_on")
    list_select_related = ("device", "tenant")
    search_fields = ("actuator", "device__name", "device__uid")
    ordering = ("device_id", "actuator", "id")


@admin.register(EmergencyStop)
class EmergencyStopAdmin(ReadOnlyAdmin):
    """Stops; pressed and released where the hardware is, with a reason."""

    is_open_to_tenants = True
    list_display = (
        "target_label", "tenant", "scope", "pressed_by", "pressed_at", "released_at",
        "released_by",
    )  # fmt: skip
    list_filter = ("tenant", "scope")
    list_select_related = ("tenant",)
    search_fields = ("target_label", "pressed_by", "reason")
    ordering = ("-pressed_at", "id")


@admin.register(ZoneLease)
class ZoneLeaseAdmin(ReadOnlyAdmin):
    """Who alone may switch things on in a zone."""

    is_open_to_tenants = True
    list_display = ("zone", "tenant", "holder", "label", "until")
    list_filter = ("tenant",)
    list_select_related = ("zone", "tenant")
    search_fields = ("zone__name", "holder", "label")
    ordering = ("-until", "id")


@admin.register(Interlock)
class InterlockAdmin(TenantOwnedAdmin):
    """Actuators that depend on each other."""

    is_open_to_tenants = True
    needs_sudo_to_delete = True
    list_display = (
        "name", "tenant", "kind", "device", "actuator", "other_device", "other_actuator",
        "is_active",
    )  # fmt: skip
    list_filter = ("tenant", "kind", "is_active")
    list_select_related = ("tenant", "device", "other_device")
    search_fields = ("name", "device__name", "actuator", "other_device__name", "other_actuator")
    autocomplete_fields = ("device", "other_device")
    ordering = ("name", "id")
    readonly_fields = ("tenant", "created_at", "updated_at")
