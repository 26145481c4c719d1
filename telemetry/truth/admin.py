"""Completeness and corrections in the admin: to look at, programs and services write them."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import ReadOnlyAdmin
from telemetry.truth.models import ChannelDay, DeviceSequence, SampleCorrection, SequenceGap
from telemetry.truth.words import explain


@admin.register(DeviceSequence)
class DeviceSequenceAdmin(ReadOnlyAdmin):
    """Which numbers of each boot arrived."""

    is_open_to_tenants = True
    list_display = ("device", "boot", "tenant", "gap_count", "receipt_upto", "last_at")
    list_filter = ("tenant",)
    list_select_related = ("tenant", "device")
    search_fields = ("device__name", "device__uid")
    ordering = ("-last_at", "-id")


@admin.register(SequenceGap)
class SequenceGapAdmin(ReadOnlyAdmin):
    """Numbers that did not arrive, and what was done about it."""

    is_open_to_tenants = True
    list_display = (
        "device", "start", "end", "missing", "tenant", "since", "requests", "filled_at",
        "given_up_at",
    )  # fmt: skip
    list_filter = ("tenant", ("filled_at", admin.EmptyFieldListFilter))
    list_select_related = ("tenant", "sequence__device")
    search_fields = ("sequence__device__name", "sequence__device__uid")
    date_hierarchy = "since"
    ordering = ("-since", "-id")

    @admin.display(description=_("device"), ordering="sequence__device__name")
    def device(self, gap: SequenceGap) -> str:
        """Name the device."""
        return gap.sequence.device.name


@admin.register(SampleCorrection)
class SampleCorrectionAdmin(ReadOnlyAdmin):
    """Values that people set, with what they replaced."""

    is_open_to_tenants = True
    list_display = (
        "channel", "device", "tenant", "at", "old_value", "new_value", "new_quality", "reason",
        "made_by_label", "created_at",
    )  # fmt: skip
    list_filter = ("tenant", "new_quality")
    list_select_related = ("tenant", "channel__device")
    search_fields = ("channel__name", "channel__device__name", "reason", "made_by_label")
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")

    @admin.display(description=_("device"), ordering="channel__device__name")
    def device(self, correction: SampleCorrection) -> str:
        """Name the device."""
        return correction.channel.device.name


@admin.register(ChannelDay)
class ChannelDayAdmin(ReadOnlyAdmin):
    """How far each day of a channel can be trusted."""

    is_open_to_tenants = True
    list_display = (
        "channel", "device", "tenant", "day", "grade", "complete", "noticed",
    )  # fmt: skip
    list_filter = ("tenant", "grade")
    list_select_related = ("tenant", "channel__device")
    search_fields = ("channel__name", "channel__device__name", "channel__device__uid")
    date_hierarchy = "day"
    ordering = ("-day", "channel_id")

    @admin.display(description=_("complete"), ordering="completeness")
    def complete(self, row: ChannelDay) -> str:
        """Show the share in percent."""
        return "-" if row.completeness is None else f"{row.completeness * 100:.1f} %"

    @admin.display(description=_("noticed"))
    def noticed(self, row: ChannelDay) -> str:
        """Show the findings as sentences."""
        return " ".join(explain(row)) or "-"

    @admin.display(description=_("device"), ordering="channel__device__name")
    def device(self, row: ChannelDay) -> str:
        """Name the device."""
        return row.channel.device.name
