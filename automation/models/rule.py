"""What follows when something happens."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel, TenantOwned


class Quarantine(models.TextChoices):
    """Why a rule was stopped until somebody arms it again."""

    NONE = "", _("Not stopped")
    FAILURES = "failures", _("It failed again and again")
    LOOP = "loop", _("It set itself off")
    TOO_OFTEN = "too_often", _("It acted too often")


class AutomationRule(TenantModel):
    """When something happens and conditions hold, something is done.

    Example: "Water when dry", of site "Izmir plant". What it does stands in its newest version.
    `site` gives its times their zone; without one they are in UTC. `listens` names the types of
    live events that it waits for, `channels` those whose samples it looks at; both follow from
    the version. `position`: up to when its times have been looked at; `next_at`: the next one.
    """

    name = models.CharField(_("name"), max_length=100)
    is_enabled = models.BooleanField(
        _("enabled"), default=False, help_text=_("Only an enabled rule acts.")
    )
    is_dry = models.BooleanField(
        _("dry run"), default=False, help_text=_("It writes down what it would do, and does not.")
    )
    site = models.ForeignKey(
        "devices.Site", models.CASCADE, null=True, blank=True, related_name="automation_rules",
        verbose_name=_("site"),
    )  # fmt: skip
    quarantine = models.CharField(
        _("stopped because"), max_length=10, choices=Quarantine, blank=True, editable=False
    )
    quarantine_detail = models.CharField(max_length=500, blank=True, editable=False)
    quarantined_at = models.DateTimeField(_("stopped"), null=True, editable=False)
    failures = models.PositiveSmallIntegerField(_("failures in a row"), default=0, editable=False)
    acted_at = models.DateTimeField(_("last acted"), null=True, editable=False)
    listens = ArrayField(models.CharField(max_length=20), default=list, editable=False)
    channels = ArrayField(models.BigIntegerField(), default=list, editable=False)
    hook_hash = models.CharField(max_length=64, blank=True, editable=False)
    position = models.DateTimeField(null=True, editable=False)
    next_at = models.DateTimeField(_("next time"), null=True, editable=False)

    class Meta:
        verbose_name = _("automation rule")
        verbose_name_plural = _("automation rules")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "name"], name="automation_rule_name_per_tenant"
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="automation_rule_tenant_id"),
            models.UniqueConstraint(
                fields=["hook_hash"], condition=~Q(hook_hash=""), name="automation_rule_hook"
            ),
        ]
        indexes = [
            GinIndex(fields=["channels"], name="automation_rule_channels"),
            models.Index(
                fields=["next_at"], condition=Q(next_at__isnull=False), name="automation_rule_due"
            ),
            # asked for each live event of a tenant
            models.Index(
                fields=["tenant"],
                name="automation_rule_listens",
                condition=Q(is_enabled=True, quarantine="") & ~Q(listens=[]),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AutomationRuleVersion(TenantModel):
    """What a rule does from a moment on; a change is a new version. See `rules.definition`."""

    rule = models.ForeignKey(
        AutomationRule, models.CASCADE, related_name="versions", verbose_name=_("rule")
    )
    number = models.PositiveIntegerField(_("number"), editable=False)
    definition = models.JSONField(_("definition"))
    note = models.CharField(_("reason of the change"), max_length=200, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+",
        verbose_name=_("made by"),
    )  # fmt: skip

    class Meta:
        verbose_name = _("version of an automation rule")
        verbose_name_plural = _("versions of automation rules")
        constraints = [
            models.UniqueConstraint(fields=["rule", "number"], name="automation_version_number"),
            models.UniqueConstraint(fields=["tenant", "id"], name="automation_version_tenant_id"),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} v{self.number}"


class RuleState(TenantOwned):
    """How far a rule has come with the samples it looks at; see `engine.states`.

    Written in the transaction of what follows from it, so that nothing follows twice.
    """

    id = models.BigAutoField(primary_key=True)
    rule = models.OneToOneField(
        AutomationRule, models.CASCADE, related_name="state", editable=False
    )
    version = models.PositiveIntegerField(_("version"), editable=False)
    states = models.JSONField(_("states"), editable=False)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("state of an automation rule")
        verbose_name_plural = _("states of automation rules")

    def __str__(self) -> str:
        return f"{self.rule_id}"


class AutomationEventNote(models.Model):
    """Something that happened and that rules wait for; gone when they have looked at it.

    Written by a trigger in the transaction of the live event, whose content it copies.
    """

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.UUIDField(editable=False)
    event_id = models.UUIDField(editable=False)
    type = models.CharField(max_length=20, editable=False)
    severity = models.CharField(max_length=10, editable=False)
    site_id = models.UUIDField(null=True, editable=False)
    device_id = models.UUIDField(null=True, editable=False)
    payload = models.JSONField(default=dict, editable=False)
    occurred_at = models.DateTimeField(editable=False)

    class Meta:
        verbose_name = _("event that rules wait for")
        verbose_name_plural = _("events that rules wait for")

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"
