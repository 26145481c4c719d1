"""Imports in the admin: looked at; people start and cancel them on the pages and in the API."""

from __future__ import annotations

from django.contrib import admin
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import ReadOnlyAdmin
from telemetry.imports.models import ImportJob, ImportProblem

_COUNTS = ("rows", "stored", "duplicates", "conflicts", "missing", "refused")


@admin.register(ImportJob)
class ImportJobAdmin(ReadOnlyAdmin):
    """Files that were imported, the newest first."""

    is_open_to_tenants = True
    list_display = (
        "file_name", "device", "tenant", "state", "readable_size", "rows", "stored",
        "duplicates", "refused", "created_at",
    )  # fmt: skip
    list_filter = ("state", "tenant")
    list_select_related = ("device", "tenant")
    search_fields = ("file_name", "sha256", "device__name", "device__uid")
    date_hierarchy = "created_at"
    ordering = ("-created_at", "id")
    fields = (
        "file_name", "tenant", "device", "created_by", "size", "sha256", "state", "progress",
        *_COUNTS, "position", "error_code", "error", "plan", "started_at", "finished_at",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description=_("size"), ordering="size")
    def readable_size(self, job: ImportJob) -> str:
        """Show the size in kB or MB."""
        return str(filesizeformat(job.size))


@admin.register(ImportProblem)
class ImportProblemAdmin(ReadOnlyAdmin):
    """Rows that could not be stored."""

    is_open_to_tenants = True
    list_display = ("row", "code", "detail", "text", "job", "tenant")
    list_filter = ("code", "tenant")
    list_select_related = ("job", "tenant")
    search_fields = ("detail", "job__file_name")
    ordering = ("-id",)
    fields = ("job", "tenant", "row", "code", "detail", "text")
    readonly_fields = fields
