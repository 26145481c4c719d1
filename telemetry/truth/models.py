"""What is known about the completeness and trust of readings."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from psycopg.types.multirange import Multirange

from accounts.tenancy import TenantModel, TenantOwned
from telemetry.quality import Quality

QUALITIES = [(quality.value, quality.label) for quality in Quality]


class Int8MultirangeField(models.Field):
    """Ranges of whole numbers, kept merged by PostgreSQL. Python sees psycopg's Multirange."""

    def db_type(self, connection: Any) -> str:
        """Return the type of the column."""
        return "int8multirange"


class DeviceSequence(TenantOwned):
    """Which numbers of one boot of a device have arrived; a device numbers its readings itself.

    Example: boot 12, received {[1,57),[60,91)}: 57 to 59 are missing. What was given up counts
    as received. `receipt_upto`: the device was told that everything up to here is stored.
    """

    id = models.BigAutoField(primary_key=True)
    device = models.ForeignKey(
        "devices.Device", models.CASCADE, related_name="sequences", verbose_name=_("device")
    )
    boot = models.BigIntegerField(_("boot"))
    received = Int8MultirangeField(_("received"), default=Multirange)
    gap_count = models.IntegerField(_("open gaps"), default=0)
    receipt_upto = models.BigIntegerField(_("receipt up to"), null=True)
    receipt_at = models.DateTimeField(_("receipt sent"), null=True)
    first_at = models.DateTimeField(_("first heard"))
    last_at = models.DateTimeField(_("last heard"))

    class Meta:
        verbose_name = _("sequence")
        verbose_name_plural = _("sequences")
        constraints = [
            models.UniqueConstraint(fields=["device", "boot"], name="sequence_once_per_boot"),
            models.UniqueConstraint(fields=["tenant", "id"], name="sequence_tenant_id"),
        ]

    def __str__(self) -> str:
        return f"{self.device_id} boot {self.boot}"


class SequenceGap(TenantOwned):
    """Numbers `start` to `end`, both included, that did not arrive.

    `missing`: how many of them still do not; which ones, `sequence.received` tells. Open until
    `filled_at`, or `given_up_at` after the device was asked too often: then `lost` names what
    had not arrived. Times are UTC.
    """

    id = models.BigAutoField(primary_key=True)
    sequence = models.ForeignKey(
        DeviceSequence, models.CASCADE, related_name="gaps", verbose_name=_("sequence")
    )
    start = models.BigIntegerField(_("from"))
    end = models.BigIntegerField(_("to"))
    missing = models.BigIntegerField(_("missing"))
    since = models.DateTimeField(_("since"))
    filled_at = models.DateTimeField(_("filled"), null=True)
    given_up_at = models.DateTimeField(_("given up"), null=True)
    lost = Int8MultirangeField(_("lost"), default=Multirange)
    requests = models.PositiveSmallIntegerField(_("times asked"), default=0)
    next_request_at = models.DateTimeField(_("asked again"), null=True)

    class Meta:
        verbose_name = _("gap of a sequence")
        verbose_name_plural = _("gaps of sequences")
        indexes = [
            models.Index(
                fields=["next_request_at"],
                name="gap_to_ask_for",
                condition=models.Q(filled_at__isnull=True, given_up_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.start}-{self.end}"


class SampleCorrection(TenantModel):
    """A value that a person set: a manual reading, or another value for a stored one.

    A manual reading has no old value. `at` is the time of the sample, UTC; values are in the
    channel's stored unit. Rows are never changed, so what a device once said stays readable.
    """

    channel = models.ForeignKey(
        "devices.Channel", models.CASCADE, related_name="corrections", verbose_name=_("channel")
    )
    at = models.DateTimeField(_("time of the value"))
    old_value = models.FloatField(_("old value"), null=True)
    old_quality = models.SmallIntegerField(_("old quality"), choices=QUALITIES, null=True)
    new_value = models.FloatField(_("new value"))
    new_quality = models.SmallIntegerField(_("new quality"), choices=QUALITIES)
    reason = models.CharField(_("reason"), max_length=500)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        related_name="+",
        null=True,
        verbose_name=_("made by"),
    )
    made_by_label = models.CharField(_("name of who made it"), max_length=254, blank=True)

    class Meta:
        verbose_name = _("corrected value")
        verbose_name_plural = _("corrected values")
        indexes = [models.Index(fields=["channel", "-at"], name="correction_by_time")]

    def __str__(self) -> str:
        return f"{self.channel_id} {self.at:%Y-%m-%d %H:%M:%S} {self.new_value}"


class Grade(models.TextChoices):
    """How far a day of a channel can be trusted, as a traffic light."""

    GOOD = "good", _("Good")
    FAIR = "fair", _("Fair")
    POOR = "poor", _("Poor")
    UNKNOWN = "unknown", _("Unknown")


class ChannelDay(TenantOwned):
    """Figures about one channel on one local day of its site.

    `lateness` counts values by how late they came, in the classes of
    `telemetry.truth.lateness`; the rest is computed from the rollups while `stale_since` is
    set. `completeness` is a share of 1, null where no interval is expected. Suspicions are
    codes of `telemetry.truth.findings`.
    """

    id = models.BigAutoField(primary_key=True)
    channel = models.ForeignKey(
        "devices.Channel", models.CASCADE, related_name="days", verbose_name=_("channel")
    )
    day = models.DateField(_("day"))
    lateness = ArrayField(models.IntegerField(), verbose_name=_("lateness"), default=list)
    stale_since = models.DateTimeField(_("to be computed since"), null=True)
    expected = models.IntegerField(_("expected values"), null=True)
    received = models.IntegerField(_("usable values"), default=0)
    good = models.IntegerField(_("good values"), default=0)
    completeness = models.FloatField(_("completeness"), null=True)
    lateness_p50 = models.FloatField(_("lateness of half (s)"), null=True)
    lateness_p95 = models.FloatField(_("lateness of 95 % (s)"), null=True)
    gaps = models.IntegerField(_("gaps"), default=0)
    longest_gap_seconds = models.IntegerField(_("longest gap (s)"), default=0)
    stuck_seconds = models.IntegerField(_("longest time unchanged (s)"), default=0)
    falls = models.IntegerField(_("falls of a counter"), default=0)
    mean = models.FloatField(_("mean"), null=True)
    noise = models.FloatField(
        _("noise"), null=True, help_text=_("Median range within 15 minutes, in the stored unit.")
    )
    clock_offset = models.FloatField(
        _("clock behind (s)"), null=True, help_text=_("The smallest lateness; negative: ahead.")
    )
    clock_drift = models.FloatField(_("drift of the clock (s a day)"), null=True)
    findings = ArrayField(models.CharField(max_length=20), verbose_name=_("findings"), default=list)
    grade = models.CharField(_("grade"), max_length=10, choices=Grade, default=Grade.UNKNOWN)
    computed_at = models.DateTimeField(_("computed"), null=True)

    class Meta:
        verbose_name = _("day of a channel")
        verbose_name_plural = _("days of channels")
        constraints = [
            models.UniqueConstraint(fields=["channel", "day"], name="channel_day_once"),
        ]
        indexes = [
            models.Index(
                fields=["stale_since"],
                name="channel_day_stale",
                condition=models.Q(stale_since__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel_id} {self.day}"
