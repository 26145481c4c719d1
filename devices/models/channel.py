"""Measuring points."""

from __future__ import annotations

import uuid

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import StampedModel, TenantOwned

CHANNEL_NAME = RegexValidator(
    r"^[a-z][a-z0-9_]{0,63}$", _("Use lower-case letters, digits and underscores.")
)


class Kind(models.TextChoices):
    """How values of a channel behave in time."""

    GAUGE = "gauge", _("Gauge")
    TOTAL = "total", _("Net total, may fall")
    COUNTER = "total_increasing", _("Counter, only rises")
    STATE = "state", _("State")
    INTERVAL = "interval", _("Amount of an interval")


class Direction(models.TextChoices):
    """Which way energy flows; import and export are separate and never negative."""

    NONE = "none", _("None")
    IMPORT = "import", _("Import")
    EXPORT = "export", _("Export")
    NET = "net", _("Net, positive is load")


class Phase(models.TextChoices):
    """The conductor a value belongs to."""

    NONE = "none", _("All")
    L1 = "l1", "L1"
    L2 = "l2", "L2"
    L3 = "l3", "L3"
    N = "n", "N"


class ChannelDescription(models.Model):
    """What a measuring point means, shared by profiles and devices."""

    name = models.CharField(
        _("name"),
        max_length=64,
        validators=[CHANNEL_NAME],
        help_text=_("Canonical name, such as active_power_import."),
    )
    source = models.CharField(
        _("source"),
        max_length=128,
        help_text=_("Key in the payload, such as power_active_total or a register number."),
    )
    source_unit = models.CharField(
        _("unit of the payload"), max_length=20, blank=True, help_text=_("Such as W. Blank: none.")
    )
    unit = models.CharField(
        _("stored unit"), max_length=20, blank=True, help_text=_("Canonical unit, such as kW.")
    )
    scale = models.FloatField(
        _("scale"), default=1.0, help_text=_("Payload × scale = value in the payload's unit.")
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind, default=Kind.GAUGE)
    direction = models.CharField(
        _("direction"), max_length=10, choices=Direction, default=Direction.NONE
    )
    phase = models.CharField(_("phase"), max_length=4, choices=Phase, default=Phase.NONE)
    minimum = models.FloatField(
        _("plausible minimum"), null=True, blank=True, help_text=_("In the stored unit.")
    )
    maximum = models.FloatField(
        _("plausible maximum"), null=True, blank=True, help_text=_("In the stored unit.")
    )
    maximum_rate = models.FloatField(
        _("largest change per second"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0.0)],
        help_text=_("In the stored unit; what changes faster is uncertain. Blank: any."),
    )
    stuck_after_seconds = models.PositiveIntegerField(
        _("stuck after (s)"),
        null=True,
        blank=True,
        help_text=_("The same value for so long is suspicious. Blank: never."),
    )
    expected_interval_seconds = models.PositiveIntegerField(
        _("expected interval (s)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Between two values. Blank: that of the type of device."),
    )
    decimals = models.PositiveSmallIntegerField(
        _("decimal places"), default=3, help_text=_("Resolution of the device, for display.")
    )
    stored_decimals = models.PositiveSmallIntegerField(
        _("stored decimal places"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(9)],
        help_text=_(
            "Values are rounded to so many when they are stored: the noise of a sensor costs "
            "several times the disk. Blank: as they come."
        ),
    )

    class Meta:
        abstract = True


class Channel(ChannelDescription, TenantOwned, StampedModel):
    """One measured quantity of one device. Example: active_power_import of "Main meter", kW.

    Rows of samples point to the short integer key; everything else uses `uuid`.
    """

    id = models.AutoField(primary_key=True)
    uuid = models.UUIDField(default=uuid.uuid4, editable=False, unique=True)
    device = models.ForeignKey(
        "devices.Device", models.CASCADE, related_name="channels", verbose_name=_("device")
    )
    label = models.CharField(
        _("label"), max_length=100, blank=True, help_text=_("Shown instead of the name.")
    )
    is_discovered = models.BooleanField(
        _("discovered"), default=False, help_text=_("Made from an unknown metric; please check it.")
    )

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        constraints = [
            models.UniqueConstraint(fields=["device", "name"], name="channel_name_per_device"),
            models.UniqueConstraint(fields=["device", "source"], name="channel_source_per_device"),
            models.UniqueConstraint(fields=["tenant", "id"], name="channel_tenant_id"),
            models.CheckConstraint(
                condition=models.Q(minimum__isnull=True)
                | models.Q(maximum__isnull=True)
                | models.Q(minimum__lt=models.F("maximum")),
                name="channel_minimum_below_maximum",
            ),
        ]

    def __str__(self) -> str:
        return self.label or self.name
