"""Modbus buses and units, serial lines and who holds their ports; for platform staff.

Tenants' people see the state of their wires on the page of a device: an address typed in here
is one that this server connects to.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import ReadOnlyAdmin, TenantForm, TenantOwnedAdmin
from devices.admin_probe import ProbePages
from devices.models import ModbusBus, ModbusUnit, PortLease, SerialLine
from devices.queries_wires import address_of
from devices.services.probe_rows import check_map
from devices.services.wires import check_bus, check_line, check_unit, stable_name

SEEN = ("state", "state_code", "state_detail", "state_at")
LINK = "text-primary-600 dark:text-primary-500 underline"


class WireForm(TenantForm):
    """Checks a wire as its service does, once its fields can be read."""

    def clean(self) -> dict[str, Any]:
        """Say at which field something is wrong."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self.check_wire(self._row(cleaned))
            except ValidationError as error:
                self.add_error(None, error)
        return cleaned

    def check_wire(self, row: Any) -> None:
        """Raise what the service says."""
        raise NotImplementedError

    def _row(self, cleaned: dict[str, Any]) -> Any:
        """Return the row as it would be saved; the form's own is filled after `clean`."""
        names = {field.name for field in self._meta.model._meta.concrete_fields}
        row = self._meta.model(id=self.instance.id, tenant_id=self.instance.tenant_id)
        for name in names - {"id", "tenant"}:
            setattr(row, name, cleaned.get(name, getattr(self.instance, name, None)))
        return row


class PortForm(WireForm):
    """A wire with a port, which may be at another machine than this."""

    is_elsewhere = forms.BooleanField(
        label=_("at another machine"),
        required=False,
        help_text=_("The process that opens the port runs elsewhere: do not look for it here."),
    )
    port_field = "port"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.was_port = "" if self.instance._state.adding else self._port_of(self.instance)

    def may_be_elsewhere(self, row: Any) -> bool:
        """Tell whether nobody needs to look for the port: it was told so, or stays as it was."""
        is_same = bool(self.was_port) and self._port_of(row) == self.was_port
        return is_same or bool(self.cleaned_data.get("is_elsewhere"))

    def _port_of(self, row: Any) -> str:
        return str(getattr(row, self.port_field))


class ModbusBusForm(PortForm):
    """Refuses addresses that lead nowhere and ports that have an owner."""

    port_field = "serial_port"

    def check_wire(self, row: ModbusBus) -> None:
        """Ask the service."""
        check_bus(row, is_elsewhere=self.may_be_elsewhere(row))


class ModbusUnitForm(WireForm):
    """Refuses numbers that are taken, and maps that cannot be read."""

    def check_wire(self, row: ModbusUnit) -> None:
        """Ask the services."""
        check_unit(row)
        if row.register_map:
            self._check_map(row)

    def _check_map(self, row: ModbusUnit) -> None:
        try:
            check_map(row.register_map)
        except ValidationError as error:
            raise ValidationError({"register_map": error.messages}) from error


class SerialLineForm(PortForm):
    """Refuses ports that do not exist or have an owner."""

    def check_wire(self, row: SerialLine) -> None:
        """Ask the service."""
        check_line(row, is_elsewhere=self.may_be_elsewhere(row))


class WireAdmin(TenantOwnedAdmin):
    """What a process drives; its state is written by that process."""

    needs_sudo_to_delete = True
    ordering: tuple[str, ...] = ("id",)
    list_filter: tuple[str, ...] = ("tenant", "state", "is_enabled")

    def warn_of_port(self, request: HttpRequest, port: str) -> None:
        """Name the same port as it stays when others are plugged in."""
        stable = stable_name(port)
        if stable:
            text = _("%(port)s may be another adapter after a restart. Better: %(stable)s")
            messages.warning(request, text % {"port": port, "stable": stable})


@admin.register(ModbusBus)
class ModbusBusAdmin(ProbePages, WireAdmin):
    """Lines and addresses with Modbus units behind them."""

    form = ModbusBusForm
    list_display = (
        "name", "tenant", "site", "kind", "address", "units", "poller", "state", "is_enabled",
    )  # fmt: skip
    list_filter = (*WireAdmin.list_filter, "kind", "poller")
    list_select_related = ("tenant", "site")
    search_fields = ("name", "host", "serial_port", "site__name")
    autocomplete_fields = ("site",)
    ordering = ("name", "id")
    readonly_fields = (*SEEN, "tenant", "asked", "unit_links", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("tenant", "site", "name", "kind", "poller", "is_enabled")}),
        (_("Over TCP"), {"fields": ("host", "port")}),
        (
            _("On a serial port"),
            {"fields": ("serial_port", "is_elsewhere", "baudrate", "parity", "stop_bits")},
        ),
        (_("Times"), {"fields": ("timeout_ms", "retries", "request_gap_ms", "unit_gap_ms")}),
        (_("Units"), {"fields": ("asked", "unit_links")}),
        (_("As last seen"), {"fields": SEEN}),
        (_("Record"), {"fields": ("created_at", "updated_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModbusBus]:
        """Count the units."""
        return super().get_queryset(request).annotate(unit_count=Count("units"))

    @admin.display(description=_("address"))
    def address(self, bus: ModbusBus) -> str:
        """Say where it is."""
        return address_of(bus)

    @admin.display(description=_("units"), ordering="unit_count")
    def units(self, bus: Any) -> int:
        """Say how many units are on it."""
        return int(bus.unit_count)

    @admin.display(description=_("probe"))
    def asked(self, bus: ModbusBus) -> str:
        """Link to the page that reads registers."""
        return probe_link(bus)

    @admin.display(description=_("units"))
    def unit_links(self, bus: ModbusBus) -> str:
        """Link to the units."""
        if bus._state.adding:
            return "-"
        rows = bus.units.select_related("device").order_by("unit_id")
        links = (
            (row.unit_id, LINK, reverse("admin:devices_modbusunit_change", args=[row.pk]),
             row.device)
            for row in rows
        )  # fmt: skip
        shown = format_html_join("", '<li>{} · <a class="{}" href="{}">{}</a></li>', links)
        address = reverse("admin:devices_modbusunit_add") + f"?tenant={bus.tenant_id}&bus={bus.pk}"
        added = format_html('<li><a class="{}" href="{}">{}</a></li>', LINK, address, _("Add one"))
        return format_html("<ul>{}{}</ul>", shown, added)

    def save_model(self, request: HttpRequest, obj: ModbusBus, form: Any, change: bool) -> None:
        """Save, and say what is better named otherwise."""
        super().save_model(request, obj, form, change)
        if obj.kind == ModbusBus.Kind.RTU:
            self.warn_of_port(request, obj.serial_port)


@admin.register(ModbusUnit)
class ModbusUnitAdmin(WireAdmin):
    """Devices behind buses."""

    form = ModbusUnitForm
    list_display = (
        "device", "unit_id", "bus", "tenant", "fast_seconds", "slow_seconds", "state",
        "is_enabled",
    )  # fmt: skip
    list_filter = (*WireAdmin.list_filter, "bus")
    list_select_related = ("device", "bus", "tenant")
    search_fields = ("device__name", "device__uid", "bus__name")
    autocomplete_fields = ("device", "bus")
    ordering = ("bus_id", "unit_id", "id")
    readonly_fields = (*SEEN, "tenant", "asked", "identity", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("tenant", "device", "bus", "unit_id", "is_enabled", "asked")}),
        (_("What is read"), {"fields": ("fast_seconds", "slow_seconds", "is_reversed")}),
        (_("Registers"), {"fields": ("register_map", "identity")}),
        (_("As last seen"), {"fields": SEEN}),
        (_("Record"), {"fields": ("created_at", "updated_at")}),
    )

    @admin.display(description=_("probe"))
    def asked(self, unit: ModbusUnit) -> str:
        """Link to the page that reads registers."""
        return probe_link(unit.bus, unit) if not unit._state.adding else "-"

    def save_model(self, request: HttpRequest, obj: ModbusUnit, form: Any, change: bool) -> None:
        """Save, and say when there is nothing that could be read."""
        super().save_model(request, obj, form, change)
        if not obj.register_map and not obj.device.profile.register_map:
            messages.warning(
                request,
                gettext(
                    "Neither the unit nor its type of device has a register map, so nothing is "
                    "read: open the probe to make one."
                ),
            )


@admin.register(SerialLine)
class SerialLineAdmin(WireAdmin):
    """Serial ports of controllers."""

    form = SerialLineForm
    list_display = (
        "port", "device", "tenant", "protocol", "state", "state_at", "firmware", "is_enabled",
    )  # fmt: skip
    list_filter = (*WireAdmin.list_filter, "protocol")
    list_select_related = ("device", "tenant")
    search_fields = ("port", "device__name", "device__uid")
    autocomplete_fields = ("device",)
    ordering = ("port", "id")
    readonly_fields = (*SEEN, "tenant", "firmware", "created_at", "updated_at")
    fieldsets = (
        (
            None,
            {"fields": ("tenant", "device", "port", "is_elsewhere", "baudrate", "protocol",
                        "is_enabled")},
        ),
        (_("As last seen"), {"fields": (*SEEN, "firmware")}),
        (_("Record"), {"fields": ("created_at", "updated_at")}),
    )  # fmt: skip

    def save_model(self, request: HttpRequest, obj: SerialLine, form: Any, change: bool) -> None:
        """Save, and say what is better named otherwise."""
        super().save_model(request, obj, form, change)
        self.warn_of_port(request, obj.port)


@admin.register(PortLease)
class PortLeaseAdmin(ReadOnlyAdmin):
    """Which process holds which port; a lease that nobody renews ends by itself."""

    list_display = ("port", "holder", "fence", "expires_at")
    search_fields = ("port", "holder")
    fields = ("port", "holder", "fence", "expires_at", "created_at", "updated_at")
    ordering = ("port", "id")


def probe_link(bus: ModbusBus, unit: ModbusUnit | None = None) -> str:
    """Return a link to the page that reads registers of a bus, or of one unit."""
    if bus._state.adding:
        return "-"
    address = reverse("admin:devices_modbusbus_probe", args=[bus.pk])
    query = f"?unit={unit.unit_id}" if unit else ""
    return format_html(
        '<a class="{}" href="{}{}">{}</a>', LINK, address, query, _("Read registers")
    )
