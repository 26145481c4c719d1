"""Charge points, their connectors, who may charge and what it costs."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel


class ChargingPrice(TenantModel):
    """What charging costs; a session keeps a copy from the moment it begins.

    Example: "Staff", 7.50 per kWh and 1.00 per session, in TRY, VAT of 20 % included. Amounts
    include VAT. `idle_fee` is per minute for which a vehicle that is not charging stays
    connected after `idle_grace_minutes`.
    """

    name = models.CharField(_("name"), max_length=100)
    currency = models.CharField(_("currency"), max_length=3)
    energy_price = models.DecimalField(
        _("price of a kWh"), max_digits=12, decimal_places=5, default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
    )  # fmt: skip
    session_fee = models.DecimalField(
        _("fee of a session"), max_digits=12, decimal_places=4, default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
    )  # fmt: skip
    idle_fee = models.DecimalField(
        _("fee of an idle minute"), max_digits=12, decimal_places=4, default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
    )  # fmt: skip
    idle_grace_minutes = models.PositiveIntegerField(_("idle minutes for free"), default=15)
    vat_percent = models.DecimalField(
        _("VAT included (%)"), max_digits=5, decimal_places=2, default=Decimal(0),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))],
    )  # fmt: skip

    class Meta:
        verbose_name = _("charging price")
        verbose_name_plural = _("charging prices")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "name"], name="charging_price_name_per_tenant"
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="charging_price_tenant_id"),
        ]

    def __str__(self) -> str:
        return self.name


class ChargePoint(TenantModel):
    """A charging station: the device that controls it, and the rules of charging there.

    Example: "Parking 3", at most 32 A on three phases, tags needed.
    """

    class Access(models.TextChoices):
        FREE = "free", _("Whoever plugs in")
        TAG = "tag", _("Known tags and permitted people")

    site = models.ForeignKey(
        "devices.Site", models.PROTECT, related_name="charge_points", verbose_name=_("site")
    )
    device = models.OneToOneField(
        "devices.Device", models.PROTECT, related_name="charge_point", verbose_name=_("device")
    )
    name = models.CharField(_("name"), max_length=100)
    max_current_a = models.PositiveSmallIntegerField(
        _("largest current (A)"), default=32,
        validators=[MinValueValidator(6), MaxValueValidator(80)],
        help_text=_("What its cable and fuse bear; nobody can set more."),
    )  # fmt: skip
    phases = models.PositiveSmallIntegerField(_("phases"), default=3, choices=[(1, "1"), (3, "3")])
    voltage_v = models.PositiveSmallIntegerField(
        _("voltage (V)"), default=230, help_text=_("Of a phase; only estimates need it.")
    )
    access = models.CharField(_("who may charge"), max_length=4, choices=Access, default=Access.TAG)
    price = models.ForeignKey(
        ChargingPrice, models.PROTECT, related_name="+", null=True, blank=True,
        verbose_name=_("price"), help_text=_("Blank: sessions have no cost."),
    )  # fmt: skip
    connection_timeout_s = models.PositiveIntegerField(
        _("permission waits for a vehicle (s)"), default=60,
        validators=[MinValueValidator(10), MaxValueValidator(3600)],
    )  # fmt: skip

    class Meta:
        verbose_name = _("charge point")
        verbose_name_plural = _("charge points")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="charge_point_name_per_tenant"),
            models.UniqueConstraint(fields=["tenant", "id"], name="charge_point_tenant_id"),
        ]

    def __str__(self) -> str:
        return self.name


class ConnectorState(models.IntegerChoices):
    """The states of the controller; see charging.states."""

    HARDFAULT_END = 0, _("Recovering")
    IDLE = 1, _("Free")
    CABLE_DETECT = 2, _("Cable plugged in")
    EV_CONNECTED = 3, _("Vehicle connected")
    READY = 4, _("Ready to charge")
    CHARGING = 5, _("Charging")
    PAUSED = 6, _("Paused")
    STOPPED = 7, _("Stopped, still plugged in")
    FAULT_HARD = 8, _("Fault")


class Connector(TenantModel):
    """A socket or cable of a charge point, as last seen.

    `state` null: never seen. `pilot`: 0 no vehicle, 1 connected, 2 charging, 3 asks for
    ventilation. `cable_a`: what the plugged cable bears. `fault`: 0 none, 1 phase, 2 earth.
    `energy_channel`: a counter in kWh of a real meter; without one energy is an estimate.
    `seen`: what the controller said last, as it said it.
    """

    charge_point = models.ForeignKey(
        ChargePoint, models.CASCADE, related_name="connectors", verbose_name=_("charge point")
    )
    number = models.PositiveSmallIntegerField(
        _("number"), default=1, validators=[MinValueValidator(1)]
    )
    energy_channel = models.ForeignKey(
        "devices.Channel", models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("energy register (kWh)"),
        help_text=_("A counter of the meter in front of it. Blank: energy is estimated."),
    )  # fmt: skip
    power_channel = models.ForeignKey(
        "devices.Channel", models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("power (kW)"),
    )  # fmt: skip
    state = models.PositiveSmallIntegerField(
        _("state"), choices=ConnectorState, null=True, editable=False
    )
    state_since = models.DateTimeField(_("since"), null=True, editable=False)
    seen_at = models.DateTimeField(_("last heard"), null=True, editable=False)
    pilot = models.PositiveSmallIntegerField(_("pilot"), null=True, editable=False)
    fault = models.PositiveSmallIntegerField(_("fault"), default=0, editable=False)
    current_limit_a = models.FloatField(_("current limit (A)"), null=True, editable=False)
    cable_a = models.FloatField(_("cable bears (A)"), null=True, editable=False)
    is_locked = models.BooleanField(_("locked"), null=True, editable=False)
    is_relay_on = models.BooleanField(_("contactor closed"), null=True, editable=False)
    is_authorised = models.BooleanField(_("authorised"), null=True, editable=False)
    seen = models.JSONField(_("what it said"), default=dict, blank=True, editable=False)
    anomalies = models.PositiveIntegerField(_("impossible changes"), default=0, editable=False)

    class Meta:
        verbose_name = _("connector")
        verbose_name_plural = _("connectors")
        constraints = [
            models.UniqueConstraint(
                fields=["charge_point", "number"], name="connector_number_once"
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="connector_tenant_id"),
        ]

    def __str__(self) -> str:
        return f"{self.charge_point} · {self.number}"


class IdTag(TenantModel):
    """A card, or another token, that permits charging. Example: uid `04A2B3C4D5E680`.

    `uid` is kept in upper case; `site` limits it to one site. `kwh_quota`: per calendar month
    of the site.
    """

    uid = models.CharField(_("identifier"), max_length=64)
    label = models.CharField(_("label"), max_length=100, blank=True)
    user = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("person"),
    )  # fmt: skip
    site = models.ForeignKey(
        "devices.Site", models.CASCADE, null=True, blank=True, related_name="+",
        verbose_name=_("site"), help_text=_("Blank: all sites."),
    )  # fmt: skip
    group = models.CharField(
        _("group"), max_length=64, blank=True,
        help_text=_("Tags of one group may end each other's sessions."),
    )  # fmt: skip
    is_blocked = models.BooleanField(_("blocked"), default=False)
    valid_from = models.DateTimeField(_("valid from"), null=True, blank=True)
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True)
    max_active = models.PositiveSmallIntegerField(
        _("sessions at once"), default=1, validators=[MinValueValidator(1)]
    )
    kwh_quota = models.DecimalField(
        _("kWh a month"), max_digits=10, decimal_places=3, null=True, blank=True,
        validators=[MinValueValidator(Decimal(0))],
    )  # fmt: skip

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "uid"], name="id_tag_once_per_tenant"),
            models.UniqueConstraint(fields=["tenant", "id"], name="id_tag_tenant_id"),
            models.CheckConstraint(
                condition=Q(valid_from=None)
                | Q(valid_until=None)
                | Q(valid_from__lt=F("valid_until")),
                name="id_tag_valid_in_order",
            ),
        ]

    def __str__(self) -> str:
        return self.label or self.uid
