"""Firmware and campaigns in the admin: looked at; they are changed in pages and the API."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import ReadOnlyAdmin
from accounts.sudo import ask_for_sudo
from devices.models import (
    Campaign,
    CampaignTarget,
    FirmwareKey,
    FirmwareRelease,
    FirmwareSigner,
    PublishedRelease,
)
from devices.services.firmware import withdraw_published

_IMAGE = (
    "profile", "version", "min_version", "hardware", "size", "sha256", "key_fingerprint",
    "manifest", "signature", "notes", "uploaded_by", "withdrawn_at", "created_at",
)  # fmt: skip


class ImageAdmin(ReadOnlyAdmin):
    """What releases of tenants and of the platform have in common."""

    search_fields = ("version", "sha256", "profile__name", "profile__key")
    ordering = ("-created_at", "id")

    @admin.display(description=_("size"), ordering="size")
    def readable_size(self, release: Any) -> str:
        """Show the size in kB or MB."""
        return str(filesizeformat(release.size))


@admin.register(FirmwareRelease)
class FirmwareReleaseAdmin(ImageAdmin):
    """Firmware of tenants."""

    is_open_to_tenants = True
    list_display = ("version", "profile", "tenant", "readable_size", "created_at", "withdrawn_at")
    list_filter = ("tenant", "profile")
    list_select_related = ("profile", "tenant")
    fields = ("tenant", *_IMAGE)
    readonly_fields = fields


@admin.register(PublishedRelease)
class PublishedReleaseAdmin(ImageAdmin):
    """Firmware that every tenant may adopt; `manage.py firmware_upload --publish` makes it."""

    list_display = ("version", "profile", "readable_size", "created_at", "withdrawn_at")
    list_filter = ("profile",)
    list_select_related = ("profile",)
    fields = _IMAGE
    readonly_fields = fields
    actions = ("withdraw",)

    @admin.action(description=_("Withdraw, also where it was adopted"))
    def withdraw(
        self, request: HttpRequest, queryset: QuerySet[PublishedRelease]
    ) -> HttpResponse | None:
        """Let nobody be offered it any more; campaigns of all tenants with it halt."""
        answer = ask_for_sudo(request, then=request.path)
        if answer:
            return answer
        rows = list(queryset.filter(withdrawn_at=None))
        number = sum(withdraw_published(release=row, now=timezone.now()) for row in rows)
        values = {"releases": len(rows), "adopted": number}
        text = _("%(releases)d withdrawn, and %(adopted)d adopted from them.") % values
        messages.success(request, text)
        return None


@admin.register(FirmwareKey)
class FirmwareKeyAdmin(ReadOnlyAdmin):
    """Whose signatures count for a tenant."""

    is_open_to_tenants = True
    list_display = ("name", "tenant", "fingerprint", "created_at", "revoked_at")
    list_filter = ("tenant",)
    list_select_related = ("tenant",)
    search_fields = ("name", "fingerprint")
    ordering = ("name", "id")


@admin.register(FirmwareSigner)
class FirmwareSignerAdmin(ReadOnlyAdmin):
    """The keys that sign offers; the private half is nowhere to be seen."""

    list_display = ("fingerprint", "is_active", "created_at")
    ordering = ("-is_active", "-id")
    search_fields = ("fingerprint",)
    fields = ("fingerprint", "public_key", "is_active", "created_at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[FirmwareSigner]:
        """Leave the sealed key in the database."""
        return super().get_queryset(request).defer("sealed_key")


@admin.register(Campaign)
class CampaignAdmin(ReadOnlyAdmin):
    """Campaigns of tenants."""

    is_open_to_tenants = True
    list_display = (
        "name", "tenant", "kind", "profile", "release", "state", "current_wave", "started_at",
    )  # fmt: skip
    list_filter = ("tenant", "state", "kind", "profile")
    list_select_related = ("tenant", "profile", "release__profile")
    search_fields = ("name", "reason", "release__version")
    date_hierarchy = "started_at"
    ordering = ("-started_at", "id")


@admin.register(CampaignTarget)
class CampaignTargetAdmin(ReadOnlyAdmin):
    """Devices of campaigns, with what went wrong."""

    is_open_to_tenants = True
    list_display = (
        "device",
        "tenant",
        "campaign",
        "wave",
        "state",
        "tries",
        "error_code",
        "state_at",
    )
    list_filter = ("tenant", "state", "campaign")
    list_select_related = ("device", "tenant", "campaign")
    search_fields = ("device__name", "device__uid", "error_code", "error", "campaign__name")
    ordering = ("-state_at", "id")
