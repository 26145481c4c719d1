"""Recipes and the control of zones in the admin; they are changed by services, not here."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin_base import ReadOnlyAdmin, ReadOnlyInline
from automation.models import (
    Recipe,
    RecipePhase,
    ZoneControl,
    ZoneController,
    ZonePhase,
    ZoneRole,
)


class PhaseInline(ReadOnlyInline):
    """The phases of a recipe, in order."""

    is_open_to_tenants = True
    model = RecipePhase
    fields = ("number", "name", "hours", "definition")
    readonly_fields = fields
    ordering = ("number",)


@admin.register(Recipe)
class RecipeAdmin(ReadOnlyAdmin):
    """Phases with targets and schedules."""

    is_open_to_tenants = True
    list_display = ("name", "tenant", "revision", "note", "updated_at")
    list_filter = ("tenant",)
    list_select_related = ("tenant",)
    search_fields = ("name", "note")
    ordering = ("name", "id")
    inlines = (PhaseInline,)


@admin.register(RecipePhase)
class RecipePhaseAdmin(ReadOnlyAdmin):
    """Parts of recipes."""

    is_open_to_tenants = True
    list_display = ("name", "recipe", "number", "hours", "tenant")
    list_filter = ("tenant",)
    list_select_related = ("tenant", "recipe")
    search_fields = ("name", "recipe__name")
    ordering = ("recipe__name", "number", "id")


class RoleInline(ReadOnlyInline):
    """Who does what in the zone."""

    is_open_to_tenants = True
    model = ZoneRole
    fields = ("name", "device", "start", "params", "amount", "stop", "stop_params")
    readonly_fields = fields
    ordering = ("name",)


class ControllerInline(ReadOnlyInline):
    """What brings values of the zone to their targets."""

    is_open_to_tenants = True
    model = ZoneController
    fields = ("name", "kind", "metric", "channel", "raises", "lowers", "target", "is_enabled")
    readonly_fields = fields
    ordering = ("name",)


@admin.register(ZoneControl)
class ZoneControlAdmin(ReadOnlyAdmin):
    """How zones are controlled."""

    is_open_to_tenants = True
    list_display = ("zone", "tenant", "mode", "recipe_name", "phase", "last_cycle_at", "errors")
    list_filter = ("tenant", "mode", "recipe_state")
    list_select_related = ("tenant", "zone")
    search_fields = ("zone__name", "recipe_name")
    ordering = ("zone__name", "id")
    inlines = (RoleInline, ControllerInline)


@admin.register(ZoneRole)
class ZoneRoleAdmin(ReadOnlyAdmin):
    """Who does what in zones."""

    is_open_to_tenants = True
    list_display = ("name", "control", "device", "start", "stop", "tenant")
    list_filter = ("tenant",)
    list_select_related = ("tenant", "control", "device")
    search_fields = ("name", "device__name")
    ordering = ("name", "id")


@admin.register(ZoneController)
class ZoneControllerAdmin(ReadOnlyAdmin):
    """What brings values to their targets."""

    is_open_to_tenants = True
    list_display = ("name", "control", "kind", "metric", "channel", "is_enabled", "tenant")
    list_filter = ("tenant", "kind", "is_enabled")
    list_select_related = ("tenant", "control", "channel")
    search_fields = ("name", "metric")
    ordering = ("name", "id")


@admin.register(ZonePhase)
class ZonePhaseAdmin(ReadOnlyAdmin):
    """Which phases began in zones, and why."""

    is_open_to_tenants = True
    list_display = ("control", "recipe_name", "name", "cause", "by", "started_at", "ended_at",
                    "tenant")  # fmt: skip
    list_filter = ("tenant", "cause")
    list_select_related = ("tenant", "control")
    search_fields = ("recipe_name", "name")
    ordering = ("-started_at", "-id")
