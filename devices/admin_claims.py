"""What is on its way into fleets; claimed, cancelled and bound on the tenants' pages."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import ReadOnlyAdmin, TenantOwnedAdmin
from devices.models import (
    Claim,
    DeviceTransfer,
    OnboardingToken,
    PendingDevice,
    ProvisioningPolicy,
)
from devices.queries_claims import unclaimed_boxes


class HeldFilter(admin.SimpleListFilter):
    """Tells boxes that wait for a customer from those that have one."""

    title = _("claimed")
    parameter_name = "held"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer both."""
        return [("yes", _("Yes")), ("no", _("No"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the chosen ones."""
        if self.value() == "no":
            return queryset.filter(pk__in=unclaimed_boxes().values("pk"))
        if self.value() == "yes":
            return queryset.exclude(pk__in=unclaimed_boxes().values("pk"))
        return queryset


@admin.register(PendingDevice)
class PendingDeviceAdmin(ReadOnlyAdmin):
    """Boxes that said hello; for platform staff, since nobody owns them."""

    list_display = (
        "hardware_id", "model", "serial_number", "firmware_version", "gateway_uid",
        "code_expires_at", "tries_left", "last_heard_at",
    )  # fmt: skip
    search_fields = ("hardware_id", "serial_number", "model", "gateway_uid")
    list_filter = (HeldFilter,)
    fields = (*list_display, "first_heard_at")
    date_hierarchy = "last_heard_at"
    ordering = ("-last_heard_at", "id")


@admin.register(Claim)
class ClaimAdmin(ReadOnlyAdmin):
    """Claims of every state."""

    is_open_to_tenants = True
    list_display = ("hardware_id", "device", "tenant", "state", "claimed_at", "claimed_by")
    list_select_related = ("device", "tenant", "claimed_by")
    list_filter = ("state", "tenant")
    search_fields = ("hardware_id", "device__name")
    fields = (
        "tenant", "hardware_id", "device", "state", "claimed_by", "claimed_at", "ready_at",
        "delivered_at", "credentials_taken_at", "owned_at", "ended_at", "expires_at",
    )  # fmt: skip
    ordering = ("-claimed_at", "id")


@admin.register(OnboardingToken)
class OnboardingTokenAdmin(ReadOnlyAdmin):
    """One-time tokens, without the secret."""

    is_open_to_tenants = True
    list_display = ("device", "tenant", "expires_at", "used_at", "tries_left")
    list_filter = ("tenant",)
    list_select_related = ("device", "tenant")
    search_fields = ("device__name",)
    fields = ("tenant", "device", "expires_at", "used_at", "tries_left", "created_at")
    ordering = ("-created_at", "id")


@admin.register(DeviceTransfer)
class DeviceTransferAdmin(ReadOnlyAdmin):
    """Offers, by the giver."""

    is_open_to_tenants = True
    list_display = ("device", "tenant", "state", "offered_by", "expires_at", "ended_at")
    list_select_related = ("device", "tenant", "offered_by")
    list_filter = ("state", "tenant")
    search_fields = ("device__name",)
    fields = (*list_display, "created_at")
    ordering = ("-created_at", "id")


@admin.register(ProvisioningPolicy)
class ProvisioningPolicyAdmin(TenantOwnedAdmin):
    """How tenants take new hardware in."""

    is_open_to_tenants = True
    list_display = ("tenant", "lists_nodes", "updated_at")
    list_filter = ("tenant", "lists_nodes")
    list_select_related = ("tenant",)
    search_fields = ("tenant__name",)
    ordering = ("-updated_at", "id")
    fields = ("tenant", "lists_nodes", "created_at", "updated_at")
    readonly_fields = ("tenant", "created_at", "updated_at")
