"""Configuration, events and what waits to be sent, in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import ReadOnlyAdmin
from devices.models import (
    DeviceConfiguration,
    DeviceEvent,
    LiveEvent,
    OutboundMessage,
    ReportedConfiguration,
)


@admin.register(DeviceConfiguration)
class DeviceConfigurationAdmin(ReadOnlyAdmin):
    """Revisions; made on the device's page, where they are checked and sent."""

    is_open_to_tenants = True
    list_display = (
        "device", "revision", "tenant", "state", "reason", "author", "live_until", "created_at",
    )  # fmt: skip
    list_filter = ("tenant", "state")
    list_select_related = ("device", "tenant", "author")
    search_fields = ("device__name", "device__uid", "reason", "error_code")
    ordering = ("-created_at", "-id")


@admin.register(ReportedConfiguration)
class ReportedConfigurationAdmin(ReadOnlyAdmin):
    """What devices say they are set to."""

    is_open_to_tenants = True
    list_display = ("device", "tenant", "revision", "reported_at")
    list_filter = ("tenant",)
    list_select_related = ("device", "tenant")
    search_fields = ("device__name", "device__uid")
    ordering = ("-reported_at", "-id")


@admin.register(DeviceEvent)
class DeviceEventAdmin(ReadOnlyAdmin):
    """What devices told about themselves."""

    is_open_to_tenants = True
    list_display = ("at", "device", "tenant", "kind", "code", "severity", "message")
    list_filter = ("tenant", "kind", "severity")
    list_select_related = ("device", "tenant")
    search_fields = ("device__name", "device__uid", "code", "message")
    date_hierarchy = "at"
    ordering = ("-at", "-id")


@admin.register(LiveEvent)
class LiveEventAdmin(ReadOnlyAdmin):
    """What WebSockets and the event stream told within the last week."""

    is_open_to_tenants = True
    list_display = ("created_at", "tenant", "seq", "type", "severity", "occurred_at")
    list_filter = ("tenant", "type", "severity")
    list_select_related = ("tenant",)
    search_fields = ("event_id", "device_id")
    ordering = ("-id",)


@admin.register(OutboundMessage)
class OutboundMessageAdmin(ReadOnlyAdmin):
    """What waits to be sent; should be empty."""

    list_display = ("topic", "size", "priority", "created_at", "not_before", "expires_at", "tries")
    search_fields = ("topic",)
    ordering = ("-priority", "id")
    exclude = ("payload",)

    @admin.display(description=_("size"))
    def size(self, message: OutboundMessage) -> str:
        """Show how large it is; the payload may be a secret."""
        return str(filesizeformat(len(message.payload)))
