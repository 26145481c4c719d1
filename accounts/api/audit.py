"""The audit trail in the API."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView

from accounts.api.pagination import PageParams
from accounts.api.write import AccessView
from accounts.models import AuditEvent
from accounts.queries.audit import AuditFilter, list_events


class AuditEventSerializer(serializers.ModelSerializer):
    """An action, with the hashes that chain it to the one before."""

    actor_id = serializers.UUIDField(
        source="who_id", read_only=True, allow_null=True, help_text="Null for platform staff."
    )
    actor_label = serializers.CharField(
        source="who", read_only=True, help_text="Platform staff are not named."
    )
    impersonator_id = serializers.UUIDField(
        source="through_id", read_only=True, allow_null=True, help_text="Null: not told."
    )
    impersonator_label = serializers.CharField(source="through", read_only=True)
    ip_address = serializers.IPAddressField(
        source="address", read_only=True, allow_null=True, help_text="Null for platform staff."
    )

    class Meta:
        model = AuditEvent
        fields = (
            "number", "at", "action", "actor_kind", "actor_id", "actor_label",
            "impersonator_id", "impersonator_label", "object_type", "object_id", "object_label",
            "detail", "request_id", "ip_address", "previous_hash", "hash",
        )  # fmt: skip


class AuditParams(PageParams):
    """What to look for."""

    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False, help_text="Not included.")
    action = serializers.CharField(required=False, default="", max_length=60)
    actor = serializers.CharField(required=False, default="", max_length=100)
    object = serializers.CharField(required=False, default="", max_length=100)
    ordering = serializers.ChoiceField(choices=["number", "-number"], default="-number")


class AuditList(AccessView, ListAPIView):
    """What people and keys did in the organisation."""

    permission = "read:audit"
    serializer_class = AuditEventSerializer
    params_class = AuditParams
    orderings = {"number": "number"}
    queryset = AuditEvent.objects.none()  # tells the schema what is listed

    @extend_schema(operation_id="list_audit_events", summary="List audit events", tags=["access"])
    def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """List the events page by page; follow `next` until it is null."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[AuditEvent]:
        """Return the events of the acting tenant's chain."""
        return list_events(
            tenant_id=self.acting.tenant_id,
            wanted=AuditFilter(
                since=self.params.get("since"),
                until=self.params.get("until"),
                action=self.params["action"],
                actor=self.params["actor"],
                text=self.params["object"],
            ),
        )
