"""Virtual channels in the admin: to look at; they are made on the devices' pages."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import ReadOnlyAdmin
from telemetry.models import VirtualChannel, VirtualInput
from telemetry.virtual.queries import progress_of


@admin.register(VirtualChannel)
class VirtualChannelAdmin(ReadOnlyAdmin):
    """Formulas, and how far their history is computed."""

    is_open_to_tenants = True
    list_display = ("channel", "device", "tenant", "formula", "alignment", "progress")
    list_filter = ("tenant", "alignment", "needs_build")
    list_select_related = ("tenant", "channel__device")
    search_fields = ("channel__name", "channel__device__name", "formula")
    ordering = ("channel_id",)

    @admin.display(description=_("device"), ordering="channel__device__name")
    def device(self, virtual: VirtualChannel) -> str:
        """Name the device."""
        return virtual.channel.device.name

    @admin.display(description=_("history"))
    def progress(self, virtual: VirtualChannel) -> str:
        """Tell how far history is computed."""
        found = progress_of(virtual)
        return f"{found.state} {found.share:.0%}"


@admin.register(VirtualInput)
class VirtualInputAdmin(ReadOnlyAdmin):
    """What formulas are computed from."""

    is_open_to_tenants = True
    list_display = ("virtual", "name", "channel", "device", "tenant")
    list_filter = ("tenant",)
    list_select_related = ("tenant", "virtual", "channel__device")
    search_fields = ("name", "channel__name", "channel__device__name")
    ordering = ("virtual_id", "name")

    @admin.display(description=_("device"), ordering="channel__device__name")
    def device(self, entry: VirtualInput) -> str:
        """Name the device of the input."""
        return entry.channel.device.name
