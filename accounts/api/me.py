"""Who one is, for apps that start."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.write import AccessView
from accounts.identity import Acting, organisations

KINDS = [("member", "member"), ("reseller", "reseller"), ("guest", "guest"), ("key", "key")]


class PersonSerializer(serializers.Serializer):
    """A person."""

    id = serializers.UUIDField()
    email = serializers.EmailField()
    name = serializers.CharField()


class OrganisationSerializer(serializers.Serializer):
    """An organisation that one can act for."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    role = serializers.CharField(help_text="Empty for guests, who see what is shared with them.")
    kind = serializers.ChoiceField(
        choices=KINDS,
        help_text="member; reseller: through an organisation above; guest; key: a program.",
    )


class MeSerializer(serializers.Serializer):
    """Who asks, for whom, and what that allows."""

    user = PersonSerializer(allow_null=True, help_text="Null for a program with a key.")
    acting = OrganisationSerializer(allow_null=True, help_text="Null: member of nothing.")
    permissions = serializers.ListField(child=serializers.CharField())
    organisations = OrganisationSerializer(many=True)


class Me(AccessView):
    """The caller."""

    permission_classes = [IsAuthenticated]

    @extend_schema(
        operation_id="get_me", summary="Who am I?", tags=["access"], responses=MeSerializer
    )
    def get(self, request: Request) -> Response:
        """Return the caller, the organisation acted for, its permissions, and all organisations."""
        acting = getattr(request, "acting", None)
        person = self.person
        others = organisations(person) if person else [acting] if acting else []
        return Response(
            {
                "user": PersonSerializer(person).data if person else None,
                "acting": _describe(acting) if acting else None,
                "permissions": sorted(acting.codes) if acting else [],
                "organisations": [_describe(other) for other in others],
            }
        )


def _describe(acting: Acting) -> dict[str, Any]:
    return {
        "id": str(acting.tenant_id),
        "name": acting.tenant.name,
        "slug": acting.tenant.slug,
        "role": acting.role_name,
        "kind": acting.kind,
    }
