"""What is watched, and for what."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel, TenantOwned
from devices.models.channel import CHANNEL_NAME

MAX_TEXT = 300
MAX_ADVICE = 1000


class AlarmRule(TenantModel):
    """Watches one channel, or each channel of a name in a part of the fleet.

    Example: "Supply voltage too high", metric voltage_l1, of all devices at site "Izmir plant".
    With `metric` all of profile, site, device and tag that are given must fit. What it looks for
    stands in its newest version.
    """

    name = models.CharField(_("name"), max_length=100)
    is_enabled = models.BooleanField(
        _("enabled"), default=False, help_text=_("Only an enabled rule raises alarms.")
    )
    channel = models.ForeignKey(
        "devices.Channel", models.CASCADE, null=True, blank=True, related_name="alarm_rules",
        verbose_name=_("channel"), help_text=_("Blank: the metric of several devices."),
    )  # fmt: skip
    metric = models.CharField(
        _("metric"), max_length=64, blank=True, validators=[CHANNEL_NAME],
        help_text=_("Canonical name, such as voltage_l1."),
    )  # fmt: skip
    device = models.ForeignKey(
        "devices.Device", models.CASCADE, null=True, blank=True, related_name="alarm_rules",
        verbose_name=_("device"),
    )  # fmt: skip
    profile = models.ForeignKey(
        "devices.DeviceProfile", models.CASCADE, null=True, blank=True, related_name="+",
        verbose_name=_("profile"),
    )  # fmt: skip
    site = models.ForeignKey(
        "devices.Site", models.CASCADE, null=True, blank=True, related_name="alarm_rules",
        verbose_name=_("site"),
    )  # fmt: skip
    tag = models.CharField(
        _("tag"), max_length=40, blank=True, help_text=_("Devices that have this tag.")
    )

    class Meta:
        verbose_name = _("alarm rule")
        verbose_name_plural = _("alarm rules")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="alarm_rule_name_per_tenant"),
            models.UniqueConstraint(fields=["tenant", "id"], name="alarm_rule_tenant_id"),
            models.CheckConstraint(
                condition=Q(channel__isnull=True) ^ Q(metric=""), name="alarm_rule_watches_one"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AlarmRuleVersion(TenantModel):
    """What a rule looked for from a moment on; a change is a new version.

    `definition`: see `rules.definition`. `text` and `advice` may name {value}, {unit}, {limit},
    {device}, {channel}, {site} and {since}.
    """

    rule = models.ForeignKey(
        AlarmRule, models.CASCADE, related_name="versions", verbose_name=_("rule")
    )
    number = models.PositiveIntegerField(_("number"), editable=False)
    definition = models.JSONField(_("definition"))
    text = models.CharField(
        _("message"), max_length=MAX_TEXT, blank=True,
        help_text=_("What people are told; blank: the condition in words."),
    )  # fmt: skip
    advice = models.CharField(
        _("what to do"), max_length=MAX_ADVICE, blank=True,
        help_text=_("Such as: switch to the second pump, call the electrician."),
    )  # fmt: skip
    note = models.CharField(_("reason of the change"), max_length=200, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+",
        verbose_name=_("made by"),
    )  # fmt: skip

    class Meta:
        verbose_name = _("version of an alarm rule")
        verbose_name_plural = _("versions of alarm rules")
        constraints = [
            models.UniqueConstraint(fields=["rule", "number"], name="alarm_rule_version_number"),
            models.UniqueConstraint(fields=["tenant", "id"], name="alarm_rule_version_tenant_id"),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} v{self.number}"


class WatchState(TenantOwned):
    """How far a rule has come on a channel: where `engine.fold` goes on after a restart.

    `states`: see `watching.states`; the newest, and two older ones for samples that come late.
    `version`: number of the version.
    """

    id = models.BigAutoField(primary_key=True)
    rule = models.ForeignKey(AlarmRule, models.CASCADE, related_name="+", editable=False)
    channel = models.ForeignKey("devices.Channel", models.CASCADE, related_name="+", editable=False)
    version = models.PositiveIntegerField(_("version"))
    states = models.JSONField(_("states"))
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("state of a watch")
        verbose_name_plural = _("states of watches")
        constraints = [
            models.UniqueConstraint(fields=["rule", "channel"], name="watch_state_once"),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} {self.channel_id}"
