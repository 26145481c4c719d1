"""How alarms look in the API."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts.api.pagination import PageParams
from accounts.api.params import Params
from alarms.life_words import event_title
from alarms.models import Alarm, AlarmEvent, Ending, Rating, Source, Suppression
from alarms.queries.detail import condition_of
from alarms.queries.statistics import DAYS
from alarms.services.life import MAX_AT_ONCE, MAX_COMMENT, Outcome
from alarms.sources.checks import system_words
from devices.models import Severity

STATES = ("open", "ended")
CHART_SOURCES = ("raw", "15m", "none")
ACTIONS = (
    "acknowledge", "unacknowledge", "assign", "comment", "snooze", "clear", "rate",
)  # fmt: skip
ENDINGS = [(value or "none", label) for value, label in [("", _("Open")), *Ending.choices]]
SUPPRESSIONS = [(value or "none", label) for value, label in Suppression.choices]
RATINGS = [(value or "none", label) for value, label in Rating.choices]
ORDERINGS = ["raised_at", "-raised_at", "severity", "-severity"]


class AlarmListParams(PageParams):
    """Which alarms."""

    state = serializers.ChoiceField(choices=STATES, required=False)
    acknowledged = serializers.BooleanField(required=False, allow_null=True, default=None)
    snoozed = serializers.BooleanField(required=False, allow_null=True, default=None)
    quiet = serializers.BooleanField(
        required=False, allow_null=True, default=None,
        help_text="Suppressed by maintenance or shelving.",
    )  # fmt: skip
    explained = serializers.BooleanField(
        required=False, allow_null=True, default=None,
        help_text="Suppressed because another alarm explains it.",
    )  # fmt: skip
    min_severity = serializers.ChoiceField(choices=Severity.choices, required=False)
    source = serializers.ChoiceField(choices=Source.choices, required=False)  # type: ignore[assignment]
    ending = serializers.ChoiceField(choices=Ending.choices, required=False)
    site = serializers.UUIDField(required=False)
    gateway = serializers.UUIDField(required=False)
    device = serializers.UUIDField(required=False)
    rule = serializers.UUIDField(required=False)
    assignee = serializers.UUIDField(required=False)
    mine = serializers.BooleanField(default=False, help_text="Assigned to whoever asks.")
    start = serializers.DateTimeField(required=False, help_text="Raised at or after.")
    end = serializers.DateTimeField(required=False, help_text="Raised before.")
    q = serializers.CharField(max_length=100, default="", help_text="Part of what is said.")
    ordering = serializers.ChoiceField(choices=ORDERINGS, default="-raised_at")


class StatisticsParams(Params):
    """Of which time."""

    days = serializers.IntegerField(min_value=1, max_value=365, default=DAYS)


class _BlankIsNone(serializers.ChoiceField):
    """A choice whose blank value is called none: enums of clients have no blank member."""

    def to_representation(self, value: Any) -> Any:
        return str(value) or "none"


class AlarmRow(serializers.ModelSerializer):
    """An alarm. Times are UTC; `value` and `limit` are in `unit`. `ending` is none while open."""

    source = serializers.ChoiceField(choices=Source.choices)  # type: ignore[assignment]
    severity = serializers.ChoiceField(choices=Severity.choices)
    ending = _BlankIsNone(choices=ENDINGS)
    suppressed_because = _BlankIsNone(choices=SUPPRESSIONS)
    rating = _BlankIsNone(choices=RATINGS)
    title = serializers.SerializerMethodField()
    text = serializers.SerializerMethodField()
    advice = serializers.SerializerMethodField()
    channel = serializers.SerializerMethodField(help_text="Name of the channel; blank: none.")

    class Meta:
        model = Alarm
        fields = (
            "id", "source", "code", "rule", "site", "gateway", "device", "channel", "title",
            "subject", "severity", "text", "advice", "value", "limit", "unit", "raised_at",
            "cleared_at", "ending", "repeats", "repeated_at", "suppressed_because", "parent",
            "acknowledged_at", "acknowledged_by", "assignee", "snoozed_until", "rating",
            "created_at",
        )  # fmt: skip

    def get_title(self, alarm: Alarm) -> str:
        """Return the title in the language that is asked for."""
        return system_words(alarm)[0]

    def get_text(self, alarm: Alarm) -> str:
        """Return the message in the language that is asked for."""
        return system_words(alarm)[1]

    def get_advice(self, alarm: Alarm) -> str:
        """Return what to do."""
        return system_words(alarm)[2]

    def get_channel(self, alarm: Alarm) -> str:
        """Return the name that telemetry knows the channel by."""
        return alarm.channel.name if alarm.channel else ""


class AlarmDetailRow(AlarmRow):
    """An alarm with the condition of its rule in words."""

    condition = serializers.SerializerMethodField()

    class Meta:
        model = Alarm
        fields = (*AlarmRow.Meta.fields, "condition")

    def get_condition(self, alarm: Alarm) -> str:
        """Say what the rule looked for then; blank where no rule raised the alarm."""
        return condition_of(alarm)


class AlarmEventRow(serializers.ModelSerializer):
    """What happened to an alarm. `words` say it in the language that is asked for."""

    kind = serializers.ChoiceField(choices=AlarmEvent.Kind.choices)
    words = serializers.SerializerMethodField()

    class Meta:
        model = AlarmEvent
        fields = ("id", "kind", "at", "by", "by_label", "text", "words")

    def get_words(self, event: AlarmEvent) -> str:
        """Say what happened."""
        return event_title(event)


class EventListParams(PageParams):
    """Which page, in which order."""

    ordering = serializers.ChoiceField(choices=["id", "-id"], default="-id")


class ChartSerializer(serializers.Serializer):
    """An hour before and after the beginning, longer where the alarm ended later.

    Columns of equal length: `t` epoch ms, `low`, `high` and `mean` in `unit`. A gap begins
    after each index in `gaps`. `limit` and `value` are null where they are no values of the
    channel.
    """

    source = serializers.ChoiceField(choices=CHART_SOURCES)  # type: ignore[assignment]
    unit = serializers.CharField()
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    raised_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    limit = serializers.FloatField(allow_null=True)
    value = serializers.FloatField(allow_null=True)
    t = serializers.ListField(child=serializers.IntegerField())
    low = serializers.ListField(child=serializers.FloatField())
    high = serializers.ListField(child=serializers.FloatField())
    mean = serializers.ListField(child=serializers.FloatField())
    gaps = serializers.ListField(child=serializers.IntegerField())


class CountsSerializer(serializers.Serializer):
    """How many alarms are in each state; those that others explain are counted apart."""

    open = serializers.IntegerField()
    not_acknowledged = serializers.IntegerField(source="fresh")
    acknowledged = serializers.IntegerField(source="seen")
    snoozed = serializers.IntegerField()
    quiet = serializers.IntegerField()
    explained = serializers.IntegerField()
    ended_unseen = serializers.IntegerField(source="ended")
    by_severity = serializers.DictField(child=serializers.IntegerField())


class StatisticsRow(serializers.Serializer):
    """The alarms of a rule, or of a code. `noise`: percent of the rated ones that were false."""

    source = serializers.ChoiceField(choices=Source.choices)  # type: ignore[assignment]
    rule = serializers.UUIDField(source="rule_id", allow_null=True)
    code = serializers.CharField()
    title = serializers.CharField()
    number = serializers.IntegerField()
    open = serializers.IntegerField()
    median_seconds = serializers.FloatField(allow_null=True)
    useful = serializers.IntegerField()
    false = serializers.IntegerField()
    noise = serializers.IntegerField(allow_null=True)
    newest_at = serializers.DateTimeField()


class StatisticsSerializer(serializers.Serializer):
    """What raised most alarms, at most 200 rows."""

    results = StatisticsRow(many=True)


class IncidentBody(Params):
    """Whether it is about the whole incident."""

    with_children = serializers.BooleanField(
        default=False, help_text="Also the open alarms that these explain."
    )


class NoteBody(Params):
    """Words that go with it."""

    text = serializers.CharField(
        max_length=MAX_COMMENT, allow_blank=True, default="", help_text="A comment."
    )


class AcknowledgeBody(IncidentBody, NoteBody):
    """An acknowledgement."""


class AssignBody(IncidentBody):
    """Whose business it is."""

    assignee = serializers.UUIDField(
        allow_null=True, help_text="Id of a person of the organisation; null: nobody."
    )


class CommentBody(Params):
    """Words about an alarm."""

    text = serializers.CharField(max_length=MAX_COMMENT)


class SnoozeBody(IncidentBody):
    """How long it is put aside."""

    until = serializers.DateTimeField(
        allow_null=True, help_text="At most 30 days ahead; null wakes it."
    )


class RateBody(Params):
    """What people think of it."""

    rating = serializers.ChoiceField(choices=RATINGS)


class BulkBody(Params):
    """One action on many alarms; only the members that the action has."""

    action = serializers.ChoiceField(choices=ACTIONS)
    alarms = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=MAX_AT_ONCE
    )
    with_children = serializers.BooleanField(required=False)
    text = serializers.CharField(required=False, max_length=MAX_COMMENT, allow_blank=True)
    assignee = serializers.UUIDField(required=False, allow_null=True)
    until = serializers.DateTimeField(required=False, allow_null=True)
    rating = serializers.ChoiceField(required=False, choices=RATINGS)


class ResultRow(serializers.Serializer):
    """What became of one alarm."""

    alarm = serializers.UUIDField(source="alarm_id")
    outcome = serializers.ChoiceField(choices=[outcome.value for outcome in Outcome])


class ResultsSerializer(serializers.Serializer):
    """What became of each alarm."""

    results = ResultRow(many=True)
