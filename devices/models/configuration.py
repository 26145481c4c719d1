"""What a device should be set to, and what it says it is set to."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel
from devices.models import live_triggers


class ConfigurationState(models.TextChoices):
    """How far a revision has come."""

    PENDING = "pending", _("On its way")
    APPLIED = "applied", _("Applied")
    REFUSED = "refused", _("Refused by the device")
    SUPERSEDED = "superseded", _("Replaced by a newer one")


class DeviceConfiguration(TenantModel):
    """One revision of what a device should be set to; the newest counts.

    Example: revision 7, `{"report_interval_s": 10}`, because of "commissioning". With
    `live_until` (UTC) it holds for a time only, then `reverts_to` comes again as a revision of
    its own. `reason` and `error` are people's and the device's words.
    """

    device = models.ForeignKey(
        "devices.Device", models.CASCADE, related_name="configurations", verbose_name=_("device")
    )
    revision = models.PositiveIntegerField(_("revision"))
    body = models.JSONField(_("configuration"), default=dict)
    reason = models.CharField(_("why"), max_length=200)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("who"),
    )
    state = models.CharField(
        _("state"),
        max_length=10,
        choices=ConfigurationState,
        default=ConfigurationState.PENDING,
    )
    live_until = models.DateTimeField(_("live until"), null=True, blank=True)
    reverts_to = models.PositiveIntegerField(_("reverts to revision"), null=True, blank=True)
    pushed_at = models.DateTimeField(_("pushed"), null=True, editable=False)
    answered_at = models.DateTimeField(_("answered"), null=True, editable=False)
    error_code = models.CharField(_("error code"), max_length=60, blank=True)
    error = models.CharField(_("error"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("device configuration")
        verbose_name_plural = _("device configurations")
        triggers = live_triggers.OF_CONFIGURATIONS
        constraints = [
            models.UniqueConstraint(fields=["device", "revision"], name="configuration_revision"),
        ]
        indexes = [
            models.Index(
                fields=["live_until"],
                condition=models.Q(live_until__isnull=False),
                name="configuration_live",
            ),
            models.Index(
                fields=["pushed_at"],
                condition=models.Q(state="pending"),
                name="configuration_pending",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.revision}"


class ReportedConfiguration(TenantModel):
    """What a device last said it is set to, as an object or as raw text.

    `revision` is what the device named, if it did; `reported_at` is the time of receipt, UTC.
    """

    device = models.OneToOneField(
        "devices.Device",
        models.CASCADE,
        related_name="reported_configuration",
        verbose_name=_("device"),
    )
    revision = models.PositiveIntegerField(_("revision"), null=True)
    body = models.JSONField(_("configuration"), default=dict)
    raw = models.TextField(_("raw"), blank=True)
    reported_at = models.DateTimeField(_("reported"))

    class Meta:
        verbose_name = _("reported configuration")
        verbose_name_plural = _("reported configurations")

    def __str__(self) -> str:
        return f"{self.device_id}"
