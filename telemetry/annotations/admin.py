"""Notes in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin_base import TenantOwnedAdmin
from telemetry.annotations.models import Annotation


@admin.register(Annotation)
class AnnotationAdmin(TenantOwnedAdmin):
    """What people know about stretches of time."""

    is_open_to_tenants = True
    list_display = ("text", "site", "device", "tenant", "start", "end", "made_by_label")
    list_filter = ("tenant",)
    list_select_related = ("site", "device", "tenant")
    search_fields = ("text", "site__name", "device__name", "made_by_label")
    date_hierarchy = "start"
    autocomplete_fields = ("site", "device")
    ordering = ("-start", "-id")
    readonly_fields: tuple[str, ...] = ("tenant", "made_by_label", "created_at", "updated_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep a note at its site."""
        return (*self.readonly_fields, "site") if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Name the author of a new note."""
        if not change:
            obj.made_by, obj.made_by_label = request.user, str(request.user)[:254]
        super().save_model(request, obj, form, change)
