"""API keys in the admin: looked at and revoked, never made; the secret is not here."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import ReadOnlyAdmin
from accounts.models import ApiKey
from accounts.services.keys import KeyGone, revoke_key


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Keys of programs."""

    is_open_to_tenants = True
    list_display = ("name", "prefix", "tenant", "expires_at", "last_used_at", "revoked_at")
    list_filter = ("tenant",)
    list_select_related = ("tenant",)
    search_fields = ("name", "prefix")
    ordering = ("name", "id")
    fields = (
        "tenant", "name", "prefix", "codes", "created_by", "expires_at", "last_used_at",
        "revoked_at", "replaces", "created_at",
    )  # fmt: skip
    readonly_fields = fields
    actions = ("revoke",)

    @admin.action(description=_("Revoke the chosen keys"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """End keys at once."""
        number = 0
        for key_id in queryset.values_list("id", flat=True):
            try:
                revoke_key(key_id=key_id, now=timezone.now())
                number += 1
            except KeyGone:
                continue
        messages.success(request, _("%(number)d keys are revoked.") % {"number": number})

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Ask for the permission to delete keys."""
        return bool(request.user.has_perm("accounts.delete_apikey"))  # type: ignore[union-attr]
