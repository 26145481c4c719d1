"""Rules, schedules and executions in the admin; they are changed by services, not here."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin_base import ReadOnlyAdmin, ReadOnlyInline
from automation import admin_guards, admin_zones  # noqa: F401 (they register their own)
from automation.models import (
    AutomationEventNote,
    AutomationRule,
    AutomationRuleVersion,
    Execution,
    ExecutionStep,
    RuleState,
    Schedule,
)


class VersionInline(ReadOnlyInline):
    """What the rule does and did."""

    is_open_to_tenants = True
    model = AutomationRuleVersion
    fields = ("number", "definition", "note", "made_by", "created_at")
    readonly_fields = fields
    ordering = ("-number",)


@admin.register(AutomationRule)
class AutomationRuleAdmin(ReadOnlyAdmin):
    """What follows when something happens."""

    is_open_to_tenants = True
    list_display = ("name", "tenant", "is_enabled", "is_dry", "quarantine", "site", "acted_at")
    list_filter = ("tenant", "is_enabled", "quarantine")
    list_select_related = ("tenant", "site")
    search_fields = ("name",)
    ordering = ("name", "id")
    inlines = (VersionInline,)


@admin.register(AutomationRuleVersion)
class AutomationRuleVersionAdmin(ReadOnlyAdmin):
    """What rules did from a moment on."""

    is_open_to_tenants = True
    list_display = ("rule", "number", "tenant", "note", "made_by", "created_at")
    list_filter = ("tenant",)
    list_select_related = ("tenant", "rule", "made_by")
    search_fields = ("rule__name", "note")
    ordering = ("-created_at", "-id")


@admin.register(Schedule)
class ScheduleAdmin(ReadOnlyAdmin):
    """What is done at given times."""

    is_open_to_tenants = True
    list_display = ("name", "tenant", "site", "zone", "is_enabled", "next_at")
    list_filter = ("tenant", "is_enabled")
    list_select_related = ("tenant", "site", "zone")
    search_fields = ("name",)
    ordering = ("name", "id")


class StepInline(ReadOnlyInline):
    """What was done, in order."""

    is_open_to_tenants = True
    model = ExecutionStep
    fields = ("number", "action", "state", "command", "code", "detail", "started_at", "finished_at")
    readonly_fields = fields
    ordering = ("number",)


@admin.register(Execution)
class ExecutionAdmin(ReadOnlyAdmin):
    """What automation did, and why."""

    is_open_to_tenants = True
    list_display = ("label", "tenant", "origin", "state", "reason", "triggered_at", "finished_at")
    list_filter = ("tenant", "origin", "state", "reason")
    list_select_related = ("tenant",)
    search_fields = ("label",)
    date_hierarchy = "decided_at"
    ordering = ("-decided_at", "-id")
    inlines = (StepInline,)


@admin.register(RuleState)
class RuleStateAdmin(ReadOnlyAdmin):
    """How far rules have come with samples."""

    list_display = ("rule", "tenant", "version", "updated_at")
    list_filter = ("tenant",)
    list_select_related = ("tenant", "rule")
    ordering = ("-id",)


@admin.register(AutomationEventNote)
class AutomationEventNoteAdmin(ReadOnlyAdmin):
    """What happened and no rule has looked at yet."""

    list_display = ("id", "type", "tenant_id", "device_id", "occurred_at")
    list_filter = ("type",)
    ordering = ("id",)
