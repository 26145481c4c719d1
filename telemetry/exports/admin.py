"""Exports in the admin: looked at; people make and load them on the pages and in the API."""

from __future__ import annotations

from django.contrib import admin
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import ReadOnlyAdmin
from telemetry.exports.models import ExportJob


@admin.register(ExportJob)
class ExportJobAdmin(ReadOnlyAdmin):
    """Files that were asked for, the newest first."""

    is_open_to_tenants = True
    list_display = (
        "created_at", "format", "tenant", "state", "rows", "readable_size", "expires_at",
    )  # fmt: skip
    list_filter = ("state", "format", "tenant")
    list_select_related = ("tenant",)
    search_fields = ("error", "error_code")
    date_hierarchy = "created_at"
    ordering = ("-created_at", "id")
    fields = (
        "tenant", "owner_id", "format", "question", "state", "progress", "rows", "size",
        "error_code", "error", "created_at", "finished_at", "expires_at",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description=_("size"), ordering="size")
    def readable_size(self, job: ExportJob) -> str:
        """Show the size in kB or MB."""
        return str(filesizeformat(job.size))
