"""The audit trail in the admin: tenants see their own, platform staff every chain."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin_base import ReadOnlyAdmin
from accounts.models import AuditEvent
from accounts.tenancy import current_tenant_id


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """What people and keys did."""

    is_open_to_tenants = True
    list_display = ("at", "action", "actor_label", "impersonator_label", "object_label", "number")
    list_filter = ("action", "actor_kind")
    search_fields = ("actor_label", "object_label", "object_id", "request_id")
    ordering = ("-at", "-id")
    fields = (
        "tenant_id", "number", "at", "action", "actor_kind", "actor_label", "actor_id",
        "impersonator_label", "impersonator_id", "object_type", "object_label", "object_id",
        "detail", "request_id", "ip_address", "previous_hash", "hash",
    )  # fmt: skip
    readonly_fields = fields
    date_hierarchy = "at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        """Limit a table that knows no scope of its own; under a tenant's, to its chain."""
        events: QuerySet[AuditEvent] = super().get_queryset(request)
        tenant_id = current_tenant_id()
        if tenant_id is not None:
            return events.filter(tenant_id=tenant_id)
        user = request.user
        return events if user.is_active and user.is_staff else events.none()
