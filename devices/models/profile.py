"""What kinds of device exist and what their payloads mean."""

from __future__ import annotations

import uuid

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import StampedModel
from devices.models.channel import ChannelDescription
from devices.shipped_words import shipped_word


class Dialect(models.TextChoices):
    """How devices of a type are spoken to; see docs/mqtt-topics.md."""

    STANDARD = "standard", _("Standard: tenant/… and devices/…")
    KAISER = "kaiser", "kaiser/…"
    HYDRO = "hydro", "hydro/…"
    ZIGBEE = "zigbee", "Zigbee2MQTT"


class ImageFormat(models.TextChoices):
    """How a firmware image begins; see devices.firmware.images."""

    ESP32 = "esp32", "ESP32"
    UIMAGE = "uimage", "U-Boot uImage"
    ELF = "elf", "ELF"
    RAW = "raw", _("Raw: nothing to recognise it by")


class ClockPolicy(models.TextChoices):
    """What becomes of a reading whose time is more than 5 min ahead or before 2000."""

    REJECT = "reject", _("Reject it")
    RECEIVE_TIME = "receive_time", _("Store it with the time of receipt, as uncertain")


class DeviceProfile(StampedModel):
    """A type of device: what it measures, which commands and parameters it takes.

    Example: "Three-phase meter", every 10 s, with active_power_import in kW. `commands`,
    `parameters`, `register_map` and `mapping` have the form of the files in devices/profiles.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.SlugField(_("key"), unique=True)
    name = models.CharField(_("name"), max_length=100)
    manufacturer = models.CharField(_("manufacturer"), max_length=100, blank=True)
    model = models.CharField(_("model"), max_length=100, blank=True)
    expected_interval_seconds = models.PositiveIntegerField(
        _("expected interval (s)"),
        default=60,
        validators=[MinValueValidator(1)],
        help_text=_("Silence of twice this time, at least 120 s, means offline."),
    )
    accepts_unknown = models.BooleanField(
        _("accepts unknown metrics"),
        default=True,
        help_text=_("Unknown metric names become channels marked as discovered, else a rejection."),
    )

    offline_after_seconds = models.PositiveIntegerField(
        _("offline after (s)"),
        null=True,
        blank=True,
        help_text=_("Blank: twice the expected interval, at least 120 s."),
    )
    clock_policy = models.CharField(
        _("readings with a wrong clock"),
        max_length=12,
        choices=ClockPolicy,
        default=ClockPolicy.REJECT,
        help_text=_("Times more than 5 minutes ahead or before the year 2000."),
    )
    dialect = models.CharField(
        _("dialect"), max_length=10, choices=Dialect, default=Dialect.STANDARD
    )
    is_gateway = models.BooleanField(
        _("is a gateway"), default=False, help_text=_("A box of this type speaks for others.")
    )
    commands = models.JSONField(_("commands"), default=list, blank=True)
    parameters = models.JSONField(_("parameters"), default=list, blank=True)
    register_map = models.JSONField(_("register map"), default=dict, blank=True)
    mapping = models.JSONField(
        _("mapping"),
        default=dict,
        blank=True,
        help_text=_("What the messages of its own firmware mean; blank: the standard ones."),
    )
    image_format = models.CharField(
        _("form of firmware"), max_length=10, choices=ImageFormat, default=ImageFormat.ESP32
    )
    version = models.PositiveIntegerField(_("version"), default=1)
    is_builtin = models.BooleanField(
        _("comes with the product"),
        default=False,
        editable=False,
        help_text=_("Renewed from its file at each update; copy it to change it."),
    )

    class Meta:
        verbose_name = _("device profile")
        verbose_name_plural = _("device profiles")

    def __str__(self) -> str:
        return shipped_word(self.name)


class ProfileChannel(ChannelDescription, StampedModel):
    """A channel that every device of the profile has."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    profile = models.ForeignKey(
        DeviceProfile, models.CASCADE, related_name="channels", verbose_name=_("profile")
    )

    class Meta:
        verbose_name = _("profile channel")
        verbose_name_plural = _("profile channels")
        constraints = [
            models.UniqueConstraint(fields=["profile", "name"], name="channel_name_per_profile"),
            models.UniqueConstraint(
                fields=["profile", "source"], name="channel_source_per_profile"
            ),
        ]

    def __str__(self) -> str:
        return self.name
