"""Notifications in the admin; people change them on the pages, machines write the log."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.admin_base import ReadOnlyAdmin, ReadOnlyInline
from alarms.models import (
    DeliveryAttempt,
    EscalationStep,
    InAppNote,
    Notification,
    NotificationMessage,
    NotificationRoute,
    NotificationTarget,
    OnCallMember,
    OnCallRota,
    OnCallStandIn,
    PushSubscription,
)
from alarms.services.sending import requeue


@admin.register(NotificationTarget)
class NotificationTargetAdmin(ReadOnlyAdmin):
    """Ways to tell somebody; secrets are not shown."""

    is_open_to_tenants = True
    list_display = (
        "name", "tenant", "kind", "person", "address", "is_active", "failures", "paused_until",
    )  # fmt: skip
    list_filter = ("tenant", "kind", "is_active")
    list_select_related = ("tenant", "person")
    search_fields = ("name", "address", "person__email")
    ordering = ("name", "id")


class StepInline(ReadOnlyInline):
    """The ladder of a route."""

    is_open_to_tenants = True
    model = EscalationStep
    fields = ("after_seconds", "target", "rota")
    readonly_fields = fields
    ordering = ("after_seconds", "id")


@admin.register(NotificationRoute)
class NotificationRouteAdmin(ReadOnlyAdmin):
    """Which alarms are told to whom."""

    is_open_to_tenants = True
    inlines = (StepInline,)
    list_display = ("name", "tenant", "position", "is_active", "min_severity", "site", "tag")
    list_filter = ("tenant", "is_active", "min_severity")
    list_select_related = ("tenant", "site")
    search_fields = ("name", "tag", "site__name")
    ordering = ("position", "name", "id")


class MemberInline(ReadOnlyInline):
    """Who takes turns."""

    is_open_to_tenants = True
    model = OnCallMember
    fields = ("position", "person")
    readonly_fields = fields
    ordering = ("position", "id")


class StandInInline(ReadOnlyInline):
    """Who takes over for a time."""

    is_open_to_tenants = True
    model = OnCallStandIn
    fields = ("start", "end", "person")
    readonly_fields = fields
    ordering = ("start", "id")


@admin.register(OnCallRota)
class OnCallRotaAdmin(ReadOnlyAdmin):
    """Who is on call."""

    is_open_to_tenants = True
    inlines = (MemberInline, StandInInline)
    list_display = ("name", "tenant", "first_date", "handover", "turn_days", "timezone")
    list_filter = ("tenant",)
    list_select_related = ("tenant",)
    search_fields = ("name",)
    ordering = ("name", "id")


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    """What is to be told, and what was."""

    is_open_to_tenants = True
    list_display = (
        "created_at", "alarm", "tenant", "target", "kind", "step", "due_at", "state", "reason",
    )  # fmt: skip
    list_filter = ("tenant", "state", "reason", "kind")
    list_select_related = ("tenant", "alarm", "target")
    search_fields = ("alarm__title", "alarm__subject", "target__name")
    ordering = ("-id",)


class AttemptInline(ReadOnlyInline):
    """Tries of a message."""

    is_open_to_tenants = True
    model = DeliveryAttempt
    fields = ("number", "at", "is_ok", "error", "seconds")
    readonly_fields = fields
    ordering = ("id",)


@admin.register(NotificationMessage)
class NotificationMessageAdmin(ReadOnlyAdmin):
    """What was handed over, is tried, or was given up."""

    is_open_to_tenants = True
    inlines = (AttemptInline,)
    list_display = (
        "made_at", "subject", "tenant", "target", "state", "tries", "next_try_at", "error",
    )  # fmt: skip
    list_filter = ("tenant", "state", "kind", "target__kind")
    list_select_related = ("tenant", "target")
    search_fields = ("subject", "target__name", "error")
    date_hierarchy = "made_at"
    ordering = ("-made_at", "-id")
    actions = ("try_again",)

    def has_handle_permission(self, request: HttpRequest) -> bool:
        """Tell whether somebody may have messages tried again."""
        return bool(request.user.has_perm("alarms.change_notificationmessage"))  # type: ignore[union-attr]

    @admin.action(description=_("Try the selected messages again"), permissions=["handle"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[NotificationMessage]) -> None:
        """Try messages again that were given up; report done and skipped."""
        now = timezone.now()
        tried = [requeue(message, now=now) for message in queryset.order_by("made_at", "id")]
        done = sum(tried)
        text = ngettext("%(count)d message is tried again.", "%(count)d messages are tried again.",
                        done)  # fmt: skip
        self.message_user(request, text % {"count": done}, messages.SUCCESS)
        if done < len(tried):
            skipped = _("Skipped, because they were not given up: %(count)d")
            values = {"count": len(tried) - done}
            self.message_user(request, skipped % values, messages.WARNING)


@admin.register(InAppNote)
class InAppNoteAdmin(ReadOnlyAdmin):
    """What stands behind the bells."""

    is_open_to_tenants = True
    list_display = ("at", "title", "tenant", "person", "severity", "read_at")
    list_filter = ("tenant", "severity")
    list_select_related = ("tenant", "person")
    search_fields = ("title", "person__email")
    ordering = ("-at", "-id")


@admin.register(PushSubscription)
class PushSubscriptionAdmin(ReadOnlyAdmin):
    """Browsers that may be pushed to; addresses and keys are not shown."""

    is_open_to_tenants = True
    list_display = ("created_at", "person", "tenant", "label", "last_ok_at")
    list_filter = ("tenant",)
    list_select_related = ("tenant", "person")
    search_fields = ("person__email", "label")
    ordering = ("-created_at", "-id")
