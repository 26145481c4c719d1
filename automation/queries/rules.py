"""Rules of automation of the tenant in scope, as they are shown."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from automation.models import AutomationRule, AutomationRuleVersion, Execution, ExecutionState
from devices.services.fleet_edits import version_of

COUNTED = dt.timedelta(days=7)
_BAD = (ExecutionState.FAILED, ExecutionState.REFUSED)


@dataclass(frozen=True, slots=True)
class Tally:
    """What a rule did in the last 7 days; skipped: what held it back each time."""

    done: int = 0
    failed: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule with its newest version and what it did lately."""

    rule: AutomationRule
    version: AutomationRuleVersion | None
    tally: Tally

    @property
    def state(self) -> str:
        """Return stopped, off, dry or on."""
        if self.rule.quarantine:
            return "stopped"
        if not self.rule.is_enabled:
            return "off"
        return "dry" if self.rule.is_dry else "on"

    @property
    def tag(self) -> str:
        """Return what changes with every change by people."""
        return version_of(self.rule)


def list_rules(
    *, state: str = "", search: str = "", site: uuid.UUID | None = None
) -> QuerySet[AutomationRule]:
    """Return rules by name. Args: state: as of `RuleRow`; blank: any. search: a part of a name."""
    rules = AutomationRule.objects.select_related("site")
    match state:
        case "stopped":
            rules = rules.exclude(quarantine="")
        case "off":
            rules = rules.filter(is_enabled=False, quarantine="")
        case "dry" | "on":
            rules = rules.filter(is_enabled=True, quarantine="", is_dry=state == "dry")
    if search:
        rules = rules.filter(Q(name__icontains=search) | Q(site__name__icontains=search))
    if site is not None:
        rules = rules.filter(site=site)
    return rules.order_by("name", "id")


def find_rule(rule_id: uuid.UUID) -> AutomationRule:
    """Return one. Raises: AutomationRule.DoesNotExist."""
    return list_rules().get(id=rule_id)


def rows_of(rules: Sequence[AutomationRule], *, now: dt.datetime) -> list[RuleRow]:
    """Return rules with what is shown beside them; two queries."""
    versions, tallies = newest_versions(rules), _tallies(rules, now - COUNTED)
    return [RuleRow(rule, versions.get(rule.id), tallies.get(rule.id, Tally())) for rule in rules]


def newest_versions(
    rules: Iterable[AutomationRule],
) -> dict[uuid.UUID, AutomationRuleVersion]:
    """Return the newest version of each rule."""
    versions = AutomationRuleVersion.objects.filter(rule__in=[rule.id for rule in rules])
    versions = versions.select_related("made_by").order_by("rule_id", "-number").distinct("rule_id")
    return {version.rule_id: version for version in versions}


def versions_of(rule: AutomationRule) -> QuerySet[AutomationRuleVersion]:
    """Return the versions of a rule, the newest first."""
    versions = AutomationRuleVersion.objects.filter(rule=rule).select_related("made_by")
    return versions.order_by("-number")


def latest_executions(rule: AutomationRule, most: int) -> list[Execution]:
    """Return what a rule decided last, the newest first; also what it did not do."""
    found = Execution.objects.filter(origin_id=rule.id).select_related("site")
    return list(found.order_by("-decided_at", "-id")[:most])


def _tallies(rules: Sequence[AutomationRule], since: dt.datetime) -> dict[uuid.UUID, Tally]:
    found = Execution.objects.filter(
        origin_id__in=[rule.id for rule in rules], decided_at__gte=since
    )
    counted = found.order_by().values("origin_id").annotate(
        skipped=Count("id", filter=Q(state=ExecutionState.SKIPPED)),
        failed=Count("id", filter=Q(state__in=_BAD)), all=Count("id"),
    )  # fmt: skip
    return {
        row["origin_id"]: Tally(
            row["all"] - row["skipped"] - row["failed"], row["failed"], row["skipped"]
        )
        for row in counted
    }
