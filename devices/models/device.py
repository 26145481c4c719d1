"""Gateways and devices."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel
from devices.models.site import NOT_RESERVED, SEGMENT


class ReportedStatus(models.TextChoices):
    """What a gateway or device last said about itself."""

    UNKNOWN = "unknown", _("Unknown")
    ONLINE = "online", _("Online")
    OFFLINE = "offline", _("Offline")


class Lifecycle(models.TextChoices):
    """Where a box stands between the factory and the scrap heap; see devices.lifecycle."""

    REGISTERED = "registered", _("Registered")
    CLAIMED = "claimed", _("Claimed")
    PROVISIONED = "provisioned", _("Provisioned")
    ACTIVE = "active", _("Active")
    MAINTENANCE = "maintenance", _("Maintenance")
    DECOMMISSIONED = "decommissioned", _("Decommissioned")


class PresenceFields(models.Model):
    """When something was last heard and what it said about itself."""

    reported_status = models.CharField(
        _("reported status"),
        max_length=10,
        choices=ReportedStatus,
        default=ReportedStatus.UNKNOWN,
        editable=False,
    )
    reported_status_at = models.DateTimeField(_("reported at"), null=True, editable=False)
    last_seen_at = models.DateTimeField(_("last seen"), null=True, editable=False)
    offline_since = models.DateTimeField(
        _("offline since"),
        null=True,
        editable=False,
        help_text=_("Set by the sweep or a last will, cleared by the first newer message."),
    )

    class Meta:
        abstract = True


class Gateway(PresenceFields, TenantModel):
    """A box on site that speaks MQTT for the devices behind it. Example: uid `gw-izmir-1`."""

    site = models.ForeignKey(
        "devices.Site", models.PROTECT, related_name="gateways", verbose_name=_("site")
    )
    uid = models.CharField(
        _("identifier"),
        max_length=64,
        unique=True,
        validators=[SEGMENT, NOT_RESERVED],
        help_text=_("Serial number or MAC; its name on the broker and in topics."),
    )
    name = models.CharField(_("name"), max_length=100)
    firmware_version = models.CharField(_("firmware"), max_length=50, blank=True, editable=False)

    class Meta:
        verbose_name = _("gateway")
        verbose_name_plural = _("gateways")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="gateway_tenant_id"),
        ]

    def __str__(self) -> str:
        return self.name


class Device(PresenceFields, TenantModel):
    """Something that measures: a meter, an inverter, a sensor, or a gateway's own readings."""

    site = models.ForeignKey(
        "devices.Site", models.PROTECT, related_name="devices", verbose_name=_("site")
    )
    gateway = models.ForeignKey(
        Gateway,
        models.CASCADE,
        related_name="devices",
        null=True,
        blank=True,
        verbose_name=_("gateway"),
        help_text=_("Blank: the device has its own connection, topics devices/{id}/…"),
    )
    zone = models.ForeignKey(
        "devices.Zone",
        models.SET_NULL,
        related_name="devices",
        null=True,
        blank=True,
        verbose_name=_("zone"),
    )
    profile = models.ForeignKey(
        "devices.DeviceProfile",
        models.PROTECT,
        related_name="+",  # profiles belong to nobody: from them one would see all tenants
        verbose_name=_("profile"),
    )
    uid = models.CharField(
        _("identifier"),
        max_length=64,
        validators=[SEGMENT, NOT_RESERVED],
        help_text=_("Name in the gateway's topics."),
    )
    name = models.CharField(_("name"), max_length=100)
    serial_number = models.CharField(_("serial number"), max_length=64, blank=True)
    firmware_version = models.CharField(_("firmware"), max_length=50, blank=True, editable=False)
    tags = ArrayField(
        models.CharField(max_length=40),
        verbose_name=_("tags"),
        default=list,
        blank=True,
        size=20,
        help_text=_("Words of your own, such as cooling or critical; rules may ask for them."),
    )
    lifecycle = models.CharField(
        _("life cycle"),
        max_length=15,
        choices=Lifecycle,
        default=Lifecycle.REGISTERED,
        editable=False,
    )

    class Meta:
        verbose_name = _("device")
        verbose_name_plural = _("devices")
        constraints = [
            models.UniqueConstraint(fields=["gateway", "uid"], name="device_uid_per_gateway"),
            models.UniqueConstraint(
                fields=["tenant", "uid"],
                condition=models.Q(gateway__isnull=True),
                name="direct_device_uid_per_tenant",
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="device_tenant_id"),
        ]
        indexes = [models.Index(fields=["tenant", "name"], name="device_by_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_box(self) -> bool:
        """Tell whether it has an account on the broker: a direct device, or a gateway's own."""
        return self.gateway is None or self.gateway.uid == self.uid
