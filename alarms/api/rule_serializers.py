"""Alarm rules as they leave and enter the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from accounts.api.params import Params
from alarms.models import AlarmRule, AlarmRuleVersion
from alarms.models.rule import MAX_ADVICE, MAX_TEXT
from alarms.queries.rules import RuleRow
from alarms.rules.definition import BadRule
from alarms.rules.document import MAX_ROWS
from alarms.services.backtest import MAX_DAYS, BackTest, Firing
from alarms.services.rule_files import Outcome, RowResult
from alarms.shipped import RuleTemplate
from alarms.words import describe_rule
from devices.canonical import NAME_LENGTH
from telemetry.models import Alignment
from telemetry.virtual.formula import MAX_LENGTH, MAX_NAMES

OUTCOMES = [(one.value, one.value) for one in Outcome]
DEFINITION = "When an alarm is raised and when it ends; see docs/reference/alarm-rules.md."
TEXT = "May name {value}, {unit}, {limit}, {device}, {channel}, {site}, {since}."


class WatchedChannelSerializer(serializers.Serializer):
    """A metric of a device."""

    device = serializers.UUIDField()
    metric = serializers.CharField(max_length=NAME_LENGTH)


class RuleInputSerializer(WatchedChannelSerializer):
    """A name in the formula and the metric of a device that it stands for."""

    name = serializers.CharField(max_length=32)


class RuleExpressionSerializer(serializers.Serializer):
    """A formula over several channels; a virtual channel is made of it, or the same one reused."""

    formula = serializers.CharField(max_length=MAX_LENGTH)
    inputs = RuleInputSerializer(
        many=True,
        allow_empty=False,
        max_length=MAX_NAMES,  # type: ignore[call-arg]
    )
    unit = serializers.CharField(max_length=20, allow_blank=True, default="")
    label = serializers.CharField(  # type: ignore[assignment]
        max_length=100, allow_blank=True, default=""
    )
    alignment = serializers.ChoiceField(choices=Alignment.choices, default=Alignment.LATEST)
    tolerance_seconds = serializers.IntegerField(min_value=1, max_value=86_400, default=300)


class RuleScopeBody(serializers.Serializer):
    """What is watched: a channel, an expression, or a metric of the devices that fit all."""

    channel = WatchedChannelSerializer(allow_null=True, default=None)
    expression = RuleExpressionSerializer(allow_null=True, default=None)
    metric = serializers.CharField(max_length=NAME_LENGTH, allow_blank=True, default="")
    device = serializers.UUIDField(allow_null=True, default=None)
    profile = serializers.CharField(
        max_length=50, allow_null=True, default=None, help_text="Key of the type of device."
    )
    site = serializers.UUIDField(allow_null=True, default=None)
    tag = serializers.CharField(max_length=40, allow_blank=True, default="")


class RuleScopeSerializer(serializers.Serializer):
    """What is watched; `channel` or `metric` is given."""

    channel = WatchedChannelSerializer(allow_null=True)
    metric = serializers.CharField()
    device = serializers.UUIDField(allow_null=True)
    profile = serializers.CharField(allow_null=True)
    site = serializers.UUIDField(allow_null=True)
    tag = serializers.CharField()


class RuleTallySerializer(serializers.Serializer):
    """Alarms of the last 30 days, how people rated them, and how many are open."""

    raised = serializers.IntegerField()
    useful = serializers.IntegerField()
    false = serializers.IntegerField()
    open = serializers.IntegerField()


class AlarmRuleSerializer(serializers.Serializer):
    """A rule in its newest version."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    is_enabled = serializers.BooleanField()
    scope = RuleScopeSerializer()
    channels = serializers.IntegerField(help_text="How many it watches.")
    unit = serializers.CharField()
    version = serializers.IntegerField()
    definition = serializers.DictField(help_text=DEFINITION)
    text = serializers.CharField()
    advice = serializers.CharField()
    words = serializers.CharField(help_text="The definition in the language of the request.")
    alarms = RuleTallySerializer()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class AlarmRulesSerializer(serializers.Serializer):
    """All of them."""

    results = AlarmRuleSerializer(many=True)


class RuleVersionSerializer(serializers.Serializer):
    """What a rule looked for from a moment on."""

    number = serializers.IntegerField()
    definition = serializers.DictField()
    text = serializers.CharField()
    advice = serializers.CharField()
    note = serializers.CharField()
    words = serializers.CharField()
    made_by = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()


class RuleVersionsSerializer(serializers.Serializer):
    """The newest first."""

    results = RuleVersionSerializer(many=True)


class RuleBody(Params):
    """A rule to be made."""

    name = serializers.CharField(max_length=100)
    scope = RuleScopeBody()
    definition = serializers.DictField(help_text=DEFINITION)
    text = serializers.CharField(max_length=MAX_TEXT, allow_blank=True, default="", help_text=TEXT)
    advice = serializers.CharField(max_length=MAX_ADVICE, allow_blank=True, default="")
    note = serializers.CharField(max_length=200, allow_blank=True, default="")
    is_enabled = serializers.BooleanField(default=False)


class RuleChangeBody(Params):
    """What is to be different; what is left out stays."""

    name = serializers.CharField(max_length=100, required=False)
    scope = RuleScopeBody(required=False)
    definition = serializers.DictField(required=False, help_text=DEFINITION)
    text = serializers.CharField(
        max_length=MAX_TEXT, allow_blank=True, required=False, help_text=TEXT
    )
    advice = serializers.CharField(max_length=MAX_ADVICE, allow_blank=True, required=False)
    note = serializers.CharField(max_length=200, allow_blank=True, default="")
    is_enabled = serializers.BooleanField(required=False)
    based_on = serializers.IntegerField(
        min_value=1, required=False,
        help_text="The version that you have read; refused if there is a newer one.",
    )  # fmt: skip


class RuleRestoreBody(Params):
    """The version to go back to."""

    number = serializers.IntegerField(min_value=1)


class RuleTemplateBody(Params):
    """The template to be added."""

    code = serializers.SlugField(max_length=40)


class BackTestParams(Params):
    """For how long a rule is tried."""

    days = serializers.IntegerField(min_value=1, max_value=MAX_DAYS, default=30)


class BackTestBody(BackTestParams):
    """A rule to be tried; nothing is stored. An expression must be a channel already."""

    scope = RuleScopeBody()
    definition = serializers.DictField(help_text=DEFINITION)


class FiringSerializer(serializers.Serializer):
    """An alarm that there would have been; `cleared_at` null: it would be open now."""

    device = serializers.UUIDField()
    device_name = serializers.CharField()
    metric = serializers.CharField()
    raised_at = serializers.DateTimeField()
    cleared_at = serializers.DateTimeField(allow_null=True)
    value = serializers.FloatField()
    seconds = serializers.FloatField()


class BackTestSerializer(serializers.Serializer):
    """How often a rule would have raised an alarm. `results`: at most the newest 200."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    fired = serializers.IntegerField()
    open = serializers.IntegerField()
    seconds = serializers.FloatField(help_text="For how long in all, in alarms that overlap too.")
    unit = serializers.CharField(help_text="Of the values.")
    channels = serializers.IntegerField(help_text="How many the rule watches.")
    channels_tried = serializers.IntegerField(help_text="The others had too many samples.")
    channels_with_samples = serializers.IntegerField()
    samples = serializers.IntegerField()
    results = FiringSerializer(many=True)


class RuleFileBody(Params):
    """A file of rules as it is exported; see docs/reference/alarm-rules.md."""

    kind = serializers.ChoiceField(choices=["alarm-rules"])
    version = serializers.IntegerField(min_value=1, max_value=1)
    rules = serializers.ListField(max_length=MAX_ROWS)
    enable = serializers.BooleanField(
        default=False, help_text="Enable and disable as the file says; else new ones are disabled."
    )


class RuleFileSerializer(serializers.Serializer):
    """All rules of the organisation as a file."""

    kind = serializers.CharField()
    version = serializers.IntegerField()
    rules = serializers.ListField(child=serializers.DictField())


class ImportedRuleSerializer(serializers.Serializer):
    """What became of a row; `field` and `detail` say why it was refused."""

    row = serializers.IntegerField()
    name = serializers.CharField()
    outcome = serializers.ChoiceField(choices=OUTCOMES)
    rule = serializers.UUIDField(allow_null=True)
    code = serializers.CharField()
    field = serializers.CharField()
    detail = serializers.CharField()


class ImportedRulesSerializer(serializers.Serializer):
    """By row."""

    results = ImportedRuleSerializer(many=True)


class RuleTemplateSerializer(serializers.Serializer):
    """A rule to begin with."""

    code = serializers.CharField()
    name = serializers.CharField()
    about = serializers.CharField()
    metrics = serializers.ListField(child=serializers.CharField())
    definition = serializers.DictField()
    text = serializers.CharField()
    advice = serializers.CharField()


class RuleTemplatesSerializer(serializers.Serializer):
    """All of them."""

    results = RuleTemplateSerializer(many=True)


def describe(row: RuleRow) -> dict[str, Any]:
    """Return the members of an answer."""
    rule, version, tally = row.rule, row.version, row.tally
    return {
        "id": rule.id, "name": rule.name, "is_enabled": rule.is_enabled,
        "scope": _describe_scope(rule), "channels": row.channels, "unit": row.unit,
        "version": version.number if version else 0,
        "definition": version.definition if version else {},
        "text": version.text if version else "", "advice": version.advice if version else "",
        "words": _words(version, row.unit),
        "alarms": {
            "raised": tally.raised, "useful": tally.useful, "false": tally.false,
            "open": tally.open,
        },
        "created_at": rule.created_at, "updated_at": rule.updated_at,
    }  # fmt: skip


def describe_version(version: AlarmRuleVersion, unit: str) -> dict[str, Any]:
    """Return the members of an answer."""
    return {
        "number": version.number, "definition": version.definition, "text": version.text,
        "advice": version.advice, "note": version.note, "words": _words(version, unit),
        "made_by": str(version.made_by) if version.made_by else None,
        "created_at": version.created_at,
    }  # fmt: skip


def describe_test(found: BackTest) -> dict[str, Any]:
    """Return the members of an answer."""
    return {
        "start": found.start, "end": found.end, "fired": found.fired, "open": found.open,
        "seconds": found.seconds, "unit": found.unit, "channels": found.channels,
        "channels_tried": found.tried, "channels_with_samples": found.with_samples,
        "samples": found.samples, "results": [_describe_firing(one) for one in found.listed],
    }  # fmt: skip


def describe_result(row: RowResult) -> dict[str, Any]:
    """Return the members of an answer."""
    return {
        "row": row.row, "name": row.name, "outcome": row.outcome.value, "rule": row.rule_id,
        "code": row.code, "field": row.field, "detail": row.detail,
    }  # fmt: skip


def describe_template(template: RuleTemplate, say: Mapping[str, str]) -> dict[str, Any]:
    """Return the members of an answer. Args: say: its texts in the active language."""
    return {
        "code": template.code, "metrics": template.metrics,
        "definition": dict(template.definition), **say,
    }  # fmt: skip


def _words(version: AlarmRuleVersion | None, unit: str) -> str:
    try:
        return describe_rule(version.definition, unit) if version else ""
    except BadRule:
        return ""


def _describe_scope(rule: AlarmRule) -> dict[str, Any]:
    channel = rule.channel
    return {
        "channel": {"device": channel.device_id, "metric": channel.name} if channel else None,
        "metric": rule.metric, "device": rule.device_id,
        "profile": rule.profile.key if rule.profile else None, "site": rule.site_id,
        "tag": rule.tag,
    }  # fmt: skip


def _describe_firing(one: Firing) -> dict[str, Any]:
    return {
        "device": one.channel.device_id, "device_name": one.channel.device.name,
        "metric": one.channel.name, "raised_at": one.raised_at, "cleared_at": one.cleared_at,
        "value": one.value, "seconds": one.seconds,
    }  # fmt: skip
