"""Alarms of all organisations in the admin; staff act on them through the services."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import BooleanField, Case, QuerySet, Value, When
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.admin_base import ReadOnlyAdmin, ReadOnlyInline
from accounts.tenancy import tenant_scope
from alarms import life_words
from alarms.life_words import event_text, event_title, state_name
from alarms.models import Alarm, AlarmEvent
from alarms.queries.inbox import seconds_of
from alarms.services.life import (
    MAX_AT_ONCE,
    Chosen,
    Outcome,
    Result,
    acknowledge_alarms,
    clear_alarms,
    unacknowledge_alarms,
)

Act = Callable[[Chosen], list[Result]]


class OpenFilter(admin.SimpleListFilter):
    """Open ones, those that ended, and whether somebody has acknowledged them."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Name the four states."""
        return [
            ("fresh", _("open, not acknowledged")), ("seen", _("open, acknowledged")),
            ("unseen", _("ended, not acknowledged")), ("done", _("ended, acknowledged")),
        ]  # fmt: skip

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alarm]) -> QuerySet[Alarm]:
        """Narrow the list."""
        value = self.value()
        if value is None:
            return queryset
        rows = queryset.filter(acknowledged_at__isnull=value in {"fresh", "unseen"})
        is_open = value in {"fresh", "seen"}
        return rows.filter(ending="") if is_open else rows.exclude(ending="")


class EventInline(ReadOnlyInline):
    """What happened to the alarm, the newest first."""

    model = AlarmEvent
    fields = readonly_fields = ("at", "words", "note", "by_label")
    ordering = ("-id",)
    extra = 0

    @admin.display(description=_("what happened"))
    def words(self, event: AlarmEvent) -> str:
        """Say what happened."""
        return event_title(event)

    @admin.display(description=_("text"))
    def note(self, event: AlarmEvent) -> str:
        """Show what was said."""
        return event_text(event)


@admin.register(Alarm)
class AlarmAdmin(ReadOnlyAdmin):
    """All alarms, open ones and those that ended."""

    is_open_to_tenants = True
    list_display = (
        "raised_at", "title", "subject", "tenant", "severity", "state", "lasting", "source",
        "suppressed_because", "assignee", "page",
    )  # fmt: skip
    list_filter = (
        "tenant", OpenFilter, "severity", "source", "ending", "suppressed_because", "rating",
    )  # fmt: skip
    list_select_related = ("tenant", "assignee")
    search_fields = ("title", "subject", "code", "text")
    date_hierarchy = "raised_at"
    ordering = ("-raised_at", "-id")
    inlines = (EventInline,)
    actions = ("acknowledge", "take_back", "clear")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alarm]:
        """Mark what the person may also open as a page of the organisation."""
        acting = getattr(request, "acting", None)
        here = When(tenant_id=acting.tenant_id if acting else None, then=Value(True))
        is_here = Case(here, default=Value(False), output_field=BooleanField())
        return super().get_queryset(request).annotate(is_here=is_here)

    def has_acknowledge_permission(self, request: HttpRequest) -> bool:
        """Ask for the permission that acting on alarms needs everywhere."""
        return bool(request.user.has_perm("acknowledge:alarm"))  # type: ignore[union-attr]

    @admin.display(description=_("state"))
    def state(self, alarm: Alarm) -> str:
        """Say how things stand."""
        return state_name(alarm)

    @admin.display(description=_("lasts"))
    def lasting(self, alarm: Alarm) -> str:
        """Say how long it has lasted, or had."""
        return life_words.lasting(seconds_of(alarm, now=timezone.now()))

    @admin.display(description=_("page"))
    def page(self, alarm: Alarm) -> str:
        """Link to the page of the alarm where the person acts for its organisation."""
        if not getattr(alarm, "is_here", False):
            return "–"
        return format_html('<a href="{}">{}</a>', reverse("alarm", args=[alarm.pk]), _("Open it"))

    @admin.action(description=_("Acknowledge the chosen alarms"), permissions=["acknowledge"])
    def acknowledge(self, request: HttpRequest, queryset: QuerySet[Alarm]) -> None:
        """Say that somebody looks after them; report done and skipped."""
        by: Any = request.user
        now = timezone.now()
        self._act(request, queryset, lambda c: acknowledge_alarms(c, by=by, now=now))

    @admin.action(description=_("Take acknowledgements back"), permissions=["acknowledge"])
    def take_back(self, request: HttpRequest, queryset: QuerySet[Alarm]) -> None:
        """Take acknowledgements back; report done and skipped."""
        by: Any = request.user
        now = timezone.now()
        self._act(request, queryset, lambda c: unacknowledge_alarms(c, by=by, now=now))

    @admin.action(description=_("Clear the chosen alarms by hand"), permissions=["acknowledge"])
    def clear(self, request: HttpRequest, queryset: QuerySet[Alarm]) -> None:
        """End open alarms; report done and skipped."""
        by: Any = request.user
        now = timezone.now()
        self._act(request, queryset, lambda c: clear_alarms(c, by=by, now=now))

    def _act(self, request: HttpRequest, queryset: QuerySet[Alarm], act: Act) -> None:
        """Act tenant by tenant, each in its own scope and transaction."""
        by_tenant: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
        for tenant_id, alarm_id in queryset.order_by().values_list("tenant_id", "id"):
            by_tenant[tenant_id].append(alarm_id)
        results: list[Result] = []
        for tenant_id, ids in sorted(by_tenant.items()):
            with tenant_scope(tenant_id):
                for start in range(0, len(ids), MAX_AT_ONCE):
                    results += act(Chosen(ids[start : start + MAX_AT_ONCE]))
        done = sum(result.outcome is Outcome.DONE for result in results)
        text = ngettext("%(n)d alarm changed.", "%(n)d alarms changed.", done) % {"n": done}
        self.message_user(request, text, messages.SUCCESS)
        if done < len(results):
            left = len(results) - done
            stays = ngettext("%(n)d stays as it is.", "%(n)d stay as they are.", left)
            self.message_user(request, stays % {"n": left}, messages.WARNING)


@admin.register(AlarmEvent)
class AlarmEventAdmin(ReadOnlyAdmin):
    """What happened to alarms."""

    is_open_to_tenants = True
    list_display = ("at", "alarm", "tenant", "kind", "by_label", "text")
    list_filter = ("tenant", "kind")
    list_select_related = ("tenant", "alarm")
    search_fields = ("alarm__title", "alarm__subject", "text")
    ordering = ("-id",)
