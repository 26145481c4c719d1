"""Alarms, their rules and quiet times in the admin; they are changed by services, not here."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin_base import ReadOnlyAdmin
from alarms.models import (
    Alarm,
    AlarmEvent,
    AlarmRule,
    AlarmRuleVersion,
    MaintenanceWindow,
    Shelving,
    WatchState,
)


@admin.register(Alarm)
class AlarmAdmin(ReadOnlyAdmin):
    """All alarms, open ones and those that ended."""

    is_open_to_tenants = True
    list_display = (
        "raised_at", "title", "subject", "tenant", "severity", "source", "ending",
        "suppressed_because", "acknowledged_at", "assignee",
    )  # fmt: skip
    list_filter = ("tenant", "severity", "source", "ending", "suppressed_because", "rating")
    list_select_related = ("tenant", "assignee")
    search_fields = ("title", "subject", "code", "text")
    date_hierarchy = "raised_at"
    ordering = ("-raised_at", "-id")


@admin.register(AlarmEvent)
class AlarmEventAdmin(ReadOnlyAdmin):
    """What happened to alarms."""

    is_open_to_tenants = True
    list_display = ("at", "alarm", "tenant", "kind", "by_label", "text")
    list_filter = ("tenant", "kind")
    list_select_related = ("tenant", "alarm")
    search_fields = ("alarm__title", "alarm__subject", "text")
    ordering = ("-id",)


@admin.register(AlarmRule)
class AlarmRuleAdmin(ReadOnlyAdmin):
    """What is watched."""

    is_open_to_tenants = True
    list_display = (
        "name", "tenant", "is_enabled", "channel", "metric", "device", "site", "profile", "tag",
    )  # fmt: skip
    list_filter = ("tenant", "is_enabled")
    list_select_related = ("tenant", "channel", "device", "site", "profile")
    search_fields = ("name", "metric", "tag")
    ordering = ("name", "id")


@admin.register(AlarmRuleVersion)
class AlarmRuleVersionAdmin(ReadOnlyAdmin):
    """What rules looked for."""

    is_open_to_tenants = True
    list_display = ("rule", "tenant", "number", "created_at", "made_by", "note")
    list_filter = ("tenant",)
    list_select_related = ("tenant", "rule", "made_by")
    search_fields = ("rule__name", "note", "text")
    ordering = ("rule__name", "-number", "id")


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
