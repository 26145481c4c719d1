"""How notes look in the API."""

from __future__ import annotations

from rest_framework import serializers

from accounts.api.pagination import PageParams
from accounts.api.params import Params
from telemetry.annotations.models import TEXT_LENGTH, Annotation


class AnnotationListParams(PageParams):
    """Which notes: those that touch [start, end), or all; in which order."""

    start = serializers.DateTimeField(required=False)
    end = serializers.DateTimeField(required=False)
    ordering = serializers.ChoiceField(choices=["start", "-start"], default="-start")


class AnnotationRow(serializers.ModelSerializer):
    """A note. `end` is excluded, and null for a moment."""

    class Meta:
        model = Annotation
        fields = ("id", "site", "device", "start", "end", "text", "made_by_label", "created_at")


class AnnotationPatch(Params):
    """What changes about a note."""

    device = serializers.UUIDField(required=False, allow_null=True)
    start = serializers.DateTimeField(required=False)
    end = serializers.DateTimeField(required=False, allow_null=True)
    text = serializers.CharField(required=False, max_length=TEXT_LENGTH)


class AnnotationBody(AnnotationPatch):
    """A new note."""

    start = serializers.DateTimeField()
    text = serializers.CharField(max_length=TEXT_LENGTH)
