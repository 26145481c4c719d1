"""Budgets and baselines in the admin: they are made on the page or by the API."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin_base import ReadOnlyAdmin
from metering.models import Baseline, Budget


@admin.register(Budget)
class BudgetAdmin(ReadOnlyAdmin):
    """What years are meant to take."""

    is_open_to_tenants = True
    list_display = ("site", "meter", "tenant", "commodity", "measure", "currency", "year")
    list_filter = ("tenant", "measure", "commodity")
    list_select_related = ("tenant", "site", "meter")
    search_fields = ("site__name", "meter__name")
    ordering = ("site__name", "-year", "id")


@admin.register(Baseline)
class BaselineAdmin(ReadOnlyAdmin):
    """What savings are measured against."""

    is_open_to_tenants = True
    list_display = (
        "site", "meter", "tenant", "commodity", "start", "end", "driver", "r2", "cvrmse",
        "counted_from",
    )  # fmt: skip
    list_filter = ("tenant", "driver", "commodity")
    list_select_related = ("tenant", "site", "meter")
    search_fields = ("site__name", "meter__name", "note")
    ordering = ("site__name", "start", "id")
