"""Campaigns: one firmware or one configuration for many devices, a few first."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel


class CampaignKind(models.TextChoices):
    """What is brought to the devices."""

    FIRMWARE = "firmware", _("Firmware")
    CONFIGURATION = "configuration", _("Configuration")


class CampaignState(models.TextChoices):
    """Where a campaign stands; halted means: by itself, because too much failed."""

    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    HALTED = "halted", _("Halted")
    DONE = "done", _("Finished")
    CANCELLED = "cancelled", _("Cancelled")


class TargetState(models.TextChoices):
    """How far a device has come; the last four are ends."""

    PENDING = "pending", _("Waiting")
    OFFERED = "offered", _("Offered")
    DOWNLOADING = "downloading", _("Downloading")
    DOWNLOADED = "downloaded", _("Downloaded")
    INSTALLING = "installing", _("Installing")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    ROLLED_BACK = "rolled_back", _("Rolled back")
    SKIPPED = "skipped", _("Skipped")


ACTIVE_STATES = (
    TargetState.OFFERED,
    TargetState.DOWNLOADING,
    TargetState.DOWNLOADED,
    TargetState.INSTALLING,
)
OPEN_STATES = (TargetState.PENDING, *ACTIVE_STATES)


class Campaign(TenantModel):
    """One rollout. Example: 2.4.1 for all meters in Izmir: 2 first, then 10, then the rest.

    `wave_sizes` are numbers of devices, the canary first. `current_wave` counts from 0; after
    `wave_over_at` and the pause (s) comes the next. `criteria` says what was asked for, in the
    words of the request.
    """

    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=15, choices=CampaignKind)
    profile = models.ForeignKey(
        "devices.DeviceProfile", models.PROTECT, related_name="+", verbose_name=_("profile")
    )
    release = models.ForeignKey(
        "devices.FirmwareRelease",
        models.PROTECT,
        null=True,
        related_name="campaigns",
        verbose_name=_("firmware"),
    )
    configuration = models.JSONField(_("configuration"), default=dict, blank=True)
    criteria = models.JSONField(_("criteria"), default=dict, blank=True)
    allows_downgrade = models.BooleanField(_("may go back to an older version"), default=False)
    wave_sizes = models.JSONField(_("waves"), default=list)
    pause_seconds = models.PositiveIntegerField(_("pause between waves (s)"), default=3600)
    halt_percent = models.PositiveSmallIntegerField(
        _("halt at failures (%)"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
    )
    max_tries = models.PositiveSmallIntegerField(_("tries"), default=3)
    state = models.CharField(
        _("state"), max_length=10, choices=CampaignState, default=CampaignState.RUNNING
    )
    current_wave = models.PositiveSmallIntegerField(_("wave"), default=0)
    wave_over_at = models.DateTimeField(_("wave over"), null=True, editable=False)
    reason_code = models.CharField(_("reason code"), max_length=40, blank=True)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    forgiven = models.PositiveIntegerField(
        _("failures accepted"),
        default=0,
        help_text=_("Failures that were there when somebody went on after a halt."),
    )
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("started by"),
    )
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="campaign_tenant_id"),
        ]
        indexes = [
            models.Index(fields=["tenant", "-started_at"], name="campaign_by_start"),
            models.Index(
                fields=["id"],
                condition=models.Q(finished_at__isnull=True),
                name="campaign_unfinished",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class CampaignTarget(TenantModel):
    """One device of a campaign; it is in one unfinished campaign at a time.

    `job_id` names the try: what a device says about another one is not about this. `deadline_at`
    ends a state; `progress` is in percent, `history` the states with their times and reasons.
    """

    campaign = models.ForeignKey(
        Campaign, models.CASCADE, related_name="targets", verbose_name=_("campaign")
    )
    device = models.ForeignKey(
        "devices.Device", models.CASCADE, related_name="campaign_targets", verbose_name=_("device")
    )
    wave = models.PositiveSmallIntegerField(_("wave"))
    state = models.CharField(
        _("state"), max_length=12, choices=TargetState, default=TargetState.PENDING
    )
    state_at = models.DateTimeField(_("since"))
    deadline_at = models.DateTimeField(_("deadline"), null=True, editable=False)
    next_try_at = models.DateTimeField(_("next try"), null=True, editable=False)
    offered_at = models.DateTimeField(_("last offered"), null=True, editable=False)
    job_id = models.UUIDField(_("job"), null=True, editable=False)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    rollbacks = models.PositiveSmallIntegerField(_("rollbacks"), default=0)
    progress = models.PositiveSmallIntegerField(_("progress (%)"), default=0)
    from_version = models.CharField(_("from version"), max_length=50, blank=True)
    revision = models.PositiveIntegerField(_("revision"), null=True, editable=False)
    downloads = models.PositiveIntegerField(_("requests for the image"), default=0)
    asked_bytes = models.BigIntegerField(_("bytes asked for"), default=0)
    error_code = models.CharField(_("error code"), max_length=60, blank=True)
    error = models.CharField(_("error"), max_length=500, blank=True)
    history = models.JSONField(_("history"), default=list, blank=True)

    class Meta:
        verbose_name = _("campaign target")
        verbose_name_plural = _("campaign targets")
        constraints = [
            models.UniqueConstraint(fields=["campaign", "device"], name="campaign_device_once"),
            models.UniqueConstraint(
                fields=["device"],
                condition=models.Q(state__in=[state.value for state in OPEN_STATES]),
                name="device_in_one_campaign",
            ),
        ]
        indexes = [
            models.Index(fields=["campaign", "wave", "state"], name="target_by_wave"),
            models.Index(
                fields=["deadline_at"],
                condition=models.Q(deadline_at__isnull=False),
                name="target_by_deadline",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device_id}"
