"""Meters, their registers, and what was installed from when to when."""

from __future__ import annotations

import uuid
from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import StampedModel, TenantModel, TenantOwned
from metering.ledger.flows import Integration, Part


class Commodity(models.TextChoices):
    """What flows through a meter."""

    ELECTRICITY = "electricity", _("Electricity")
    GAS = "gas", _("Gas")
    WATER = "water", _("Water")
    HEAT = "heat", _("Heat")


UNITS = {
    Commodity.ELECTRICITY: "kWh",
    Commodity.GAS: "m3",
    Commodity.WATER: "m3",
    Commodity.HEAT: "kWh",
}
# The most that can flow in an hour where nobody said; a fuse or a pipe allows less.
MOST_PER_HOUR = {
    Commodity.ELECTRICITY: Decimal(1000),
    Commodity.GAS: Decimal(400),
    Commodity.WATER: Decimal(250),
    Commodity.HEAT: Decimal(1000),
}
# Of a usual meter, in percent of what it shows (EN 50470 class B, EN 1434 class 2, MID).
ACCURACY = {
    Commodity.ELECTRICITY: Decimal(1),
    Commodity.GAS: Decimal("1.5"),
    Commodity.WATER: Decimal(2),
    Commodity.HEAT: Decimal(3),
}


class Role(models.TextChoices):
    """Where in the flow of energy a meter stands; flows of a site are computed from it."""

    GRID = "grid", _("Connection to the grid")
    PRODUCTION = "production", _("Production")
    BATTERY = "battery", _("Battery")
    CHARGING = "charging", _("Charging of vehicles")
    LOAD = "load", _("Consumption")


class Quantity(models.TextChoices):
    """What a register counts; import and export are separate and never negative."""

    IMPORT = "import", _("Import")
    EXPORT = "export", _("Export")


class Meter(TenantModel):
    """A point of metering that outlives its devices. Example: "Main connection", Izmir plant.

    A virtual meter is a sum of other meters. The meter tree is `parent`: a meter without one is
    a meter of the site.
    """

    site = models.ForeignKey(
        "devices.Site", models.PROTECT, related_name="meters", verbose_name=_("site")
    )
    name = models.CharField(_("name"), max_length=100)
    commodity = models.CharField(
        _("commodity"), max_length=12, choices=Commodity, default=Commodity.ELECTRICITY
    )
    role = models.CharField(_("role"), max_length=12, choices=Role, default=Role.LOAD)
    parent = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="submeters",
        verbose_name=_("submeter of"),
        help_text=_("Blank: a meter of the site itself."),
    )
    is_virtual = models.BooleanField(
        _("computed"), default=False, help_text=_("A sum of other meters, not a device.")
    )
    accuracy_percent = models.DecimalField(
        _("accuracy (± %)"),
        max_digits=4,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.01")), MaxValueValidator(Decimal(20))],
        help_text=_("Of the class of the meter. Blank: usual for the commodity."),
    )
    most_per_hour = models.DecimalField(
        _("most in an hour"),
        max_digits=12,
        decimal_places=3,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.001"))],
        help_text=_(
            "kWh or m³ that the connection allows, such as 17.25 of 3 × 25 A. More is never "
            "booked without a person. Blank: 1000 kWh, 400 m³ of gas, 250 m³ of water."
        ),
    )
    contracted_kw = models.DecimalField(
        _("contracted power (kW)"), max_digits=10, decimal_places=3, null=True, blank=True
    )
    is_active = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("meter")
        verbose_name_plural = _("meters")
        constraints = [
            models.UniqueConstraint(fields=["site", "name"], name="meter_name_per_site"),
            models.UniqueConstraint(fields=["tenant", "id"], name="meter_tenant_id"),
            models.CheckConstraint(
                condition=Q(parent__isnull=True) | ~Q(parent=F("id")), name="meter_not_its_parent"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def unit(self) -> str:
        """The unit of its registers."""
        return UNITS[Commodity(self.commodity)]

    @property
    def accuracy(self) -> Decimal:
        """Percent of what it shows."""
        return self.accuracy_percent or ACCURACY[Commodity(self.commodity)]

    @property
    def most(self) -> Decimal:
        """What can flow in an hour, in its unit."""
        return self.most_per_hour or MOST_PER_HOUR[Commodity(self.commodity)]


class MeterTerm(TenantOwned):
    """One meter in the sum of a virtual one. Example: "Shop" = "Main" − "Flat 1" − "Flat 2"."""

    virtual = models.ForeignKey(
        Meter, models.CASCADE, related_name="terms", verbose_name=_("computed meter")
    )
    meter = models.ForeignKey(
        Meter, models.PROTECT, related_name="used_by", verbose_name=_("meter")
    )
    factor = models.DecimalField(
        _("factor"), max_digits=9, decimal_places=6, default=1, help_text=_("-1 takes it away.")
    )

    class Meta:
        verbose_name = _("term of a computed meter")
        verbose_name_plural = _("terms of computed meters")
        constraints = [
            models.UniqueConstraint(fields=["virtual", "meter"], name="meter_term_once"),
            models.CheckConstraint(condition=~Q(virtual=F("meter")), name="meter_term_not_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.factor} × {self.meter_id}"


class Register(TenantOwned, StampedModel):
    """One count of a meter. Example: import of "Main connection", kWh.

    Rows of the ledger point to the short integer key; everything else uses `uuid`.
    """

    id = models.AutoField(primary_key=True)
    uuid = models.UUIDField(default=uuid.uuid4, editable=False, unique=True)
    meter = models.ForeignKey(
        Meter, models.CASCADE, related_name="registers", verbose_name=_("meter")
    )
    quantity = models.CharField(
        _("quantity"), max_length=8, choices=Quantity, default=Quantity.IMPORT
    )

    class Meta:
        verbose_name = _("register")
        verbose_name_plural = _("registers")
        constraints = [
            models.UniqueConstraint(fields=["meter", "quantity"], name="register_once"),
            models.UniqueConstraint(fields=["tenant", "id"], name="register_tenant_id"),
        ]

    def __str__(self) -> str:
        return f"{self.meter_id} {self.quantity}"


class MeterInstallation(TenantModel):
    """One piece of hardware at a meter's place, from when to when.

    Registers × ratios × multiplier give the unit of the meter.
    """

    meter = models.ForeignKey(
        Meter, models.CASCADE, related_name="installations", verbose_name=_("meter")
    )
    serial = models.CharField(_("serial number"), max_length=64, blank=True)
    installed_at = models.DateTimeField(_("installed"))
    removed_at = models.DateTimeField(_("removed"), null=True, blank=True)
    ct_ratio = models.DecimalField(
        _("current transformer ratio"),
        max_digits=10,
        decimal_places=4,
        default=1,
        validators=[MinValueValidator(Decimal("0.0001"))],
        help_text=_("80 of 400/5 A; 1 where the device already counts with it."),
    )
    vt_ratio = models.DecimalField(
        _("voltage transformer ratio"),
        max_digits=10,
        decimal_places=4,
        default=1,
        validators=[MinValueValidator(Decimal("0.0001"))],
    )
    multiplier = models.DecimalField(
        _("multiplier"),
        max_digits=14,
        decimal_places=8,
        default=1,
        validators=[MinValueValidator(Decimal("0.00000001"))],
        help_text=_("Such as 0.01 m³ per pulse."),
    )
    digits = models.PositiveSmallIntegerField(
        _("digits before the point"),
        null=True,
        blank=True,
        validators=[MinValueValidator(3), MaxValueValidator(12)],
        help_text=_("Where the register starts again from zero: 6 at 999999. Blank: unknown."),
    )
    wraps_at = models.DecimalField(
        _("starts again from zero at"),
        max_digits=20,
        decimal_places=6,
        null=True,
        blank=True,
        help_text=_("For registers of bits, such as 4294967.296 of 32 bits of Wh."),
    )

    class Meta:
        verbose_name = _("installation of a meter")
        verbose_name_plural = _("installations of meters")
        ordering = ("installed_at",)
        constraints = [
            models.UniqueConstraint(
                fields=["meter"], condition=Q(removed_at__isnull=True), name="meter_one_installed"
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="meter_installation_tenant_id"),
            models.CheckConstraint(
                condition=Q(removed_at__isnull=True) | Q(removed_at__gt=F("installed_at")),
                name="meter_installation_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.serial or self.meter_id} {self.installed_at:%Y-%m-%d}"

    @property
    def factor(self) -> Decimal:
        """What a register is multiplied by."""
        return self.ct_ratio * self.vt_ratio * self.multiplier

    @property
    def modulus(self) -> Decimal | None:
        """Where the register starts again from zero, as it is sent; None if unknown."""
        if self.wraps_at is not None:
            return self.wraps_at
        return None if self.digits is None else Decimal(10) ** self.digits


class RegisterFeed(TenantOwned, StampedModel):
    """The channel that feeds a register while an installation is in place.

    `initial` and `final` are what the register showed when it was installed and removed, as on
    its display, before ratios and multiplier.
    """

    installation = models.ForeignKey(
        MeterInstallation, models.CASCADE, related_name="feeds", verbose_name=_("installation")
    )
    register = models.ForeignKey(
        Register, models.CASCADE, related_name="feeds", verbose_name=_("register")
    )
    channel = models.ForeignKey(
        "devices.Channel",
        models.SET_NULL,
        null=True,
        related_name="register_feeds",
        verbose_name=_("channel"),
        help_text=_("Blank: the device was deleted; what it counted stays."),
    )
    initial = models.DecimalField(
        _("initial register"), max_digits=20, decimal_places=6, null=True, blank=True
    )
    final = models.DecimalField(
        _("final register"), max_digits=20, decimal_places=6, null=True, blank=True
    )
    part = models.CharField(
        _("part"),
        max_length=8,
        choices=[(part.value, part.value) for part in Part],
        default=Part.ALL.value,
        help_text=_("Of a net power: the positive part is import, the negative one export."),
    )
    integration = models.CharField(
        _("what a power stands for"),
        max_length=10,
        choices=[
            (Integration.TRAPEZOID.value, _("The instant")),
            (Integration.HOLD.value, _("The time until the next value")),
        ],
        default=Integration.TRAPEZOID.value,
    )

    class Meta:
        verbose_name = _("feed of a register")
        verbose_name_plural = _("feeds of registers")
        constraints = [
            models.UniqueConstraint(fields=["installation", "register"], name="register_feed_once"),
            models.UniqueConstraint(fields=["tenant", "id"], name="register_feed_tenant_id"),
        ]

    def __str__(self) -> str:
        return f"{self.channel_id} → {self.register_id}"
