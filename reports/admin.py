"""Reports in the admin: looked at; people make and change them on the pages and in the API."""

from __future__ import annotations

from django.contrib import admin
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import ReadOnlyAdmin
from reports.models import Delivery, Recipient, ReportRun, ReportTemplate


@admin.register(ReportTemplate)
class ReportTemplateAdmin(ReadOnlyAdmin):
    """Reports that are asked for again, and when they are sent."""

    is_open_to_tenants = True
    list_display = (
        "name", "tenant", "site", "kind", "period", "format", "schedule", "next_due_at",
        "is_active",
    )  # fmt: skip
    list_filter = ("kind", "schedule", "is_active", "tenant")
    list_select_related = ("tenant", "site")
    search_fields = ("name",)
    ordering = ("name", "id")


@admin.register(ReportRun)
class ReportRunAdmin(ReadOnlyAdmin):
    """Reports that were asked for, the newest first."""

    is_open_to_tenants = True
    list_display = (
        "created_at", "title", "tenant", "state", "requested_by", "readable_size", "expires_at",
    )  # fmt: skip
    list_filter = ("state", "tenant")
    list_select_related = ("tenant",)
    search_fields = ("title", "requested_by", "error_code")
    date_hierarchy = "created_at"
    ordering = ("-created_at", "id")

    @admin.display(description=_("size"), ordering="size")
    def readable_size(self, run: ReportRun) -> str:
        """Show the size in kB or MB."""
        return str(filesizeformat(run.size))


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """Mails with reports, the newest first."""

    is_open_to_tenants = True
    list_display = ("created_at", "address", "tenant", "run", "state", "tries", "sent_at")
    list_filter = ("state", "tenant")
    list_select_related = ("tenant", "run")
    search_fields = ("address", "error_code")
    date_hierarchy = "created_at"
    ordering = ("-created_at", "id")


@admin.register(Recipient)
class RecipientAdmin(ReadOnlyAdmin):
    """Who was asked whether reports shall come, and what they said."""

    is_open_to_tenants = True
    list_display = ("address", "tenant", "asked_at", "confirmed_at", "unsubscribed_at")
    list_filter = ("tenant",)
    list_select_related = ("tenant",)
    search_fields = ("address",)
    ordering = ("address", "id")
