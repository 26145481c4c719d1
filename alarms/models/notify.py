"""Who is told of alarms, by what, and in which order."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel
from devices.models.event import Severity
from devices.models.site import validate_timezone

MAX_GATHER_SECONDS = 3600
MAX_STEP_SECONDS = 7 * 86_400
MAX_ADDRESS = 500


class TargetKind(models.TextChoices):
    """By what somebody is told."""

    EMAIL = "email", _("E-mail")
    WEBHOOK = "webhook", _("Webhook")
    APPRISE = "apprise", _("Chat or SMS (Apprise)")
    WEB_PUSH = "web_push", _("Push to browsers")
    IN_APP = "in_app", _("In the app")


PERSONAL = (TargetKind.EMAIL, TargetKind.WEB_PUSH, TargetKind.IN_APP)


class NotificationTarget(TenantModel):
    """One way to tell somebody. Example: "Night shift", e-mail to night@example.com.

    With a `person` it is theirs alone and goes to their e-mail address, their browsers or their
    bell. `secret` is sealed: what a webhook is signed with, or the whole URL of Apprise, of
    which `address` shows the part that is no secret. `quiet`: slots of `rules.definition.Slot`
    in `timezone`. `failures` in a row let it rest until `paused_until`.
    """

    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("by"), max_length=10, choices=TargetKind)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, editable=False, related_name="+",
        verbose_name=_("person"),
    )  # fmt: skip
    address = models.CharField(_("address"), max_length=MAX_ADDRESS, blank=True)
    secret = models.TextField(blank=True, editable=False)
    language = models.CharField(
        _("language"), max_length=10, choices=settings.LANGUAGES, default="en"
    )
    timezone = models.CharField(
        _("time zone"), max_length=64, default="UTC", validators=[validate_timezone]
    )
    quiet = models.JSONField(
        _("quiet hours"), default=list, blank=True,
        help_text=_("Nothing is sent then; what happened is told once afterwards."),
    )  # fmt: skip
    gather_seconds = models.PositiveIntegerField(
        _("gather, seconds"), default=0, validators=[MaxValueValidator(MAX_GATHER_SECONDS)],
        help_text=_("How long the first alarm waits for others, to go out in one message."),
    )  # fmt: skip
    most_per_hour = models.PositiveIntegerField(
        _("messages an hour"), default=20,
        validators=[MinValueValidator(1), MaxValueValidator(999)],
        help_text=_("What is more waits and goes out together; critical ones: twice as many."),
    )  # fmt: skip
    digest_at = models.TimeField(
        _("once a day at"), null=True, blank=True,
        help_text=_("What is not critical waits for this time of the day. Blank: at once."),
    )  # fmt: skip
    is_active = models.BooleanField(_("active"), default=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    paused_until = models.DateTimeField(_("rests until"), null=True, editable=False)

    class Meta:
        verbose_name = _("notification target")
        verbose_name_plural = _("notification targets")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "name"], condition=Q(person__isnull=True), name="target_name"
            ),
            models.UniqueConstraint(
                fields=["tenant", "person", "kind"], condition=Q(person__isnull=False),
                name="target_of_person",
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="target_tenant_id"),
            models.CheckConstraint(
                condition=Q(person__isnull=True, kind__in=["email", "webhook", "apprise"])
                & ~Q(address="")
                | Q(person__isnull=False, kind__in=list(PERSONAL), address=""),
                name="target_has_address_or_person",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name


class NotificationRoute(TenantModel):
    """Which alarms are told to whom. Example: "Cooling", from errors on, tag cooling.

    All of severity, site, tag and time must fit; several routes may. `slots`: parts of the week,
    in the zone of the alarm's site; none: always. The steps say who is told, and who next.
    """

    name = models.CharField(_("name"), max_length=100)
    position = models.PositiveIntegerField(_("position"), default=0)
    is_active = models.BooleanField(_("active"), default=True)
    min_severity = models.CharField(
        _("from severity"), max_length=10, choices=Severity, default=Severity.WARNING
    )
    site = models.ForeignKey(
        "devices.Site", models.CASCADE, null=True, blank=True, related_name="notification_routes",
        verbose_name=_("site"), help_text=_("Blank: everywhere."),
    )  # fmt: skip
    tag = models.CharField(
        _("tag"), max_length=40, blank=True, help_text=_("Devices that have this tag.")
    )
    slots = models.JSONField(
        _("times"), default=list, blank=True,
        help_text=_("When an alarm is raised, in the zone of its site. Blank: always."),
    )  # fmt: skip
    overrides_quiet = models.BooleanField(
        _("critical alarms in quiet hours too"), default=True,
        help_text=_("Critical alarms of this route do not wait for the end of quiet hours."),
    )  # fmt: skip
    tells_end = models.BooleanField(_("tell when it is over"), default=True)

    class Meta:
        verbose_name = _("notification route")
        verbose_name_plural = _("notification routes")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="route_name_per_tenant"),
            models.UniqueConstraint(fields=["tenant", "id"], name="route_tenant_id"),
        ]

    def __str__(self) -> str:
        return self.name


class OnCallRota(TenantModel):
    """People who take turns; see `notify.on_call.Rota`. Example: "Electricians", weekly."""

    name = models.CharField(_("name"), max_length=100)
    timezone = models.CharField(
        _("time zone"), max_length=64, default="UTC", validators=[validate_timezone]
    )
    first_date = models.DateField(_("first day"), help_text=_("When the first person begins."))
    handover = models.TimeField(_("handover at"), default=dt.time(8))
    turn_days = models.PositiveIntegerField(
        _("days of a turn"), default=7, validators=[MinValueValidator(1), MaxValueValidator(365)]
    )
    hours = models.JSONField(
        _("hours"),
        default=list,
        blank=True,
        help_text=_("When somebody is on call; blank: always."),
    )

    class Meta:
        verbose_name = _("on-call rota")
        verbose_name_plural = _("on-call rotas")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="rota_name_per_tenant"),
            models.UniqueConstraint(fields=["tenant", "id"], name="rota_tenant_id"),
            models.CheckConstraint(condition=Q(turn_days__gte=1), name="rota_turn_is_a_day"),
        ]

    def __str__(self) -> str:
        return self.name


class OnCallMember(TenantModel):
    """Somebody's place in a rota."""

    rota = models.ForeignKey(
        OnCallRota, models.CASCADE, related_name="members", verbose_name=_("rota")
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("person")
    )
    position = models.PositiveIntegerField(_("position"))

    class Meta:
        verbose_name = _("member of a rota")
        verbose_name_plural = _("members of rotas")
        constraints = [
            models.UniqueConstraint(fields=["rota", "position"], name="rota_position"),
        ]

    def __str__(self) -> str:
        return f"{self.rota_id} {self.position}"


class OnCallStandIn(TenantModel):
    """Somebody who takes over for a time; without a person nobody is on call."""

    rota = models.ForeignKey(
        OnCallRota, models.CASCADE, related_name="stand_ins", verbose_name=_("rota")
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="+",
        verbose_name=_("person"),
    )  # fmt: skip
    start = models.DateTimeField(_("from"))
    end = models.DateTimeField(_("until"))

    class Meta:
        verbose_name = _("stand-in")
        verbose_name_plural = _("stand-ins")
        constraints = [
            models.CheckConstraint(condition=Q(end__gt=F("start")), name="stand_in_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.rota_id} {self.start:%Y-%m-%d}"


class EscalationStep(TenantModel):
    """Who is told when an alarm of a route has been open and unanswered for so long."""

    route = models.ForeignKey(
        NotificationRoute, models.CASCADE, related_name="steps", verbose_name=_("route")
    )
    after_seconds = models.PositiveIntegerField(
        _("after, seconds"), default=0, validators=[MaxValueValidator(MAX_STEP_SECONDS)]
    )
    target = models.ForeignKey(
        NotificationTarget, models.CASCADE, null=True, blank=True, related_name="steps",
        verbose_name=_("target"),
    )  # fmt: skip
    rota = models.ForeignKey(
        OnCallRota, models.CASCADE, null=True, blank=True, related_name="steps",
        verbose_name=_("rota"), help_text=_("Whoever is on call then."),
    )  # fmt: skip

    class Meta:
        verbose_name = _("step of an escalation")
        verbose_name_plural = _("steps of escalations")
        constraints = [
            models.CheckConstraint(
                condition=Q(target__isnull=True) ^ Q(rota__isnull=True), name="step_tells_one"
            ),
            models.UniqueConstraint(
                fields=["route", "after_seconds", "target"], name="step_target_once"
            ),
            models.UniqueConstraint(
                fields=["route", "after_seconds", "rota"], name="step_rota_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.route_id} {self.after_seconds}"
