"""Tariffs and costs in the admin: prices are entered on the page or by the API, as versions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.translation import gettext

from accounts.admin_base import (
    ReadOnlyAdmin,
    ReadOnlyInline,
    TabularInline,
    TenantGate,
    TenantOwnedAdmin,
)
from metering.models import (
    AllocationKey,
    AllocationShare,
    BillingPeriod,
    CostCentre,
    CostLine,
    CostMonth,
    CostState,
    Price,
    PriceSeries,
    Tariff,
    TariffAssignment,
    TariffVersion,
)


class VersionInline(ReadOnlyInline):
    """From when on which prices hold."""

    is_open_to_tenants = True
    model = TariffVersion
    fields = ("valid_from", "valid_to", "known_at", "note")
    show_change_link = True


@admin.register(Tariff)
class TariffAdmin(TenantOwnedAdmin):
    """Tariffs; those by which something was charged cannot be deleted."""

    is_open_to_tenants = True
    list_display = ("name", "tenant", "commodity", "currency")
    list_filter = ("tenant", "commodity", "currency")
    list_select_related = ("tenant",)
    search_fields = ("name",)
    ordering = ("name", "id")
    readonly_fields: tuple[str, ...] = ("tenant", "created_at", "updated_at")
    inlines = (VersionInline,)
    deleted_silently = (*TenantOwnedAdmin.deleted_silently, "metering.TariffVersion")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the currency of a tariff that is there: costs were computed in it."""
        return (*self.readonly_fields, "commodity", "currency") if obj else self.readonly_fields


@admin.register(TariffVersion)
class TariffVersionAdmin(ReadOnlyAdmin):
    """Prices, never changed."""

    is_open_to_tenants = True
    list_display = ("tariff", "tenant", "valid_from", "valid_to", "known_at", "note")
    list_filter = ("tenant",)
    list_select_related = ("tenant", "tariff")
    search_fields = ("tariff__name", "note")
    ordering = ("tariff__name", "valid_from", "known_at")


@admin.register(TariffAssignment)
class TariffAssignmentAdmin(ReadOnlyAdmin):
    """Where tariffs apply."""

    is_open_to_tenants = True
    list_display = ("tariff", "site", "meter", "tenant", "valid_from", "valid_to")
    list_filter = ("tenant",)
    list_select_related = ("tenant", "tariff", "site", "meter")
    search_fields = ("tariff__name", "site__name", "meter__name")
    ordering = ("site__name", "valid_from", "id")


@admin.register(PriceSeries)
class PriceSeriesAdmin(ReadOnlyAdmin):
    """Series of prices."""

    is_open_to_tenants = True
    list_display = ("name", "tenant", "currency")
    list_filter = ("tenant", "currency")
    list_select_related = ("tenant",)
    search_fields = ("name",)
    ordering = ("name", "id")


@admin.register(Price)
class PriceAdmin(ReadOnlyAdmin):
    """Prices by quarter hour, and what they replaced."""

    is_open_to_tenants = True
    list_display = ("series", "tenant", "number", "price", "known_at", "superseded_at")
    list_filter = ("tenant",)
    list_select_related = ("tenant", "series")
    search_fields = ("series__name",)
    ordering = ("-id",)


@admin.register(BillingPeriod)
class BillingPeriodAdmin(ReadOnlyAdmin):
    """What is billed together."""

    is_open_to_tenants = True
    list_display = ("site", "tenant", "start", "end", "closed_at")
    list_filter = ("tenant",)
    list_select_related = ("tenant", "site")
    search_fields = ("site__name",)
    ordering = ("-start", "id")


@admin.register(CostLine)
class CostLineAdmin(ReadOnlyAdmin):
    """What meters cost by day, former revisions included."""

    is_open_to_tenants = True
    list_display = (
        "meter", "tenant", "day", "component", "band", "quantity", "unit", "amount", "currency",
        "is_adjustment", "is_provisional", "revision", "superseded_at",
    )  # fmt: skip
    list_filter = ("tenant", "kind", "is_adjustment", "is_provisional")
    list_select_related = ("tenant", "meter")
    search_fields = ("meter__name", "component")
    ordering = ("-day", "-id")


@admin.register(CostMonth)
class CostMonthAdmin(ReadOnlyAdmin):
    """What the lines of a month come to."""

    is_open_to_tenants = True
    list_display = ("month", "meter", "tenant", "component", "amount", "currency", "adjusted")
    list_filter = ("tenant", "currency")
    list_select_related = ("tenant", "meter")
    search_fields = ("meter__name", "component")
    ordering = ("-month", "meter_id", "component", "id")


@admin.register(CostState)
class CostStateAdmin(ReadOnlyAdmin):
    """How far costs follow, and what stops them."""

    is_open_to_tenants = True
    list_display = ("meter", "tenant", "costed_to", "due_from", "due_to", "due_at", "error")
    list_filter = ("tenant",)
    list_select_related = ("tenant", "meter")
    search_fields = ("meter__name", "error")
    ordering = ("due_at", "meter_id")


@admin.register(CostCentre)
class CostCentreAdmin(TenantOwnedAdmin):
    """Who bears costs."""

    is_open_to_tenants = True
    list_display = ("name", "site", "tenant", "kind", "area_m2", "meter")
    list_filter = ("tenant", "kind")
    list_select_related = ("tenant", "site", "meter")
    search_fields = ("name", "site__name")
    autocomplete_fields = ("site", "meter")
    ordering = ("site__name", "name", "id")
    readonly_fields = ("tenant", "created_at", "updated_at")
    deleted_silently = (*TenantOwnedAdmin.deleted_silently, "metering.AllocationShare")


class ShareFormSet(BaseInlineFormSet):
    """Checks that fixed shares sum to 100 %."""

    def clean(self) -> None:
        """Add up."""
        super().clean()
        rows = [form.cleaned_data for form in self.forms if getattr(form, "cleaned_data", None)]
        kept = [row for row in rows if not row.get("DELETE")]
        if self.instance.method != AllocationKey.Method.FIXED or any(self.errors):
            return
        total = sum((row.get("percent") or Decimal(0) for row in kept), Decimal(0))
        if total != 100:
            raise ValidationError(gettext("The shares sum to %s, not to 100 %%.") % f"{total:f}")


class ShareInline(TenantGate, TabularInline):
    """Among whom costs are shared."""

    is_open_to_tenants = True
    model = AllocationShare
    formset = ShareFormSet
    fields = ("centre", "percent")
    autocomplete_fields = ("centre",)
    extra = 2


@admin.register(AllocationKey)
class AllocationKeyAdmin(TenantOwnedAdmin):
    """How costs are shared."""

    is_open_to_tenants = True
    list_display = ("name", "site", "tenant", "meter", "method")
    list_filter = ("tenant", "method")
    list_select_related = ("tenant", "site", "meter")
    search_fields = ("name", "site__name")
    autocomplete_fields = ("site", "meter")
    ordering = ("site__name", "name", "id")
    readonly_fields = ("tenant", "created_at", "updated_at")
    inlines = (ShareInline,)


@admin.register(AllocationShare)
class AllocationShareAdmin(ReadOnlyAdmin):
    """Shares; they are changed with their key."""

    is_open_to_tenants = True
    list_display = ("key", "centre", "tenant", "percent")
    list_filter = ("tenant",)
    list_select_related = ("tenant", "key", "centre")
    search_fields = ("key__name", "centre__name")
    ordering = ("key__name", "centre__name", "id")
