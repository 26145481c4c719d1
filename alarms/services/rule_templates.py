"""Shipped rules: added with a click, disabled, to be tried on the past first."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from alarms.models import AlarmRule
from alarms.queries.scopes import Scope, channels_in
from alarms.services.rule_refusals import RuleRefused
from alarms.services.rules import Content, create_rule
from alarms.shipped import TEMPLATES, RuleTemplate, words_of
from devices.models import Channel, DeviceProfile


@transaction.atomic
def add_template(*, code: str, made_by: User | None = None, now: dt.datetime) -> list[AlarmRule]:
    """Make the disabled rules of a template, with texts in the active language.

    One for each of its metrics that the organisation has channels of.

    Raises: RuleRefused: no such template, or its rules are there.
    """
    template = TEMPLATES.get(code)
    if template is None:
        raise RuleRefused("unknown_template", _("There is no such template."), "code")
    profile, words = _profile(template), words_of(template)
    metrics = _metrics(template, profile)
    return [
        create_rule(
            name=_name(words["name"], metric, len(metrics)),
            scope=Scope(metric=metric, profile=profile.id if profile else None),
            content=Content(
                _definition(template, metric), words["text"], words["advice"],
                _("From a template"),
            ),
            made_by=made_by, now=now,
        )
        for metric in metrics
    ]  # fmt: skip


def _profile(template: RuleTemplate) -> DeviceProfile | None:
    return DeviceProfile.objects.filter(key=template.profile).first() if template.profile else None


def _metrics(template: RuleTemplate, profile: DeviceProfile | None) -> list[str]:
    channels = Channel.objects.filter(name__in=template.metrics)
    if profile is not None:
        channels = channels.filter(device__profile=profile)
    there = set(channels.order_by().values_list("name", flat=True).distinct())
    found = [metric for metric in template.metrics if metric in there]
    return (found or list(template.metrics))[:1] if template.takes_first or not found else found


def _name(name: str, metric: str, count: int) -> str:
    return name if count == 1 else f"{name} ({metric.rpartition('_')[2].upper()})"


def _definition(template: RuleTemplate, metric: str) -> dict[str, Any]:
    definition = dict(template.definition)
    if template.intervals:
        seconds = max(definition["when"]["seconds"], template.intervals * _interval(metric))
        definition["when"] = definition["when"] | {"seconds": seconds}
    return definition


def _interval(metric: str) -> int:
    """Return the longest interval of the channels of a metric in seconds, at most 6 hours."""
    rows = channels_in(Scope(metric=metric)).order_by().values_list(
        "expected_interval_seconds", "device__profile__expected_interval_seconds"
    ).distinct()  # fmt: skip
    return min(21_600, max((own or usual for own, usual in rows), default=0))
