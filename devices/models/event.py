"""What devices tell about themselves besides readings."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel
from devices.models import live_triggers


class Severity(models.TextChoices):
    """How bad an event is."""

    DEBUG = "debug", _("Debug")
    INFO = "info", _("Information")
    WARNING = "warning", _("Warning")
    ERROR = "error", _("Error")
    CRITICAL = "critical", _("Critical")


class DeviceEvent(TenantModel):
    """Something that happened at a device, in its own words.

    Example: kind "actuator_alert", code "OVER_TEMPERATURE", severity critical. `at` is the
    device's time, or that of receipt, UTC; `code` is of `[A-Z0-9_]`, at most 255 characters.
    A message that comes twice is kept once: (device, kind, code, at) is unique.
    """

    device = models.ForeignKey(
        "devices.Device", models.CASCADE, related_name="events", verbose_name=_("device")
    )
    kind = models.CharField(_("kind"), max_length=40)
    code = models.CharField(_("code"), max_length=255)
    severity = models.CharField(
        _("severity"), max_length=10, choices=Severity, default=Severity.INFO
    )
    message = models.CharField(_("message"), max_length=1000, blank=True)
    detail = models.JSONField(_("detail"), default=dict, blank=True)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("device event")
        verbose_name_plural = _("device events")
        constraints = [
            models.UniqueConstraint(
                fields=["device", "kind", "code", "at"], name="device_event_once"
            ),
        ]
        indexes = [models.Index(fields=["device", "-at"], name="device_event_by_time")]
        triggers = live_triggers.OF_DEVICE_EVENTS

    def __str__(self) -> str:
        return f"{self.kind}: {self.code}"
