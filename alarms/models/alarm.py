"""Alarms and what was done about them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel, TenantOwned
from alarms.models import live_triggers
from alarms.models.rule import MAX_ADVICE, AlarmRule, AlarmRuleVersion
from devices.models.event import Severity

KEY_LENGTH = 200


class Source(models.TextChoices):
    """Who says that something is wrong."""

    RULE = "rule", _("Rule")
    DEVICE = "device", _("Device")
    SYSTEM = "system", _("Platform")


class Ending(models.TextChoices):
    """Why an alarm is not open any more."""

    CLEARED = "cleared", _("All right again")
    BY_HAND = "by_hand", _("Cleared by hand")
    WITHDRAWN = "withdrawn", _("Taken back: late samples disprove it")
    RULE_CHANGED = "rule_changed", _("The rule was changed or switched off")
    GONE = "gone", _("What it is about is gone")
    UNSAID = "unsaid", _("Not said again for a long time")


class Suppression(models.TextChoices):
    """Why nobody is told of an alarm."""

    NONE = "", _("Not suppressed")
    PARENT = "parent", _("Explained by another alarm")
    MAINTENANCE = "maintenance", _("Maintenance")
    SHELVED = "shelved", _("Shelved")
    FLAPPING = "flapping", _("Comes and goes")


class Rating(models.TextChoices):
    """What people think of an alarm afterwards."""

    NONE = "", _("Not rated")
    USEFUL = "useful", _("Useful")
    FALSE = "false", _("False alarm")


class Alarm(TenantModel):
    """Something was wrong from a moment on, until another.

    Active or cleared, and apart from that acknowledged or not; the rest are attributes. `key`
    names what it is about: `rule:<id>:<channel>`, `device:<id>:<kind>:<code>` or
    `system:<check>:<subject>`; of one key at most one alarm is open. Times are those at which
    it happened, UTC; `created_at` is when it became known. Subjects that are deleted become
    null; `subject` keeps their names. `value`, `limit`: in `unit`. `parent`: the open alarm that
    explains it, such as that of its gateway; they are one incident.
    """

    source = models.CharField(_("source"), max_length=10, choices=Source, editable=False)
    key = models.CharField(_("key"), max_length=KEY_LENGTH, editable=False)
    code = models.CharField(_("code"), max_length=100, blank=True, editable=False)
    rule = models.ForeignKey(
        AlarmRule, models.SET_NULL, null=True, editable=False, related_name="alarms",
        verbose_name=_("rule"),
    )  # fmt: skip
    version = models.ForeignKey(
        AlarmRuleVersion, models.SET_NULL, null=True, editable=False, related_name="+",
        verbose_name=_("version of the rule"),
    )  # fmt: skip
    site = models.ForeignKey(
        "devices.Site", models.SET_NULL, null=True, editable=False, related_name="alarms",
        verbose_name=_("site"),
    )  # fmt: skip
    gateway = models.ForeignKey(
        "devices.Gateway", models.SET_NULL, null=True, editable=False, related_name="alarms",
        verbose_name=_("gateway"),
    )  # fmt: skip
    device = models.ForeignKey(
        "devices.Device", models.SET_NULL, null=True, editable=False, related_name="alarms",
        verbose_name=_("device"),
    )  # fmt: skip
    channel = models.ForeignKey(
        "devices.Channel", models.SET_NULL, null=True, editable=False, related_name="alarms",
        verbose_name=_("channel"),
    )  # fmt: skip
    title = models.CharField(_("title"), max_length=200, editable=False)
    subject = models.CharField(_("about"), max_length=300, editable=False)
    severity = models.CharField(_("severity"), max_length=10, choices=Severity, editable=False)
    text = models.CharField(_("message"), max_length=1000, blank=True, editable=False)
    advice = models.CharField(_("what to do"), max_length=MAX_ADVICE, blank=True, editable=False)
    value = models.FloatField(_("value"), null=True, editable=False)
    limit = models.FloatField(_("limit"), null=True, editable=False)
    unit = models.CharField(_("unit"), max_length=20, blank=True, editable=False)
    raised_at = models.DateTimeField(_("raised"), editable=False)
    cleared_at = models.DateTimeField(_("cleared"), null=True, editable=False)
    ending = models.CharField(
        _("ended because"), max_length=15, choices=Ending, blank=True, editable=False
    )
    repeats = models.PositiveIntegerField(
        _("said again"), default=0, editable=False,
        help_text=_("How often a device or the platform said the same while it was open."),
    )  # fmt: skip
    repeated_at = models.DateTimeField(_("last said"), null=True, editable=False)
    suppressed_because = models.CharField(
        _("suppressed because"), max_length=15, choices=Suppression, blank=True, editable=False
    )
    parent = models.ForeignKey(
        "self", models.SET_NULL, null=True, editable=False, related_name="children",
        verbose_name=_("explained by"),
    )  # fmt: skip
    acknowledged_at = models.DateTimeField(_("acknowledged"), null=True, editable=False)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+",
        verbose_name=_("acknowledged by"),
    )  # fmt: skip
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+",
        verbose_name=_("assigned to"),
    )  # fmt: skip
    snoozed_until = models.DateTimeField(_("snoozed until"), null=True, editable=False)
    rating = models.CharField(
        _("rating"), max_length=10, choices=Rating, blank=True, editable=False
    )
    rated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+",
        verbose_name=_("rated by"),
    )  # fmt: skip

    class Meta:
        verbose_name = _("alarm")
        verbose_name_plural = _("alarms")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "key"], condition=Q(ending=""), name="alarm_open_once"
            ),
            models.UniqueConstraint(
                fields=["tenant", "key", "raised_at"],
                condition=Q(ending__in=["", "cleared", "by_hand"]), name="alarm_raised_once",
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="alarm_tenant_id"),
            models.CheckConstraint(
                condition=Q(cleared_at__isnull=True, ending="")
                | (Q(cleared_at__gte=F("raised_at")) & ~Q(ending="")),
                name="alarm_ends_after_it_begins",
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["tenant", "-raised_at"], name="alarm_by_time"),
            models.Index(
                fields=["tenant", "-raised_at"], condition=Q(ending=""), name="alarm_open"
            ),
            models.Index(fields=["tenant", "key", "-raised_at"], name="alarm_by_key"),
            models.Index(fields=["device", "-raised_at"], name="alarm_of_device"),
            models.Index(fields=["rule", "-raised_at"], name="alarm_of_rule"),
            models.Index(
                fields=["parent"], condition=Q(parent__isnull=False), name="alarm_of_parent"
            ),
        ]
        triggers = live_triggers.OF_ALARMS

    def __str__(self) -> str:
        return f"{self.title}: {self.subject}"

    @property
    def is_open(self) -> bool:
        """Tell whether it has not ended."""
        return not self.ending


class AlarmEvent(TenantOwned):
    """What happened to an alarm, in the order in which it became known.

    Written in the transaction of what it tells, so that notifications follow it and miss
    nothing: `planned_at` is when they were planned. `at`: when it became known, UTC.
    """

    class Kind(models.TextChoices):
        """What happened."""

        RAISED = "raised", _("Raised")
        CHANGED = "changed", _("Corrected by late samples")
        CLEARED = "cleared", _("Cleared")
        WITHDRAWN = "withdrawn", _("Taken back")
        ACKNOWLEDGED = "acknowledged", _("Acknowledged")
        UNACKNOWLEDGED = "unacknowledged", _("Acknowledgement taken back")
        ASSIGNED = "assigned", _("Assigned")
        COMMENTED = "commented", _("Commented")
        SNOOZED = "snoozed", _("Snoozed")
        SHELVED = "shelved", _("Shelved")
        SUPPRESSED = "suppressed", _("Suppressed")
        RELEASED = "released", _("No longer suppressed")
        RATED = "rated", _("Rated")

    id = models.BigAutoField(primary_key=True)
    alarm = models.ForeignKey(
        Alarm, models.CASCADE, related_name="events", verbose_name=_("alarm"), editable=False
    )
    kind = models.CharField(_("kind"), max_length=15, choices=Kind, editable=False)
    at = models.DateTimeField(_("at"), editable=False)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+",
        verbose_name=_("by"),
    )  # fmt: skip
    by_label = models.CharField(_("who"), max_length=150, blank=True, editable=False)
    text = models.CharField(_("text"), max_length=2000, blank=True, editable=False)
    planned_at = models.DateTimeField(_("planned"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("event of an alarm")
        verbose_name_plural = _("events of alarms")
        indexes = [
            models.Index(fields=["alarm", "id"], name="alarm_event_of_alarm"),
            models.Index(
                fields=["id"], condition=Q(planned_at__isnull=True), name="alarm_event_unplanned"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.alarm_id}"
