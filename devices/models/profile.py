"""What kinds of device exist and what their payloads mean."""

from __future__ import annotations

import uuid

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import StampedModel
from devices.models.channel import ChannelDescription


class DeviceProfile(StampedModel):
    """A type of device: how often it reports and which channels it has.

    Example: "Three-phase meter", every 10 s, with active_power_import in kW.
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

    class Meta:
        verbose_name = _("device profile")
        verbose_name_plural = _("device profiles")

    def __str__(self) -> str:
        return self.name


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
