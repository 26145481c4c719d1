"""The fleet in the admin."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import TenantForm, TenantOwnedAdmin
from accounts.services.refusals import QuotaDevices
from devices import (  # noqa: F401 (register themselves)
    admin_claims,
    admin_commands,
    admin_configuration,
    admin_firmware,
    admin_profiles,
    admin_shares,
    admin_wires,
    admin_zigbee,
)
from devices.admin_certificates import BoxAdmin, CertificateInline
from devices.models import Channel, Device, EmergencyStop, Gateway, Site, Zone
from devices.presence import Presence
from devices.queries import with_presence
from devices.queries_commands import is_stopped
from devices.queries_gateways import with_gateway_presence
from devices.services.devices import check_device_quota, register_device
from devices.services.gateways import (
    NOT_AVAILABLE,
    ReservedIdentifier,
    TooManyNames,
    UnusableIdentifier,
    check_identifier,
    check_names_tried,
    note_refused_name,
    register_gateway,
)
from devices.tags import clean_tags

PRESENCE_LABELS = {
    Presence.ONLINE: _("Online"),
    Presence.LATE: _("Late"),
    Presence.OFFLINE: _("Offline"),
    Presence.SILENT: _("Never heard"),
}
DESCRIPTION_FIELDSETS = (
    (_("Payload"), {"fields": ("source", "source_unit", "scale")}),
    (
        _("Stored as"),
        {"fields": ("unit", "kind", "direction", "phase", "decimals", "stored_decimals")},
    ),
    (
        _("Plausible"),
        {
            "fields": (
                "minimum",
                "maximum",
                "maximum_rate",
                "stuck_after_seconds",
                "expected_interval_seconds",
            )
        },
    ),
)


class PresenceFilter(admin.SimpleListFilter):
    """Filters by what the presence is at this moment; the list is annotated with it."""

    title = _("presence")
    parameter_name = "presence"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer every presence."""
        return [(presence.value, label) for presence, label in PRESENCE_LABELS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the chosen presence."""
        return queryset.filter(presence=self.value()) if self.value() else queryset


class PresenceAdmin(TenantOwnedAdmin):
    """A list with a presence column."""

    @admin.display(description=_("presence"), ordering="silence")
    def presence(self, obj: Any) -> str:
        """Name the presence at the moment the list was asked for."""
        return str(PRESENCE_LABELS[Presence(obj.presence)])

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Annotate the presence now."""
        return self.annotate_presence(super().get_queryset(request), now=timezone.now())

    def annotate_presence(self, queryset: QuerySet[Any], *, now: dt.datetime) -> QuerySet[Any]:
        """Return the rows with `presence` and `silence`."""
        return with_presence(queryset, now=now)


@admin.register(Site)
class SiteAdmin(TenantOwnedAdmin):
    """Places."""

    is_open_to_tenants = True
    needs_sudo_to_delete = True
    list_display = ("name", "tenant", "timezone", "currency")
    list_filter = ("tenant", "timezone", "currency")
    list_select_related = ("tenant",)
    search_fields = ("name", "address")
    ordering = ("name", "id")
    fields = (
        "tenant", "name", "timezone", "currency", "address", "latitude", "longitude",
        "created_at", "updated_at",
    )  # fmt: skip
    readonly_fields = ("tenant", "created_at", "updated_at")


class GatewayForm(TenantForm):
    """Refuses identifiers that the broker or the topics could not carry."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "uid" in self.fields:
            self.fields["uid"].error_messages["unique"] = NOT_AVAILABLE

    def clean_uid(self) -> str:
        """Check a new identifier."""
        uid: str = self.cleaned_data["uid"]
        try:
            check_names_tried(self.instance.tenant_id)
            check_identifier(uid)
        except TooManyNames as error:
            raise ValidationError(str(error), code=error.code) from error
        except UnusableIdentifier as error:
            if isinstance(error, ReservedIdentifier):
                note_refused_name(self.instance.tenant_id)
            raise ValidationError(str(error), code="unusable") from error
        return uid

    def validate_unique(self) -> None:
        """Count identifiers that somebody has."""
        super().validate_unique()
        if self.has_error("uid", "unique"):
            note_refused_name(self.instance.tenant_id)


@admin.register(Gateway)
class GatewayAdmin(BoxAdmin, PresenceAdmin):
    """Gateways; identifier and site stay, because the broker's account and devices use them."""

    is_open_to_tenants = True
    needs_sudo_to_delete = True
    form = GatewayForm
    list_display = ("name", "uid", "tenant", "site", "presence", "last_seen_at", "firmware_version")
    list_filter = ("tenant", PresenceFilter, "reported_status", "firmware_version")
    list_select_related = ("tenant", "site")
    search_fields = ("name", "uid", "site__name")
    autocomplete_fields = ("site",)
    ordering = ("name", "id")
    fields = (
        "tenant", "site", "uid", "name", "last_seen_at", "reported_status",
        "reported_status_at", "firmware_version", "created_at", "updated_at",
    )  # fmt: skip
    machine_fields = (
        "tenant", "last_seen_at", "reported_status", "reported_status_at", "firmware_version",
        "created_at", "updated_at",
    )  # fmt: skip

    def annotate_presence(self, queryset: QuerySet[Any], *, now: dt.datetime) -> QuerySet[Any]:
        """Judge a gateway by its most frequent device."""
        return with_gateway_presence(queryset, now=now)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Fix what must not change once the gateway exists."""
        return (*self.machine_fields, "site", "uid") if obj else self.machine_fields

    def save_model(self, request: HttpRequest, obj: Gateway, form: Any, change: bool) -> None:
        """Register a new gateway with the device of its own readings."""
        if change:
            super().save_model(request, obj, form, change)
            return
        _become(obj, register_gateway(site=obj.site, uid=obj.uid, name=obj.name))


class DeviceForm(TenantForm):
    """Keeps a device at the site of its gateway."""

    def clean_tags(self) -> list[str]:
        """Drop blanks and repetitions."""
        return clean_tags(self.cleaned_data.get("tags") or [])

    def clean(self) -> dict[str, Any]:
        """Compare the sites."""
        cleaned = super().clean() or self.cleaned_data
        gateway, site = cleaned.get("gateway"), cleaned.get("site")
        if gateway and site and gateway.site_id != site.id:
            self.add_error("gateway", _("This gateway stands at another site."))
        if self.instance._state.adding and self.instance.tenant_id:
            try:
                check_device_quota(tenant_id=self.instance.tenant_id)
            except QuotaDevices as error:
                raise ValidationError(str(error), code=error.code) from error
        return cleaned


@admin.register(Device)
class DeviceAdmin(BoxAdmin, PresenceAdmin):
    """Devices; a new one gets the channels of its profile."""

    is_open_to_tenants = True
    needs_sudo_to_delete = True
    form = DeviceForm
    list_display = (
        "name",
        "uid",
        "tenant",
        "site",
        "gateway",
        "profile",
        "presence",
        "last_seen_at",
    )
    list_filter = ("tenant", PresenceFilter, "reported_status", "profile")
    list_select_related = ("tenant", "site", "gateway", "profile")
    search_fields = ("name", "uid", "serial_number", "gateway__uid", "site__name")
    autocomplete_fields = ("site", "zone", "gateway", "profile")
    inlines = (CertificateInline,)
    ordering = ("name", "id")
    fields = (
        "tenant", "site", "gateway", "profile", "uid", "name", "serial_number", "tags",
        "last_seen_at", "reported_status", "reported_status_at", "created_at", "updated_at",
    )  # fmt: skip
    readonly_fields = (
        "tenant", "last_seen_at", "reported_status", "reported_status_at", "created_at",
        "updated_at",
    )  # fmt: skip

    def save_model(self, request: HttpRequest, obj: Device, form: Any, change: bool) -> None:
        """Register a new device with the channels of its profile."""
        if change:
            super().save_model(request, obj, form, change)
            return
        saved = register_device(
            site=obj.site,
            gateway=obj.gateway,
            uid=obj.uid,
            name=obj.name,
            profile=obj.profile,
            serial_number=obj.serial_number,
            tags=obj.tags,
        )
        _become(obj, saved)


@admin.register(Zone)
class ZoneAdmin(TenantOwnedAdmin):
    """Parts of sites."""

    is_open_to_tenants = True
    list_display = ("name", "site", "tenant", "uid")
    list_filter = ("tenant",)
    list_select_related = ("site", "tenant")
    search_fields = ("name", "uid", "site__name")
    autocomplete_fields = ("site",)
    ordering = ("name", "id")
    readonly_fields: tuple[str, ...] = ("tenant", "created_at", "updated_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep a zone at its site: its devices stand there."""
        return (*self.readonly_fields, "site") if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse while an emergency stop holds: without the zone it would hold for nothing."""
        is_held = obj is not None and is_stopped(EmergencyStop.Scope.ZONE, obj.pk)
        return not is_held and bool(super().has_delete_permission(request, obj))


@admin.register(Channel)
class ChannelAdmin(TenantOwnedAdmin):
    """Measured quantities."""

    is_open_to_tenants = True
    list_display = (
        "name", "label", "device", "tenant", "source", "unit", "kind", "is_discovered",
    )  # fmt: skip
    list_filter = ("tenant", "is_discovered", "kind", "direction", "phase", "unit")
    list_select_related = ("device", "tenant")
    search_fields = ("name", "label", "source", "device__name", "device__uid")
    autocomplete_fields = ("device",)
    ordering = ("device_id", "name", "id")
    readonly_fields = ("tenant", "uuid", "samples", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("tenant", "device", "name", "label", "is_discovered")}),
        *DESCRIPTION_FIELDSETS,
        (_("Keys"), {"fields": ("uuid", "samples", "created_at", "updated_at")}),
    )

    @admin.display(description=_("key of samples"))
    def samples(self, obj: Channel) -> str:
        """Show the short key that rows of samples carry."""
        return format_html("<code>{}</code>", obj.pk) if obj.pk else "-"


def _become(obj: Any, saved: Any) -> None:
    """Let the form's object be the row that the service saved."""
    obj.__dict__.update(saved.__dict__)
