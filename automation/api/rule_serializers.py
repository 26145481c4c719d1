"""Rules of automation as they leave and enter the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.params import Params
from automation.models import AutomationRuleVersion, Quarantine
from automation.queries.rule_words import load_words
from automation.queries.rules import RuleRow
from automation.rule_document import MAX_ROWS
from automation.rules.compiled import Seen
from automation.rules.definition import BadRule
from automation.services.evaluations import Evaluation, Result
from automation.services.replay import MAX_DAYS, Moment, Outcome, Replay
from automation.services.rule_channels import with_metrics
from automation.services.rule_files import Outcome as RowOutcome
from automation.services.rule_files import RowResult
from automation.words import Words, describe_condition, describe_rule
from telemetry.ingest.batch import from_microseconds

ROW_OUTCOMES = [(one.value, one.value) for one in RowOutcome]
RULE_STATES = [(one, one) for one in ("on", "dry", "off", "stopped")]
REPLAY_OUTCOMES = [(one.value, one.value) for one in Outcome]
RESULTS = [(one.value, one.value) for one in Result]
DEFINITION = (
    "What sets it off, if what holds, and what it does; see docs/reference/automation-rules.md."
)


class AutomationTallySerializer(serializers.Serializer):
    """What it did in the last 7 days."""

    done = serializers.IntegerField()
    failed = serializers.IntegerField()
    skipped = serializers.IntegerField()


class AutomationRuleSerializer(serializers.Serializer):
    """A rule in its newest version."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=RULE_STATES)
    is_enabled = serializers.BooleanField()
    is_dry = serializers.BooleanField(help_text="It writes down what it would do.")
    site = serializers.UUIDField(allow_null=True, help_text="Its times are local there; else UTC.")
    quarantine = serializers.ChoiceField(choices=Quarantine.choices, allow_blank=True)
    quarantine_detail = serializers.CharField()
    quarantined_at = serializers.DateTimeField(allow_null=True)
    has_hook = serializers.BooleanField(help_text="Whether it has an address of a webhook.")
    acted_at = serializers.DateTimeField(allow_null=True)
    next_at = serializers.DateTimeField(allow_null=True)
    version = serializers.IntegerField()
    definition = serializers.DictField(help_text=DEFINITION)
    words = serializers.CharField(help_text="The definition in the language of the request.")
    executions = AutomationTallySerializer()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class AutomationRulesSerializer(serializers.Serializer):
    """All of them."""

    results = AutomationRuleSerializer(many=True)


class AutomationRuleVersionSerializer(serializers.Serializer):
    """What a rule does or did from a moment on."""

    number = serializers.IntegerField()
    definition = serializers.DictField()
    words = serializers.CharField()
    note = serializers.CharField()
    made_by = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()


class AutomationRuleVersionsSerializer(serializers.Serializer):
    """The newest first."""

    results = AutomationRuleVersionSerializer(many=True)


class AutomationRuleBody(Params):
    """A rule to be made; off, unless it is said otherwise."""

    name = serializers.CharField(max_length=100)
    definition = serializers.DictField(help_text=DEFINITION)
    site = serializers.UUIDField(allow_null=True, default=None)
    note = serializers.CharField(max_length=200, allow_blank=True, default="")
    is_enabled = serializers.BooleanField(default=False)
    is_dry = serializers.BooleanField(default=False)


class AutomationRulePatch(Params):
    """What is to be different; what is left out stays."""

    name = serializers.CharField(max_length=100, required=False)
    definition = serializers.DictField(required=False, help_text=DEFINITION)
    site = serializers.UUIDField(allow_null=True, required=False)
    note = serializers.CharField(max_length=200, allow_blank=True, default="")
    is_enabled = serializers.BooleanField(required=False)
    is_dry = serializers.BooleanField(required=False)
    based_on = serializers.IntegerField(
        min_value=1, required=False,
        help_text="The version that you have read; refused if there is a newer one.",
    )  # fmt: skip


class RollbackBody(Params):
    """The version to go back to."""

    number = serializers.IntegerField(min_value=1)


class DryBody(Params):
    """Whether it only writes down what it would do."""

    is_dry = serializers.BooleanField(default=True)


class HookSerializer(serializers.Serializer):
    """The secret of the address; it is told only now."""

    token = serializers.CharField()
    url = serializers.CharField(help_text="POST JSON to it.")


class AutomationSeenSerializer(serializers.Serializer):
    """What a part of a condition saw; `holds` null: unknown."""

    place = serializers.CharField()
    words = serializers.CharField()
    holds = serializers.BooleanField(allow_null=True)
    value = serializers.FloatField(allow_null=True)
    at = serializers.DateTimeField(allow_null=True)


class MomentSerializer(serializers.Serializer):
    """A trigger that would have come; `trigger`: which of `when`."""

    at = serializers.DateTimeField()
    trigger = serializers.IntegerField()
    outcome = serializers.ChoiceField(choices=REPLAY_OUTCOMES)
    seen = AutomationSeenSerializer(many=True)


class ReplayDaySerializer(serializers.Serializer):
    """A local day."""

    day = serializers.DateField()
    acted = serializers.IntegerField()
    unknown = serializers.IntegerField()
    held = serializers.IntegerField()


class ReplaySerializer(serializers.Serializer):
    """What a rule would have done. `results`: at most the newest 200."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    is_cut = serializers.BooleanField(help_text="There was too much to look at all of it.")
    samples = serializers.IntegerField()
    triggers = serializers.IntegerField()
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="By outcome.")
    stopped_at = serializers.DateTimeField(
        allow_null=True, help_text="When it would have been stopped: it acts too often."
    )
    unknown = serializers.ListField(
        child=serializers.CharField(), help_text="Places of which nothing is known of the past."
    )
    days = ReplayDaySerializer(many=True)
    results = MomentSerializer(many=True)


class ReplayParams(Params):
    """How far back."""

    days = serializers.IntegerField(min_value=1, max_value=MAX_DAYS, default=MAX_DAYS)


class ReplayBody(ReplayParams):
    """A definition to be tried; nothing is stored."""

    definition = serializers.DictField(help_text=DEFINITION)
    site = serializers.UUIDField(allow_null=True, default=None)


class EvaluationSerializer(serializers.Serializer):
    """A look at a rule; `reason`: of the execution that says why nothing was done."""

    at = serializers.DateTimeField()
    trigger = serializers.IntegerField()
    result = serializers.ChoiceField(choices=RESULTS)
    since = serializers.DateTimeField(allow_null=True)
    acted = serializers.BooleanField()
    reason = serializers.CharField()
    detail = serializers.CharField()
    execution = serializers.UUIDField(allow_null=True)
    seen = AutomationSeenSerializer(many=True)


class EvaluationsSerializer(serializers.Serializer):
    """The newest first, at most 20."""

    results = EvaluationSerializer(many=True)


class AutomationFileBody(Params):
    """A file of rules as it is exported; see docs/reference/automation-rules.md."""

    kind = serializers.ChoiceField(choices=["automation-rules"])
    version = serializers.IntegerField(min_value=1, max_value=1)
    rules = serializers.ListField(max_length=MAX_ROWS)
    enable = serializers.BooleanField(
        default=False, help_text="Enable and disable as the file says; else new ones are off."
    )


class AutomationFileSerializer(serializers.Serializer):
    """Rules as a file."""

    kind = serializers.CharField()
    version = serializers.IntegerField()
    rules = serializers.ListField(child=serializers.DictField())


class AutomationImportedSerializer(serializers.Serializer):
    """What became of a row; `field` and `detail` say why it was refused."""

    row = serializers.IntegerField()
    name = serializers.CharField()
    outcome = serializers.ChoiceField(choices=ROW_OUTCOMES)
    rule = serializers.UUIDField(allow_null=True)
    code = serializers.CharField()
    field = serializers.CharField()
    detail = serializers.CharField()


class AutomationImportSerializer(serializers.Serializer):
    """By row."""

    results = AutomationImportedSerializer(many=True)


def describe_rules(rows: list[RuleRow]) -> list[dict[str, Any]]:
    """Return the members of answers."""
    words = load_words(row.version.definition for row in rows if row.version)
    return [_describe(row, words) for row in rows]


def describe_versions(versions: list[AutomationRuleVersion]) -> list[dict[str, Any]]:
    """Return the members of answers."""
    words = load_words(version.definition for version in versions)
    return [
        {
            "number": version.number, "definition": with_metrics(version.definition, words),
            "words": say(version.definition, words), "note": version.note,
            "made_by": str(version.made_by) if version.made_by else None,
            "created_at": version.created_at,
        }
        for version in versions
    ]  # fmt: skip


def describe_replay(found: Replay, words: Words) -> dict[str, Any]:
    """Return the members of an answer."""
    return {
        "start": found.start, "end": found.end, "is_cut": found.is_cut, "samples": found.samples,
        "triggers": found.triggers,
        "counts": {one.value: found.counts.get(one, 0) for one in Outcome},
        "stopped_at": found.stopped_at, "unknown": found.unknown,
        "days": [
            {"day": one.day, "acted": one.acted, "unknown": one.unknown, "held": one.held}
            for one in found.days
        ],
        "results": [_describe_moment(one, words) for one in found.listed],
    }  # fmt: skip


def describe_evaluation(one: Evaluation, words: Words) -> dict[str, Any]:
    """Return the members of an answer."""
    return {
        "at": one.at, "trigger": one.number, "result": one.result.value, "since": one.since,
        "acted": one.acted, "reason": one.reason,
        "detail": one.execution.detail if one.execution else "",
        "execution": one.execution.id if one.execution else None,
        "seen": [_describe_seen(seen, words) for seen in one.seen],
    }  # fmt: skip


def describe_result(row: RowResult) -> dict[str, Any]:
    """Return the members of an answer."""
    return {
        "row": row.row, "name": row.name, "outcome": row.outcome.value, "rule": row.rule_id,
        "code": row.code, "field": row.field, "detail": row.detail,
    }  # fmt: skip


def say(definition: dict[str, Any], words: Words) -> str:
    """Return a definition in words; blank where another release has written it."""
    try:
        return str(describe_rule(definition, words))
    except BadRule:
        return ""


def _describe(row: RuleRow, words: Words) -> dict[str, Any]:
    rule, definition = row.rule, row.version.definition if row.version else {}
    return {
        "id": rule.id, "name": rule.name, "state": row.state, "is_enabled": rule.is_enabled,
        "is_dry": rule.is_dry, "site": rule.site_id, "quarantine": rule.quarantine,
        "quarantine_detail": rule.quarantine_detail, "quarantined_at": rule.quarantined_at,
        "has_hook": bool(rule.hook_hash), "acted_at": rule.acted_at, "next_at": rule.next_at,
        "version": row.version.number if row.version else 0,
        "definition": with_metrics(definition, words), "words": say(definition, words),
        "executions": {
            "done": row.tally.done, "failed": row.tally.failed, "skipped": row.tally.skipped,
        },
        "created_at": rule.created_at, "updated_at": rule.updated_at,
    }  # fmt: skip


def _describe_moment(one: Moment, words: Words) -> dict[str, Any]:
    return {
        "at": one.at, "trigger": one.number, "outcome": one.outcome.value,
        "seen": [_describe_seen(seen, words) for seen in one.seen],
    }  # fmt: skip


def _describe_seen(seen: Seen, words: Words) -> dict[str, Any]:
    return {
        "place": seen.place, "words": describe_condition(seen.part, words), "holds": seen.holds,
        "value": seen.value, "at": None if seen.at is None else from_microseconds(seen.at),
    }  # fmt: skip
