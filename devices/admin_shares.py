"""What is shared with people and organisations outside; made and ended on the tenant's pages."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import ReadOnlyAdmin
from devices.models.share import (
    DeviceTenantPermission,
    DeviceUserPermission,
    Share,
    SiteTenantPermission,
    SiteUserPermission,
)


class ShareAdmin(ReadOnlyAdmin):
    """One permission on one object for a time."""

    is_open_to_tenants = True
    list_filter = ("tenant", "expires_at")
    ordering = ("-valid_from", "id")

    @admin.display(description=_("permission"), ordering="permission__codename")
    def code(self, share: Share) -> str:
        """Name the permission in the product's words."""
        return str(share.permission.codename)


class UserShareAdmin(ShareAdmin):
    """Shares with a person."""

    list_display = (
        "content_object", "user", "code", "tenant", "valid_from", "expires_at", "shared_by",
    )  # fmt: skip
    list_select_related = ("content_object", "user", "tenant", "shared_by", "permission")
    search_fields = ("content_object__name", "user__email")
    fields = (
        "tenant", "content_object", "user", "code", "valid_from", "expires_at", "shared_by",
        "created_at",
    )  # fmt: skip


class TenantShareAdmin(ShareAdmin):
    """Shares with an organisation."""

    list_display = (
        "content_object", "grantee", "code", "tenant", "valid_from", "expires_at", "shared_by",
    )  # fmt: skip
    list_select_related = ("content_object", "grantee", "tenant", "shared_by", "permission")
    search_fields = ("content_object__name", "grantee__name")
    fields = (
        "tenant", "content_object", "grantee", "code", "valid_from", "expires_at", "shared_by",
        "created_at",
    )  # fmt: skip


admin.site.register((DeviceUserPermission, SiteUserPermission), UserShareAdmin)
admin.site.register((DeviceTenantPermission, SiteTenantPermission), TenantShareAdmin)
