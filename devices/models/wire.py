"""Devices on wires of their own: Modbus buses and serial lines, each owned by one process."""

from __future__ import annotations

import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import StampedModel, TenantModel


class Parity(models.TextChoices):
    """The parity bit of a serial line."""

    NONE = "N", _("None")
    EVEN = "E", _("Even")
    ODD = "O", _("Odd")


class WireState(models.TextChoices):
    """How the process that owns a wire last saw what is on it."""

    UNKNOWN = "unknown", _("Unknown")
    ONLINE = "online", _("Online")
    STALE = "stale", _("Silent")
    FAILING = "failing", _("Failing")
    OFFLINE = "offline", _("Disconnected")


class SeenOnWire(models.Model):
    """What the owning process noted; written when it changes, not with every frame."""

    state = models.CharField(
        _("state"), max_length=10, choices=WireState, default=WireState.UNKNOWN, editable=False
    )
    state_code = models.CharField(_("code"), max_length=64, blank=True, editable=False)
    state_detail = models.CharField(_("detail"), max_length=500, blank=True, editable=False)
    state_at = models.DateTimeField(_("since"), null=True, editable=False)

    class Meta:
        abstract = True


class ModbusBus(SeenOnWire, TenantModel):
    """A line or an address behind which Modbus units are asked one after the other.

    Example: "Cabinet 2", RTU on /dev/serial/by-id/usb-FTDI-if00 with 9600 8N1. One task of one
    `run_modbus_poller` owns it; `poller` is the --instance of that process.
    """

    class Kind(models.TextChoices):
        TCP = "tcp", _("Modbus TCP")
        RTU_OVER_TCP = "rtu_tcp", _("RTU over TCP")
        RTU = "rtu", _("RTU on a serial port")

    site = models.ForeignKey(
        "devices.Site", models.PROTECT, related_name="modbus_buses", verbose_name=_("site")
    )
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind, default=Kind.TCP)
    host = models.CharField(
        _("host"), max_length=255, blank=True, help_text=_("Name or address, for TCP.")
    )
    port = models.PositiveIntegerField(
        _("port"), default=502, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    serial_port = models.CharField(
        _("serial port"),
        max_length=255,
        blank=True,
        help_text=_("Such as /dev/serial/by-id/usb-…; that name stays when others are plugged in."),
    )
    baudrate = models.PositiveIntegerField(_("baud rate"), default=9600)
    parity = models.CharField(_("parity"), max_length=1, choices=Parity, default=Parity.NONE)
    stop_bits = models.PositiveSmallIntegerField(
        _("stop bits"), default=1, choices=[(1, "1"), (2, "2")]
    )
    timeout_ms = models.PositiveIntegerField(
        _("timeout (ms)"),
        default=1000,
        validators=[MinValueValidator(50), MaxValueValidator(30_000)],
    )
    retries = models.PositiveSmallIntegerField(
        _("retries"), default=1, validators=[MaxValueValidator(5)]
    )
    request_gap_ms = models.PositiveIntegerField(
        _("pause between requests (ms)"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(5000)],
        help_text=_("Blank: none over TCP, 30 ms on a line."),
    )
    unit_gap_ms = models.PositiveIntegerField(
        _("pause before another unit (ms)"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(5000)],
        help_text=_("Blank: none over TCP, 200 ms on a line."),
    )
    poller = models.CharField(
        _("poller"),
        max_length=64,
        default="1",
        help_text=_("The --instance of the run_modbus_poller that can reach it."),
    )
    is_enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("Modbus bus")
        verbose_name_plural = _("Modbus buses")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="modbus_bus_name_per_tenant"),
            models.UniqueConstraint(fields=["tenant", "id"], name="modbus_bus_tenant_id"),
            models.CheckConstraint(
                condition=Q(kind="rtu") & ~Q(serial_port="") | ~Q(kind="rtu") & ~Q(host=""),
                name="modbus_bus_has_address",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ModbusUnit(SeenOnWire, TenantModel):
    """A device behind a Modbus bus: its unit number, and what is read how often.

    Example: unit 7 on "Cabinet 2", power every second, energy every minute. What its registers
    mean stands in `register_map`, or, where that is empty, in its profile's. `identity` holds
    what the unit said of itself, such as {"serial": "12345678"}.
    """

    device = models.OneToOneField(
        "devices.Device", models.CASCADE, related_name="modbus_unit", verbose_name=_("device")
    )
    bus = models.ForeignKey(
        ModbusBus, models.PROTECT, related_name="units", verbose_name=_("Modbus bus")
    )
    unit_id = models.PositiveSmallIntegerField(
        _("unit"), default=1, validators=[MaxValueValidator(255)],
        help_text=_("1 to 247; 0 or 255 means the gateway itself for many TCP devices."),
    )  # fmt: skip
    register_map = models.JSONField(
        _("own register map"), default=dict, blank=True, help_text=_("Blank: that of the profile.")
    )
    fast_seconds = models.FloatField(
        _("power every (s)"),
        default=10,
        validators=[MinValueValidator(0.2), MaxValueValidator(86_400)],
    )
    slow_seconds = models.FloatField(
        _("energy every (s)"),
        default=60,
        validators=[MinValueValidator(0.2), MaxValueValidator(86_400)],
    )
    is_reversed = models.BooleanField(
        _("wired the other way round"),
        default=False,
        help_text=_("Active power changes its sign, import and export change places."),
    )
    is_enabled = models.BooleanField(_("enabled"), default=True)
    identity = models.JSONField(_("identity"), default=dict, blank=True, editable=False)

    class Meta:
        verbose_name = _("Modbus unit")
        verbose_name_plural = _("Modbus units")
        constraints = [
            models.UniqueConstraint(fields=["bus", "unit_id"], name="modbus_unit_once_per_bus"),
            models.UniqueConstraint(fields=["tenant", "id"], name="modbus_unit_tenant_id"),
        ]

    def __str__(self) -> str:
        return f"{self.device} · {self.unit_id}"


class SerialLine(SeenOnWire, TenantModel):
    """The serial port of a controller, owned by one `run_serial_bridge`.

    Example: /dev/serial/by-id/usb-Silicon_Labs_CP2102-if00 with 115200 baud, protocol 1 of the
    ESP32 charger. `socket://host:port` and `rfc2217://host:port` are ports too.
    """

    class Protocol(models.TextChoices):
        ESP32_V1 = "esp32_v1", _("ESP32 charger, version 1")
        ESP32_V2 = "esp32_v2", _("ESP32 charger, version 2")

    device = models.OneToOneField(
        "devices.Device", models.CASCADE, related_name="serial_line", verbose_name=_("device")
    )
    port = models.CharField(
        _("port"),
        max_length=255,
        help_text=_("Such as /dev/serial/by-id/usb-… or socket://10.0.0.5:4000."),
    )
    baudrate = models.PositiveIntegerField(_("baud rate"), default=115_200)
    protocol = models.CharField(
        _("protocol"), max_length=10, choices=Protocol, default=Protocol.ESP32_V1
    )
    is_enabled = models.BooleanField(_("enabled"), default=True)
    firmware = models.CharField(_("firmware"), max_length=64, blank=True, editable=False)

    class Meta:
        verbose_name = _("serial line")
        verbose_name_plural = _("serial lines")
        constraints = [
            models.UniqueConstraint(fields=["port"], name="serial_line_port_once"),
            models.UniqueConstraint(fields=["tenant", "id"], name="serial_line_tenant_id"),
        ]

    def __str__(self) -> str:
        return self.port


class PortLease(StampedModel):
    """Which process owns a serial port; it renews, and one that was killed loses it.

    `port` is the resolved path or the URL; `holder` says host, process and command, such as
    "edge-1 pid 4711 run_serial_bridge"; `fence` grows with each new holder.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    port = models.CharField(_("port"), max_length=512, unique=True)
    holder = models.CharField(_("holder"), max_length=255)
    fence = models.PositiveBigIntegerField(_("fence"), default=0)
    expires_at = models.DateTimeField(_("until"))

    class Meta:
        verbose_name = _("lease of a port")
        verbose_name_plural = _("leases of ports")

    def __str__(self) -> str:
        return self.port
