"""Roles in the API."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import Params, read_body
from accounts.api.write import AccessView
from accounts.models import Role
from accounts.queries.roles import Column, RoleChoice, role_columns
from accounts.rbac.registry import ADMINISTERING
from accounts.services.roles import change_role_codes, create_role, delete_role


class RoleSerializer(serializers.Serializer):
    """A role: one of the three of the system, or one that the organisation made."""

    id = serializers.CharField(help_text="admin, operator, viewer, or a UUID.")
    name = serializers.CharField()
    description = serializers.CharField()
    is_system = serializers.BooleanField(help_text="Cannot be changed.")
    permissions = serializers.ListField(child=serializers.CharField())
    members = serializers.IntegerField(help_text="How many people have it.")


class RoleListSerializer(serializers.Serializer):
    """All roles; there are few."""

    results = RoleSerializer(many=True)


class RoleBody(Params):
    """A role to save."""

    name = serializers.CharField(max_length=60)
    description = serializers.CharField(max_length=200, allow_blank=True, default="")
    permissions = serializers.ListField(child=serializers.CharField(max_length=40), max_length=100)


class RolePatch(Params):
    """What to change of a role; what is not given stays."""

    name = serializers.CharField(max_length=60, required=False)
    description = serializers.CharField(max_length=200, allow_blank=True, required=False)
    permissions = serializers.ListField(
        child=serializers.CharField(max_length=40), max_length=100, required=False
    )


class RoleList(AccessView):
    """The roles of the organisation."""

    permission = {"GET": "read:member", "POST": "write:role"}

    @extend_schema(
        operation_id="list_roles", summary="List roles", tags=["access"],
        responses=RoleListSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List all roles with what each may do."""
        columns = role_columns(self.acting.tenant_id)
        return Response({"results": [_describe(column) for column in columns]})

    @extend_schema(
        operation_id="create_role", summary="Make a role", tags=["access"],
        request=RoleBody, responses={201: RoleSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Save a role with permissions that the caller has.

        To change members or roles is given only within ten minutes of an authentication, else
        403 with `sudo_required`.
        """
        body = read_body(request, RoleBody)
        check_administering(self, body["permissions"], before=())
        role = create_role(
            tenant_id=self.acting.tenant_id,
            name=body["name"],
            description=body["description"],
            codes=body["permissions"],
            editor_codes=self.acting.codes,
            now=self.now,
        )
        return Response(_describe(Column(RoleChoice("", role), 0)), status=201)


class RoleDetail(AccessView):
    """One role."""

    permission = {"GET": "read:member", "PATCH": "write:role", "DELETE": "delete:role"}

    @extend_schema(
        operation_id="get_role", summary="Read a role", tags=["access"], responses=RoleSerializer
    )
    def get(self, request: Request, role_id: uuid.UUID) -> Response:
        """Return a role that the organisation made."""
        return Response(self._describe(role_id))

    @extend_schema(
        operation_id="change_role", summary="Change a role", tags=["access"],
        request=RolePatch, responses=RoleSerializer,
    )  # fmt: skip
    def patch(self, request: Request, role_id: uuid.UUID) -> Response:
        """Rename it or change what it may do; who loses a permission must sign in again."""
        body = read_body(request, RolePatch)
        role = self._find(role_id)
        check_administering(self, body.get("permissions", ()), before=role.codes)
        change_role_codes(
            role_id=role_id,
            name=body.get("name", role.name),
            description=body.get("description", role.description),
            codes=body.get("permissions", role.codes),
            editor_codes=self.acting.codes,
            now=self.now,
        )
        return Response(self._describe(role_id))

    @extend_schema(
        operation_id="delete_role", summary="Delete a role", tags=["access"], responses={204: None}
    )
    def delete(self, request: Request, role_id: uuid.UUID) -> Response:
        """Delete a role that nobody has."""
        self._find(role_id)
        delete_role(role_id=role_id, editor_codes=self.acting.codes, now=self.now)
        return Response(status=204)

    def _find(self, role_id: uuid.UUID) -> Role:
        found = Role.objects.filter(id=role_id).first()
        if found is None:
            raise Http404
        return found

    def _describe(self, role_id: uuid.UUID) -> dict[str, Any]:
        for column in role_columns(self.acting.tenant_id):
            if column.choice.value == str(role_id):
                return _describe(column)
        raise Http404


def check_administering(
    view: AccessView, codes: Collection[str], *, before: Collection[str]
) -> None:
    """Ask for sudo mode before a role newly decides what others may do.

    Raises: SudoRequired
    """
    if (frozenset(codes) - frozenset(before)) & ADMINISTERING:
        view.check_sudo()


def _describe(column: Column) -> dict[str, Any]:
    own = column.choice.custom_role
    return {
        "id": column.choice.value,
        "name": column.choice.name,
        "description": own.description if own else "",
        "is_system": own is None,
        "permissions": sorted(column.codes),
        "members": column.members,
    }
