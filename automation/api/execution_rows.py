"""How executions look in the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.pagination import PageParams
from automation.models import Execution, ExecutionState, Origin, Reason, StepState

REASONS = [(value or "none", label) for value, label in Reason.choices]


class _BlankIsNone(serializers.ChoiceField):
    """A choice whose blank value is called none: enums of clients have no blank member."""

    def to_representation(self, value: Any) -> Any:
        return str(value) or "none"


class ExecutionRow(serializers.ModelSerializer):
    """One decision of automation. Times are UTC.

    `reason` is none where all was done. `triggered_at`: when it was set off, `decided_at`: when
    that was found.
    """

    origin = serializers.ChoiceField(choices=Origin.choices)
    name = serializers.CharField(source="label")
    state = serializers.ChoiceField(choices=ExecutionState.choices)
    reason = _BlankIsNone(choices=REASONS)
    rule = serializers.UUIDField(source="rule_id", allow_null=True)
    schedule = serializers.UUIDField(source="schedule_id", allow_null=True)
    site = serializers.UUIDField(source="site_id", allow_null=True)
    zone = serializers.UUIDField(source="zone_id", allow_null=True)
    agree_until = serializers.SerializerMethodField()

    class Meta:
        model = Execution
        fields = (
            "id", "origin", "origin_id", "name", "version", "state", "reason", "detail", "rule",
            "schedule", "site", "zone", "triggered_at", "decided_at", "finished_at", "agreed_by",
            "agree_until",
        )  # fmt: skip

    @extend_schema_field(OpenApiTypes.DATETIME)
    def get_agree_until(self, row: Any) -> str | None:
        """Return until when somebody can agree; null where nobody is asked."""
        is_asked = row.state == ExecutionState.PROPOSED and row.next_at
        return row.next_at.isoformat().replace("+00:00", "Z") if is_asked else None


class ExecutionStepRow(serializers.Serializer):
    """One thing that is done. command: id of the command that its device was given."""

    number = serializers.IntegerField(source="step.number")
    action = serializers.DictField(source="step.action")
    words = serializers.CharField()
    state = serializers.ChoiceField(choices=StepState.choices, source="step.state")
    command = serializers.UUIDField(source="step.command_id", allow_null=True)
    code = serializers.CharField(source="step.code")
    why = serializers.CharField()
    tries = serializers.IntegerField(source="step.tries")
    started_at = serializers.DateTimeField(source="step.started_at", allow_null=True)
    finished_at = serializers.DateTimeField(source="step.finished_at", allow_null=True)


class ExecutionOriginRow(serializers.Serializer):
    """What an execution goes back to; name and kind are blank where it is gone."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.CharField()


class ExecutionDetailRow(ExecutionRow):
    """One decision with what it saw and each thing that was done.

    `trigger`: what set it off. `seen`: the values looked at. `chain`: what led here, the first
    one first. `cause`: the execution that began it.
    """

    trigger = serializers.DictField()
    seen = serializers.ListField(child=serializers.DictField())
    steps = serializers.SerializerMethodField()
    chain = serializers.SerializerMethodField()
    cause = serializers.SerializerMethodField()

    class Meta(ExecutionRow.Meta):
        fields = (*ExecutionRow.Meta.fields, "trigger", "seen", "steps", "chain", "cause")  # type: ignore[assignment]

    @extend_schema_field(ExecutionStepRow(many=True))
    def get_steps(self, row: Any) -> list[dict[str, Any]]:
        """Return its steps in order."""
        return list(ExecutionStepRow(self.context["detail"].steps, many=True).data)

    @extend_schema_field(ExecutionOriginRow(many=True))
    def get_chain(self, row: Any) -> list[dict[str, Any]]:
        """Return what led here."""
        return list(ExecutionOriginRow(self.context["detail"].chain, many=True).data)

    @extend_schema_field(OpenApiTypes.UUID)
    def get_cause(self, row: Any) -> str | None:
        """Return the execution that began it."""
        cause = self.context["detail"].cause
        return str(cause.id) if cause else None


class ExecutionListParams(PageParams):
    """Which executions."""

    origin = serializers.ChoiceField(choices=Origin.choices, required=False)
    state = serializers.ChoiceField(choices=ExecutionState.choices, required=False)
    reason = serializers.ChoiceField(choices=Reason.choices[1:], required=False)
    done = serializers.BooleanField(
        required=False, allow_null=True, default=None,
        help_text="False: of which nothing was done. True: the others.",
    )  # fmt: skip
    rule = serializers.UUIDField(required=False)
    schedule = serializers.UUIDField(required=False)
    origin_id = serializers.UUIDField(required=False)
    zone = serializers.UUIDField(required=False)
    site = serializers.UUIDField(required=False)
    start = serializers.DateTimeField(required=False, help_text="Decided at or after.")
    end = serializers.DateTimeField(required=False, help_text="Decided before.")
    q = serializers.CharField(max_length=100, default="", help_text="Part of the name.")
    ordering = serializers.ChoiceField(
        choices=["decided_at", "-decided_at", "triggered_at", "-triggered_at"],
        default="-decided_at",
    )
