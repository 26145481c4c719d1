"""Alarm rules and their versions in the admin, with what they look for in words."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import ReadOnlyAdmin, ReadOnlyInline
from alarms.models import AlarmRule, AlarmRuleVersion
from alarms.queries.rules import unit_of_metric
from alarms.rules.definition import BadRule
from alarms.words import describe_rule, describe_scope


def _words(definition: dict[str, Any] | None, rule: AlarmRule) -> str:
    if not definition:
        return "–"
    unit = rule.channel.unit if rule.channel else unit_of_metric(rule.metric)
    try:
        return describe_rule(definition, unit)
    except BadRule as error:  # of a version that another release has written
        return str(error)


class VersionInline(ReadOnlyInline):
    """What the rule looked for."""

    is_open_to_tenants = True
    model = AlarmRuleVersion
    fields = ("number", "condition", "text", "advice", "note", "made_by", "created_at")
    readonly_fields = fields
    ordering = ("-number",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlarmRuleVersion]:
        """Read the rule along, whose channel has the unit."""
        return super().get_queryset(request).select_related("rule__channel", "made_by")

    @admin.display(description=_("condition"))
    def condition(self, version: AlarmRuleVersion) -> str:
        """Say it in words."""
        return _words(version.definition, version.rule)


@admin.register(AlarmRule)
class AlarmRuleAdmin(ReadOnlyAdmin):
    """What is watched, and for what."""

    is_open_to_tenants = True
    list_display = ("name", "tenant", "is_enabled", "scope", "condition", "version")
    list_filter = ("tenant", "is_enabled")
    list_select_related = ("tenant", "channel__device", "device", "site", "profile")
    search_fields = ("name", "metric", "tag")
    ordering = ("name", "id")
    inlines = (VersionInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlarmRule]:
        """Read the newest version of each along."""
        newest = AlarmRuleVersion.objects.filter(rule=OuterRef("pk")).order_by("-number")
        return (
            super().get_queryset(request)
            .annotate(
                newest_definition=Subquery(newest.values("definition")[:1]),
                newest_number=Subquery(newest.values("number")[:1]),
            )
        )  # fmt: skip

    @admin.display(description=_("watches"))
    def scope(self, rule: AlarmRule) -> str:
        """Say what it watches."""
        return describe_scope(rule)

    @admin.display(description=_("condition"))
    def condition(self, rule: Any) -> str:
        """Say what it looks for."""
        return _words(rule.newest_definition, rule)

    @admin.display(description=_("version"))
    def version(self, rule: Any) -> int | None:
        """Return the number of the newest version."""
        number: int | None = rule.newest_number
        return number


@admin.register(AlarmRuleVersion)
class AlarmRuleVersionAdmin(ReadOnlyAdmin):
    """What rules looked for."""

    is_open_to_tenants = True
    list_display = ("rule", "tenant", "number", "condition", "created_at", "made_by", "note")
    list_filter = ("tenant",)
    list_select_related = ("tenant", "rule__channel", "made_by")
    search_fields = ("rule__name", "note", "text")
    ordering = ("rule__name", "-number", "id")

    @admin.display(description=_("condition"))
    def condition(self, version: AlarmRuleVersion) -> str:
        """Say it in words."""
        return _words(version.definition, version.rule)
