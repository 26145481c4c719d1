"""What is installed and fed, and what was decided and booked: to look at."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import ReadOnlyAdmin, ReadOnlyInline
from metering.models import (
    LedgerBooking,
    LedgerDecision,
    MeterInstallation,
    Register,
    RegisterFeed,
)
from metering.series import to_decimal


class FeedInline(ReadOnlyInline):
    """Which channels feed it."""

    is_open_to_tenants = True
    model = RegisterFeed
    fields: tuple[str, ...] = ("register", "channel", "initial", "final", "part", "integration")


@admin.register(MeterInstallation)
class MeterInstallationAdmin(ReadOnlyAdmin):
    """Hardware; it is changed with its registers on the meter's page."""

    is_open_to_tenants = True
    list_display = (
        "meter", "serial", "tenant", "installed_at", "removed_at", "ct_ratio", "vt_ratio",
        "multiplier",
    )  # fmt: skip
    list_filter = ("tenant", ("removed_at", admin.EmptyFieldListFilter))
    list_select_related = ("tenant", "meter")
    search_fields = ("serial", "meter__name")
    date_hierarchy = "installed_at"
    ordering = ("-installed_at", "id")
    inlines = (FeedInline,)


@admin.register(Register)
class RegisterAdmin(ReadOnlyAdmin):
    """Counts of meters, and how far the ledger has come with each."""

    is_open_to_tenants = True
    list_display = ("meter", "quantity", "tenant", "built_at")
    list_filter = ("tenant", "quantity")
    list_select_related = ("tenant", "meter", "state")
    search_fields = ("meter__name",)
    ordering = ("meter__name", "quantity", "id")
    fields = ("tenant", "meter", "quantity", "uuid", "built_at", "created_at", "updated_at")
    readonly_fields = fields

    @admin.display(description=_("built"), ordering="state__built_at")
    def built_at(self, register: Register) -> Any:
        """Tell when the ledger last went on."""
        state = getattr(register, "state", None)
        return state.built_at if state else None


@admin.register(RegisterFeed)
class RegisterFeedAdmin(ReadOnlyAdmin):
    """Channels that feed registers."""

    is_open_to_tenants = True
    list_display = ("meter", "quantity", "channel", "device", "tenant", "initial", "final")
    list_filter = ("tenant",)
    list_select_related = ("tenant", "register__meter", "channel__device")
    search_fields = ("register__meter__name", "channel__name", "channel__device__name")
    ordering = ("register__meter__name", "id")

    @admin.display(description=_("meter"), ordering="register__meter__name")
    def meter(self, feed: RegisterFeed) -> str:
        """Name the meter."""
        return feed.register.meter.name

    @admin.display(description=_("quantity"), ordering="register__quantity")
    def quantity(self, feed: RegisterFeed) -> str:
        """Name the count."""
        return feed.register.get_quantity_display()

    @admin.display(description=_("device"), ordering="channel__device__name")
    def device(self, feed: RegisterFeed) -> str:
        """Name the device."""
        return feed.channel.device.name if feed.channel else "-"


class AmountsAdmin(ReadOnlyAdmin):
    """Rows with amounts in millionths of the meter's unit."""

    is_open_to_tenants = True
    list_select_related = ("tenant", "register__meter")

    @admin.display(description=_("meter"), ordering="register__meter__name")
    def meter(self, row: Any) -> str:
        """Name the meter and what it counts."""
        return f"{row.register.meter.name}, {row.register.get_quantity_display()}"

    def _amount(self, row: Any, name: str) -> str:
        return f"{_plain(to_decimal(getattr(row, name)))} {row.register.meter.unit}"


@admin.register(LedgerDecision)
class LedgerDecisionAdmin(AmountsAdmin):
    """What was decided about samples that do not simply continue."""

    list_display = (
        "kind", "meter", "tenant", "until", "shown_booked", "shown_withheld", "superseded_at",
    )  # fmt: skip
    list_filter = ("tenant", "kind", ("superseded_at", admin.EmptyFieldListFilter))
    search_fields = ("register__meter__name",)
    date_hierarchy = "time"
    ordering = ("-time", "-id")
    fields = (
        "tenant", "meter", "kind", "time", "until", "shown_before", "shown_after",
        "shown_booked", "shown_withheld", "count", "recorded_at", "superseded_at", "kept_at",
        "kept_reason",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description=_("register before"), ordering="before")
    def shown_before(self, row: LedgerDecision) -> str:
        """Show it in the unit of the meter."""
        return self._amount(row, "before")

    @admin.display(description=_("register after"), ordering="after")
    def shown_after(self, row: LedgerDecision) -> str:
        """Show it in the unit of the meter."""
        return self._amount(row, "after")

    @admin.display(description=_("booked"), ordering="booked")
    def shown_booked(self, row: LedgerDecision) -> str:
        """Show it in the unit of the meter."""
        return self._amount(row, "booked")

    @admin.display(description=_("withheld"), ordering="withheld")
    def shown_withheld(self, row: LedgerDecision) -> str:
        """Show it in the unit of the meter."""
        return self._amount(row, "withheld")


@admin.register(LedgerBooking)
class LedgerBookingAdmin(AmountsAdmin):
    """What people booked; entered on the meter's page."""

    list_display = ("meter", "tenant", "start", "end", "shown_amount", "reason", "created_at")
    list_filter = ("tenant",)
    search_fields = ("register__meter__name", "reason")
    date_hierarchy = "start"
    ordering = ("-start", "id")
    fields = ("tenant", "meter", "start", "end", "shown_amount", "reason", "created_at")
    readonly_fields = fields

    @admin.display(description=_("amount"), ordering="amount")
    def shown_amount(self, row: LedgerBooking) -> str:
        """Show it in the unit of the meter."""
        return self._amount(row, "amount")


def _plain(value: Decimal) -> str:
    return f"{value:f}"
