"""What feeds alarms besides rules: limits of the platform's own checks, and events of devices."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import StampedModel
from devices.models.event import Severity


class AlarmCheck(StampedModel):
    """When the platform raises an alarm of its own; the same for all tenants.

    Example: code "queue_depth", limit 10,000 messages, for 300 s. Blank fields mean what is
    shipped; see the reference of system alarms.
    """

    code = models.CharField(_("check"), max_length=40, unique=True, editable=False)
    is_enabled = models.BooleanField(
        _("enabled"), default=True, help_text=_("What is switched off raises nothing more.")
    )
    severity = models.CharField(
        _("severity"), max_length=10, choices=Severity, blank=True,
        help_text=_("Blank: as shipped."),
    )  # fmt: skip
    limit = models.FloatField(
        _("limit"), null=True, blank=True, validators=[MinValueValidator(0)],
        help_text=_("In the unit of the check; blank: as shipped."),
    )  # fmt: skip
    for_seconds = models.PositiveIntegerField(
        _("for, s"), null=True, blank=True,
        help_text=_("So long without a break before it is raised; blank: as shipped."),
    )  # fmt: skip

    class Meta:
        verbose_name = _("check of the platform")
        verbose_name_plural = _("checks of the platform")

    def __str__(self) -> str:
        return self.code


class DeviceEventNote(models.Model):
    """An event of a device that alarms have still to look at; gone when they have.

    Written by a trigger, in the transaction of the event. `tries`: how often that failed;
    `error` is why, and `not_before` when it is tried again.
    """

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.UUIDField(editable=False)
    event_id = models.UUIDField(editable=False)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0, editable=False)
    error = models.CharField(_("error"), max_length=100, blank=True, editable=False)
    not_before = models.DateTimeField(_("not before"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("event to look at")
        verbose_name_plural = _("events to look at")
        indexes = [models.Index(fields=["not_before", "id"], name="device_event_note_due")]

    def __str__(self) -> str:
        return f"{self.event_id}"
