"""Alarm rules of the tenant in scope, as they are shown."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from alarms.models import Alarm, AlarmRule, AlarmRuleVersion, Ending, Rating
from alarms.queries.watched import channels_of_rules
from devices.canonical import lookup
from devices.models import Channel, Device

COUNTED = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Tally:
    """Alarms of a rule in the last 30 days, how people rated them, and how many are open."""

    raised: int = 0
    useful: int = 0
    false: int = 0
    open: int = 0

    @property
    def rated(self) -> int:
        """Return how many somebody rated."""
        return self.useful + self.false

    @property
    def useful_percent(self) -> int | None:
        """Return the share of useful ones among the rated ones; None without any."""
        return round(100 * self.useful / self.rated) if self.rated else None


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule with its newest version. channels: how many it watches. unit: of these."""

    rule: AlarmRule
    version: AlarmRuleVersion | None
    unit: str
    channels: int
    tally: Tally


def list_rules(
    *, is_enabled: bool | None = None, search: str = "", channel: int | None = None
) -> QuerySet[AlarmRule]:
    """Return rules by name. Args: search: a part of name, metric or tag."""
    rules = AlarmRule.objects.select_related("channel__device", "device", "site", "profile")
    if is_enabled is not None:
        rules = rules.filter(is_enabled=is_enabled)
    if search:
        named = Q(name__icontains=search) | Q(tag__icontains=search)
        rules = rules.filter(
            named | Q(metric__icontains=search) | Q(channel__name__icontains=search)
        )
    if channel is not None:
        rules = rules.filter(channel=channel)
    return rules.order_by("name", "id")


def find_rule(rule_id: uuid.UUID) -> AlarmRule:
    """Return one. Raises: AlarmRule.DoesNotExist."""
    return list_rules().get(id=rule_id)


def rules_of_device(device_id: uuid.UUID) -> QuerySet[AlarmRule]:
    """Return the rules that watch something of a device, by name; enabled ones first."""
    device = Device.objects.filter(id=device_id)
    names = Channel.objects.filter(device=device_id).values("name")
    fits = Q(channel__device=device_id) | Q(metric__in=names)
    for field, value in (("device", "id"), ("site", "site"), ("profile", "profile")):
        fits &= Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__in": device.values(value)})
    tags = device.values_list("tags", flat=True).first() or []
    return list_rules().filter(fits, tag__in=["", *tags]).order_by("-is_enabled", "name", "id")


def rows_of(rules: Sequence[AlarmRule], *, tenant_id: uuid.UUID, now: dt.datetime) -> list[RuleRow]:
    """Return rules with what is shown beside them, in a fixed number of queries."""
    versions = newest_versions(rules)
    units = units_of(rules)
    channels = channels_of_rules([rule.id for rule in rules], tenant_id=tenant_id)
    tallies = _tallies(rules, since=now - COUNTED)
    return [
        RuleRow(
            rule, versions.get(rule.id), units[rule.id], len(channels[rule.id]),
            tallies.get(rule.id, Tally()),
        )
        for rule in rules
    ]  # fmt: skip


def newest_versions(rules: Iterable[AlarmRule]) -> dict[uuid.UUID, AlarmRuleVersion]:
    """Return the newest version of each rule."""
    versions = AlarmRuleVersion.objects.filter(rule__in=[rule.id for rule in rules])
    versions = versions.select_related("made_by").order_by("rule_id", "-number").distinct("rule_id")
    return {version.rule_id: version for version in versions}


def versions_of(rule: AlarmRule) -> QuerySet[AlarmRuleVersion]:
    """Return the versions of a rule, the newest first."""
    versions = AlarmRuleVersion.objects.filter(rule=rule).select_related("made_by")
    return versions.order_by("-number")


def units_of(rules: Iterable[AlarmRule]) -> dict[uuid.UUID, str]:
    """Return the stored unit of what each rule watches; blank where none is known."""
    rules = list(rules)
    names = {rule.metric for rule in rules if rule.metric}
    found = dict(
        Channel.objects.filter(name__in=names).order_by("name", "-id").values_list("name", "unit")
    )
    return {
        rule.id: rule.channel.unit if rule.channel else found.get(rule.metric)
        or unit_of_metric(rule.metric)
        for rule in rules
    }  # fmt: skip


def unit_of_metric(metric: str) -> str:
    """Return the unit that a canonical name stands for; blank for others."""
    found = lookup(metric)
    return "" if found is None else found.unit


def _tallies(rules: Sequence[AlarmRule], *, since: dt.datetime) -> dict[uuid.UUID, Tally]:
    alarms = Alarm.objects.filter(rule__in=[rule.id for rule in rules])
    alarms = alarms.filter(Q(raised_at__gte=since) | Q(ending=""))
    recent = Q(raised_at__gte=since) & ~Q(ending=Ending.WITHDRAWN)
    counted = alarms.order_by().values("rule").annotate(
        raised=Count("id", filter=recent),
        useful=Count("id", filter=recent & Q(rating=Rating.USEFUL)),
        false=Count("id", filter=recent & Q(rating=Rating.FALSE)),
        open=Count("id", filter=Q(ending="")),
    )  # fmt: skip
    return {
        row["rule"]: Tally(row["raised"], row["useful"], row["false"], row["open"])
        for row in counted
    }
