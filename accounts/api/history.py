"""The history of changes in the API."""

from __future__ import annotations

from typing import Any

from django.db.models import F, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.generics import ListAPIView

from accounts.api.pagination import PageParams
from accounts.api.write import AccessView
from accounts.models.history import Change
from accounts.queries.history import History, NoHistory, find_history


class FieldChangeSerializer(serializers.Serializer):
    """A field before and after."""

    name = serializers.CharField()
    old = serializers.JSONField(allow_null=True)
    new = serializers.JSONField(allow_null=True)
    old_label = serializers.CharField(allow_blank=True, help_text="As people read it.")
    new_label = serializers.CharField(allow_blank=True)


class OriginSerializer(serializers.Serializer):
    """Where a change came from."""

    kind = serializers.CharField(help_text="user, key, staff, anonymous, system or database.")
    who = serializers.CharField()
    through = serializers.CharField(allow_blank=True, help_text="Who acted as this person.")
    what = serializers.CharField(allow_blank=True, help_text="Route, command or task.")
    request_id = serializers.CharField(allow_blank=True)


class ChangeSerializer(serializers.Serializer):
    """One change of an object."""

    number = serializers.IntegerField()
    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(choices=["insert", "update", "delete"])
    changes = FieldChangeSerializer(many=True, source="fields")
    origin = OriginSerializer()


class HistoryParams(PageParams):
    """Whose history."""

    object = serializers.CharField(
        max_length=120, help_text="Model and id, such as `device:<uuid>`; also of a deleted one."
    )
    ordering = serializers.ChoiceField(choices=["number", "-number"], default="-number")


class ObjectHistory(AccessView, ListAPIView):
    """What became of an object of the organisation."""

    permission = "read:audit"
    serializer_class = ChangeSerializer
    params_class = HistoryParams
    orderings = {"number": "pgh_id"}
    history: History

    @extend_schema(operation_id="list_changes", summary="List an object's changes", tags=["access"])
    def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """List the changes page by page; follow `next` until it is null."""
        page = self.paginate_queryset(self.get_queryset())
        entries = self.history.explain(page or [])
        return self.get_paginated_response(ChangeSerializer(entries, many=True).data)

    def get_queryset(self) -> QuerySet[Change]:
        """Return the changes of an object of the acting tenant, else 404."""
        try:
            self.history = find_history(name=self.params["object"], tenant_id=self.acting.tenant_id)
        except NoHistory as error:
            raise NotFound from error
        return self.history.events.annotate(id=F("pgh_id"))
