"""What is to be told, what was handed over, and what came of it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel, TenantOwned
from alarms.models.alarm import Alarm
from alarms.models.notify import NotificationRoute, NotificationTarget, OnCallRota
from devices.models.event import Severity

MAX_ERROR = 500


class MessageState(models.TextChoices):
    """How far a message is."""

    WAITING = "waiting", _("Waiting")
    SENDING = "sending", _("Being sent")
    SENT = "sent", _("Handed over")
    DEAD = "dead", _("Given up")


class MessageKind(models.TextChoices):
    """What a message is about."""

    ALARMS = "alarms", _("Alarms")
    TEST = "test", _("Test")
    TROUBLE = "trouble", _("Trouble with notifications")
    AUTOMATION = "automation", _("Automation")


class NotificationMessage(TenantModel):
    """What goes to a target together; its id stays the same however often it is tried.

    `content`: what is told, as it was when the message was made. `next_try_at`: when it is tried,
    or, while it is being sent, when another process takes it up because the first has died.
    `claim`: who sends it. `reached`: browsers that have it already.
    """

    target = models.ForeignKey(
        NotificationTarget, models.CASCADE, related_name="messages", verbose_name=_("target"),
        editable=False,
    )  # fmt: skip
    kind = models.CharField(
        _("kind"), max_length=10, choices=MessageKind, default=MessageKind.ALARMS, editable=False
    )
    subject = models.CharField(_("subject"), max_length=300, editable=False)
    content = models.JSONField(_("content"), default=dict, editable=False)
    severity = models.CharField(
        _("severity"), max_length=10, choices=Severity, default=Severity.INFO, editable=False
    )
    state = models.CharField(
        _("state"), max_length=10, choices=MessageState, default=MessageState.WAITING,
        editable=False,
    )  # fmt: skip
    tries = models.PositiveIntegerField(_("tries"), default=0, editable=False)
    next_try_at = models.DateTimeField(_("next try"), null=True, editable=False)
    claim = models.UUIDField(null=True, editable=False)
    reached = models.JSONField(default=list, editable=False)
    error = models.CharField(_("error"), max_length=MAX_ERROR, blank=True, editable=False)
    made_at = models.DateTimeField(_("made"), editable=False)
    sent_at = models.DateTimeField(_("handed over"), null=True, editable=False)

    class Meta:
        verbose_name = _("notification message")
        verbose_name_plural = _("notification messages")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="message_tenant_id"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "sending"], next_try_at__isnull=False)
                | Q(state__in=["sent", "dead"], next_try_at__isnull=True),
                name="message_is_tried_or_done",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"], condition=Q(next_try_at__isnull=False), name="message_due"
            ),
            models.Index(fields=["tenant", "-made_at"], name="message_by_time"),
            models.Index(fields=["target", "-made_at"], name="message_of_target"),
        ]

    def __str__(self) -> str:
        return self.subject


class Notification(TenantOwned):
    """That a target is to be told of an alarm; planned with the event that asks for it.

    `occasion` names what is told, so that it is planned once: the event that asks for it, and
    after how many seconds. With a rota and no target it becomes those of whoever is on call when
    it is due. `step`: place on the ladder of the route, 0 is told at once. `was_held`: it waited
    for quiet hours to end or for the daily digest. `bypasses_quiet`: neither holds it.
    """

    class Kind(models.TextChoices):
        """What is told."""

        RAISED = "raised", _("Raised")
        ENDED = "ended", _("Over")

    class State(models.TextChoices):
        """How far it is."""

        WAITING = "waiting", _("Waiting")
        HANDED = "handed", _("In a message")
        DROPPED = "dropped", _("Not needed")

    class Reason(models.TextChoices):
        """Why nobody is told after all."""

        NONE = "", _("None")
        ANSWERED = "answered", _("Acknowledged in time")
        OVER = "over", _("Over in time")
        SUPPRESSED = "suppressed", _("Suppressed, snoozed or shelved")
        NOBODY = "nobody", _("Nobody was on call")
        EXPANDED = "expanded", _("Told to whoever is on call")
        NOT_A_MEMBER = "not_a_member", _("Not a member any more")
        OFF = "off", _("The target is switched off")

    id = models.BigAutoField(primary_key=True)
    alarm = models.ForeignKey(
        Alarm, models.CASCADE, related_name="notifications", verbose_name=_("alarm"),
        editable=False,
    )  # fmt: skip
    route = models.ForeignKey(
        NotificationRoute, models.SET_NULL, null=True, editable=False, related_name="+",
        verbose_name=_("route"),
    )  # fmt: skip
    target = models.ForeignKey(
        NotificationTarget, models.CASCADE, null=True, editable=False,
        related_name="notifications", verbose_name=_("target"),
    )  # fmt: skip
    rota = models.ForeignKey(
        OnCallRota, models.CASCADE, null=True, editable=False, related_name="+",
        verbose_name=_("rota"),
    )  # fmt: skip
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, editable=False)
    occasion = models.CharField(max_length=40, editable=False)
    step = models.PositiveIntegerField(_("step"), default=0, editable=False)
    due_at = models.DateTimeField(_("due"), editable=False)
    was_held = models.BooleanField(_("held back"), default=False, editable=False)
    bypasses_quiet = models.BooleanField(default=False, editable=False)
    state = models.CharField(
        _("state"), max_length=10, choices=State, default=State.WAITING, editable=False
    )
    reason = models.CharField(
        _("reason"), max_length=15, choices=Reason, blank=True, editable=False
    )
    message = models.ForeignKey(
        NotificationMessage, models.SET_NULL, null=True, editable=False,
        related_name="notifications", verbose_name=_("message"),
    )  # fmt: skip
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        constraints = [
            models.UniqueConstraint(
                fields=["alarm", "target", "occasion"], name="notification_once"
            ),
            models.UniqueConstraint(
                fields=["alarm", "rota", "occasion"], condition=Q(target__isnull=True),
                name="notification_of_rota_once",
            ),
            models.CheckConstraint(
                condition=Q(target__isnull=False) | Q(rota__isnull=False),
                name="notification_tells_somebody",
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="waiting"), name="notification_due"),
            models.Index(fields=["alarm", "id"], name="notification_of_alarm"),
            models.Index(fields=["message"], name="notification_of_message"),
        ]

    def __str__(self) -> str:
        return f"{self.alarm_id} {self.occasion} {self.step}"


class DeliveryAttempt(TenantOwned):
    """One try to hand a message over. `seconds`: how long it took."""

    id = models.BigAutoField(primary_key=True)
    message = models.ForeignKey(
        NotificationMessage, models.CASCADE, related_name="attempts", verbose_name=_("message"),
        editable=False,
    )  # fmt: skip
    number = models.PositiveIntegerField(_("number"), editable=False)
    at = models.DateTimeField(_("at"), editable=False)
    is_ok = models.BooleanField(_("taken"), editable=False)
    error = models.CharField(_("error"), max_length=MAX_ERROR, blank=True, editable=False)
    seconds = models.FloatField(_("seconds"), default=0.0, editable=False)

    class Meta:
        verbose_name = _("delivery attempt")
        verbose_name_plural = _("delivery attempts")
        indexes = [models.Index(fields=["message", "id"], name="attempt_of_message")]

    def __str__(self) -> str:
        return f"{self.message_id} {self.number}"


class InAppNote(TenantModel):
    """What stands behind somebody's bell."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, editable=False, related_name="+",
        verbose_name=_("person"),
    )  # fmt: skip
    message = models.ForeignKey(
        NotificationMessage, models.CASCADE, editable=False, related_name="notes",
        verbose_name=_("message"),
    )  # fmt: skip
    number = models.PositiveIntegerField(default=0, editable=False)
    alarm = models.ForeignKey(
        Alarm, models.SET_NULL, null=True, editable=False, related_name="+",
        verbose_name=_("alarm"),
    )  # fmt: skip
    title = models.CharField(_("title"), max_length=300, editable=False)
    text = models.CharField(_("text"), max_length=1000, blank=True, editable=False)
    severity = models.CharField(_("severity"), max_length=10, choices=Severity, editable=False)
    at = models.DateTimeField(_("at"), editable=False)
    read_at = models.DateTimeField(_("read"), null=True, editable=False)

    class Meta:
        verbose_name = _("in-app note")
        verbose_name_plural = _("in-app notes")
        constraints = [
            models.UniqueConstraint(fields=["message", "number"], name="in_app_note_once"),
        ]
        indexes = [
            models.Index(fields=["tenant", "person", "-at"], name="in_app_note_of_person"),
            models.Index(
                fields=["tenant", "person"], condition=Q(read_at__isnull=True),
                name="in_app_note_unread",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.title


class PushSubscription(TenantModel):
    """A browser that somebody lets us push to. `keys`: p256dh and auth, sealed as JSON."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, editable=False, related_name="+",
        verbose_name=_("person"),
    )  # fmt: skip
    label = models.CharField(_("browser"), max_length=200, blank=True, editable=False)
    endpoint = models.TextField(editable=False)
    endpoint_hash = models.CharField(max_length=64, editable=False)
    keys = models.TextField(editable=False)
    last_ok_at = models.DateTimeField(_("last reached"), null=True, editable=False)

    class Meta:
        verbose_name = _("push subscription")
        verbose_name_plural = _("push subscriptions")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "person", "endpoint_hash"], name="push_subscription_once"
            ),
        ]

    def __str__(self) -> str:
        return self.label or str(self.id)
