"""The audit trail in the admin: tenants see their own, platform staff every chain."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import ReadOnlyAdmin
from accounts.admin_site import is_limited
from accounts.models import AuditEvent
from accounts.queries.audit import named
from accounts.tenancy import current_tenant_id


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """What people and keys did."""

    is_open_to_tenants = True
    list_display = ("at", "action", "who", "through", "object_label", "number")
    list_filter = ("action", "actor_kind")
    search_fields = ("who", "object_label", "object_id", "request_id")
    ordering = ("-at", "-id")
    fields = (
        "tenant_id", "number", "at", "action", "actor_kind", "who", "who_id",
        "through", "through_id", "object_type", "object_label", "object_id",
        "detail", "request_id", "address", "previous_hash", "hash",
    )  # fmt: skip
    readonly_fields = fields
    date_hierarchy = "at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        """Limit a table that knows no scope of its own; under a tenant's, to its chain."""
        events: QuerySet[AuditEvent] = super().get_queryset(request)
        tenant_id = current_tenant_id()
        if tenant_id is not None:
            return named(events.filter(tenant_id=tenant_id), for_staff=not is_limited(request))
        user = request.user
        is_staff = user.is_active and user.is_staff
        return named(events if is_staff else events.none(), for_staff=is_staff)

    @admin.display(description=_("who"))
    def who(self, event: AuditEvent) -> str:
        """Return the actor, as the reader may know them."""
        return str(event.who)  # type: ignore[attr-defined]

    @admin.display(description=_("impersonated by"))
    def through(self, event: AuditEvent) -> str:
        """Return the impersonator, as the reader may know them."""
        return str(event.through)  # type: ignore[attr-defined]

    @admin.display(description=_("actor"))
    def who_id(self, event: AuditEvent) -> str:
        """Return the actor's id, as the reader may know it."""
        return str(event.who_id or "-")  # type: ignore[attr-defined]

    @admin.display(description=_("impersonator"))
    def through_id(self, event: AuditEvent) -> str:
        """Return the impersonator's id, as the reader may know it."""
        return str(event.through_id or "-")  # type: ignore[attr-defined]

    @admin.display(description=_("address"))
    def address(self, event: AuditEvent) -> str:
        """Return where the request came from, as the reader may know it."""
        return event.address or "-"  # type: ignore[attr-defined]
