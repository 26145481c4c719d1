"""Demand guards in the admin; they are changed by services, not here."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin_base import ReadOnlyAdmin, ReadOnlyInline
from automation.models import DemandGuard, DemandWindow, SheddableLoad


class LoadInline(ReadOnlyInline):
    """What a guard may shed, in order."""

    is_open_to_tenants = True
    model = SheddableLoad
    fields = (
        "number", "name", "device", "rated_kw", "shed_command", "restore_command", "is_shed",
        "since",
    )  # fmt: skip
    readonly_fields = fields
    ordering = ("number", "id")


@admin.register(DemandGuard)
class DemandGuardAdmin(ReadOnlyAdmin):
    """Keeps the demand of a site below a limit."""

    is_open_to_tenants = True
    list_display = ("name", "tenant", "site", "limit_kw", "is_enabled", "is_shedding", "next_at")
    list_filter = ("tenant", "is_enabled", "is_shedding")
    list_select_related = ("tenant", "site")
    search_fields = ("name",)
    ordering = ("name", "id")
    inlines = (LoadInline,)


@admin.register(SheddableLoad)
class SheddableLoadAdmin(ReadOnlyAdmin):
    """What sites can do without for a while."""

    is_open_to_tenants = True
    list_display = ("name", "tenant", "guard", "device", "rated_kw", "is_shed", "since")
    list_filter = ("tenant", "is_shed")
    list_select_related = ("tenant", "guard", "device")
    search_fields = ("name",)
    ordering = ("name", "id")


@admin.register(DemandWindow)
class DemandWindowAdmin(ReadOnlyAdmin):
    """What guards saw of windows."""

    is_open_to_tenants = True
    list_display = ("guard", "start", "tenant", "demand_kw", "limit_kw", "warned_at", "shed")
    list_filter = ("tenant",)
    list_select_related = ("tenant", "guard")
    ordering = ("-start", "-id")
