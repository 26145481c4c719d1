"""Alarms, their rules and quiet times in the admin; they are changed by services, not here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import PlatformAdmin, ReadOnlyAdmin
from alarms import admin_alarms, admin_notify, admin_rules  # noqa: F401 (they register their own)
from alarms.models import (
    AlarmCheck,
    DeviceEventNote,
    MaintenanceWindow,
    Shelving,
    WatchState,
)
from alarms.sources.checks import effective, shipped_title


@admin.register(WatchState)
class WatchStateAdmin(ReadOnlyAdmin):
    """How far rules have come on their channels."""

    list_display = ("rule", "channel", "tenant", "version", "updated_at")
    list_filter = ("tenant",)
    list_select_related = ("tenant", "rule", "channel")
    ordering = ("-id",)


@admin.register(MaintenanceWindow)
class MaintenanceWindowAdmin(ReadOnlyAdmin):
    """When somebody works somewhere."""

    is_open_to_tenants = True
    list_display = ("name", "tenant", "site", "gateway", "device", "start", "end", "made_by")
    list_filter = ("tenant",)
    list_select_related = ("tenant", "site", "gateway", "device", "made_by")
    search_fields = ("name", "site__name", "device__name", "gateway__name")
    date_hierarchy = "start"
    ordering = ("-start", "-id")


@admin.register(Shelving)
class ShelvingAdmin(ReadOnlyAdmin):
    """Of what nobody is told for a time."""

    is_open_to_tenants = True
    list_display = ("label", "tenant", "until", "reason", "made_by")
    list_filter = ("tenant",)
    list_select_related = ("tenant", "made_by")
    search_fields = ("label", "reason")
    ordering = ("-until", "-id")


@admin.register(AlarmCheck)
class AlarmCheckAdmin(PlatformAdmin):
    """When the platform raises alarms of its own; each check has a row, made by the watch."""

    list_display = (
        "title", "code", "is_enabled", "holding_severity", "holding_limit", "holding_seconds",
    )  # fmt: skip
    list_filter = ("is_enabled",)
    search_fields = ("code",)
    ordering = ("code",)
    readonly_fields = ("code", "title", "created_at", "updated_at")
    fields = (
        "title", "code", "is_enabled", "severity", "limit", "for_seconds", "created_at",
        "updated_at",
    )  # fmt: skip

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: what can be checked is written in the program."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: a check is switched off."""
        return False

    @admin.display(description=_("what is wrong"))
    def title(self, row: AlarmCheck) -> str:
        """Say what it finds."""
        return shipped_title(row.code)

    @admin.display(description=_("severity"))
    def holding_severity(self, row: AlarmCheck) -> str:
        """Say which severity holds."""
        return str(effective(row).severity.label)

    @admin.display(description=_("limit"))
    def holding_limit(self, row: AlarmCheck) -> str:
        """Say which limit holds, with its unit."""
        check = effective(row)
        return "" if check.limit is None else f"{check.limit:g} {check.unit}".strip()

    @admin.display(description=_("for, s"))
    def holding_seconds(self, row: AlarmCheck) -> int:
        """Say for how long it must be wrong."""
        return effective(row).for_seconds


@admin.register(DeviceEventNote)
class DeviceEventNoteAdmin(ReadOnlyAdmin):
    """Events of devices that wait to become alarms; those with an error are tried again."""

    list_display = ("id", "event_id", "tenant_id", "tries", "error", "not_before")
    ordering = ("id",)
