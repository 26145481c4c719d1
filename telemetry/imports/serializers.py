"""Imports as the API writes and reads them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.pagination import PageParams
from accounts.api.params import Params
from telemetry.imports.files import MAX_BYTES
from telemetry.imports.models import ImportJob, ImportProblem, ImportState

ORDERINGS = {"created_at": "created_at"}
PROBLEM_ORDERINGS = {"row": "row"}
IMPORT_STATES = [(value, value) for value in ImportState.values]


class ImportListParams(PageParams):
    """Parameters of the list of imports."""

    ordering = serializers.ChoiceField(choices=["-created_at", "created_at"], default="-created_at")
    device = serializers.UUIDField(required=False)
    state = serializers.ChoiceField(choices=IMPORT_STATES, required=False)


class ProblemListParams(PageParams):
    """Parameters of the list of refused rows."""

    ordering = serializers.ChoiceField(choices=["-row", "row"], default="row")


class ContentParams(Params):
    """Where a part of a file begins."""

    offset = serializers.IntegerField(min_value=0, default=0)


class ImportBody(Params):
    """A file that is going to be uploaded."""

    device = serializers.UUIDField()
    file_name = serializers.CharField(max_length=255)
    size = serializers.IntegerField(min_value=1, max_value=MAX_BYTES)


class PlanBody(Params):
    """Settings to change; those that are not named stay."""

    plan = serializers.DictField()


class ImportSerializer(serializers.ModelSerializer):
    """An import; `plan` tells how the file is read, `notes` why."""

    device = serializers.UUIDField(source="device_id")
    state = serializers.ChoiceField(choices=IMPORT_STATES)
    created_by = serializers.EmailField(
        source="created_by.email", default=None, allow_null=True, read_only=True
    )
    notes = serializers.SerializerMethodField()

    class Meta:
        model = ImportJob
        fields = (
            "id", "device", "file_name", "size", "received", "sha256", "state", "progress",
            "plan", "headers", "notes", "rows", "stored", "duplicates", "conflicts", "missing",
            "refused", "error_code", "error", "created_by", "created_at", "started_at",
            "finished_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field({"type": "array", "items": {"type": "object"}})
    def get_notes(self, job: ImportJob) -> list[dict[str, Any]]:
        """Return what was guessed, and by which evidence."""
        return [{"code": code, "detail": detail} for code, detail in job.notes]


class ImportProblemSerializer(serializers.ModelSerializer):
    """A row that was not stored, or a value of it."""

    class Meta:
        model = ImportProblem
        fields = ("row", "code", "detail", "text")
        read_only_fields = fields


class ShownColumnSerializer(serializers.Serializer):
    """A column, and the channel that it goes to."""

    index = serializers.IntegerField()
    header = serializers.CharField()
    channel = serializers.CharField()
    unit = serializers.CharField()
    kind = serializers.CharField()
    scale = serializers.FloatField()
    stored_unit = serializers.CharField()
    is_new = serializers.BooleanField()


class ShownRowSerializer(serializers.Serializer):
    """A row as it is understood; values in the stored units."""

    number = serializers.IntegerField()
    time = serializers.DateTimeField(allow_null=True)
    local = serializers.CharField()
    values = serializers.ListField(child=serializers.FloatField(allow_null=True))  # type: ignore[assignment]
    problems = serializers.ListField(child=serializers.CharField())


class ImportPreviewSerializer(serializers.Serializer):
    """What an import would do, judged by the first rows."""

    columns = ShownColumnSerializer(many=True)
    rows = ShownRowSerializer(many=True)
    warnings = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    looked_at = serializers.IntegerField()
    is_whole = serializers.BooleanField()
    new = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    conflicts = serializers.IntegerField()
    missing = serializers.IntegerField()
    refused = serializers.IntegerField()
    first = serializers.DateTimeField(allow_null=True)
    last = serializers.DateTimeField(allow_null=True)
    error = serializers.ListField(child=serializers.CharField(), allow_null=True)
