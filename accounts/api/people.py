"""Members and invitations in the API."""

from __future__ import annotations

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.pagination import CursorPagination, PageParams
from accounts.api.params import Params, read_body
from accounts.api.write import AccessView
from accounts.models import Invitation, Membership
from accounts.queries.people import list_members, open_invitations
from accounts.queries.roles import choice_of, find_role
from accounts.services.invitations import invite, resend, revoke_invitation
from accounts.services.members import change_role, remove_member

ROLE_HELP = "admin, operator, viewer, or the id of a role of the organisation."


class RoleOf(serializers.Serializer):
    """The role of a member or an invitation."""

    id = serializers.CharField(source="value", help_text=ROLE_HELP)
    name = serializers.CharField()

    def to_representation(self, instance: Membership | Invitation) -> dict[str, Any]:
        """Describe the role of the row."""
        return dict(super().to_representation(choice_of(instance)))


class MemberSerializer(serializers.Serializer):
    """A person in the organisation."""

    id = serializers.UUIDField()
    email = serializers.EmailField(source="user.email")
    name = serializers.CharField(source="user.name")
    is_active = serializers.BooleanField(source="user.is_active")
    role = RoleOf(source="*")
    created_at = serializers.DateTimeField()


class InvitationSerializer(serializers.Serializer):
    """An open invitation; its link is in the mail only."""

    id = serializers.UUIDField()
    email = serializers.EmailField()
    role = RoleOf(source="*")
    invited_by = serializers.SerializerMethodField()
    expires_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()

    def get_invited_by(self, invitation: Invitation) -> str:
        """Name who invited."""
        return invitation.invited_by.email if invitation.invited_by else ""


class PeopleParams(PageParams):
    """The order of members and invitations."""

    ordering = serializers.ChoiceField(choices=["email", "-email"], default="email")


class RoleBody(Params):
    """Another role for a member."""

    role = serializers.CharField(max_length=40, help_text=ROLE_HELP)


class InviteBody(RoleBody):
    """Whom to invite."""

    email = serializers.EmailField()


class MemberList(AccessView):
    """The members."""

    permission = "read:member"
    params_class = PeopleParams
    pagination_class = CursorPagination
    orderings = {"email": "user__email"}

    @extend_schema(
        operation_id="list_members", summary="List members", tags=["access"],
        responses=MemberSerializer(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the members page by page."""
        pages = self.pagination_class()
        rows = pages.paginate_queryset(list_members(self.acting.tenant_id), request, self)
        return pages.get_paginated_response(MemberSerializer(rows, many=True).data)


class MemberDetail(AccessView):
    """One member."""

    permission = {"GET": "read:member", "PATCH": "write:member", "DELETE": "delete:member"}

    @extend_schema(
        operation_id="get_member", summary="Read a member", tags=["access"],
        responses=MemberSerializer,
    )  # fmt: skip
    def get(self, request: Request, member_id: uuid.UUID) -> Response:
        """Return a member."""
        return Response(MemberSerializer(self._find(member_id)).data)

    @extend_schema(
        operation_id="change_member", summary="Change a member's role", tags=["access"],
        request=RoleBody, responses=MemberSerializer,
    )  # fmt: skip
    def patch(self, request: Request, member_id: uuid.UUID) -> Response:
        """Give another role; the person must sign in again.

        A role that may change members or roles needs an authentication of the last ten
        minutes, else 403 with `sudo_required`.
        """
        body = read_body(request, RoleBody)
        choice = find_role(body["role"])
        if choice.is_administering and self._find(member_id):
            self.check_sudo()
        change_role(
            membership_id=member_id,
            tenant_id=self.acting.tenant_id,
            choice=choice,
            editor_codes=self.acting.codes,
            now=self.now,
        )
        return Response(MemberSerializer(self._find(member_id)).data)

    @extend_schema(
        operation_id="remove_member", summary="Remove a member", tags=["access"],
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, member_id: uuid.UUID) -> Response:
        """Take the person out of the organisation."""
        remove_member(
            membership_id=member_id,
            tenant_id=self.acting.tenant_id,
            editor_codes=self.acting.codes,
            now=self.now,
        )
        return Response(status=204)

    def _find(self, member_id: uuid.UUID) -> Any:
        return get_object_or_404(list_members(self.acting.tenant_id), id=member_id)


class InvitationList(AccessView):
    """The open invitations."""

    permission = {"GET": "write:member", "POST": "write:member"}
    params_class = PeopleParams
    pagination_class = CursorPagination
    orderings = {"email": "email"}

    @extend_schema(
        operation_id="list_invitations", summary="List open invitations", tags=["access"],
        responses=InvitationSerializer(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the invitations that were neither used nor withdrawn."""
        pages = self.pagination_class()
        rows = pages.paginate_queryset(open_invitations(), request, self)
        return pages.get_paginated_response(InvitationSerializer(rows, many=True).data)

    @extend_schema(
        operation_id="invite", summary="Invite a person", tags=["access"],
        request=InviteBody, responses={201: InvitationSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Mail an invitation; its link works once, for seven days.

        A role that may change members or roles needs an authentication of the last ten
        minutes, else 403 with `sudo_required`.
        """
        body = read_body(request, InviteBody)
        choice = find_role(body["role"])
        if choice.is_administering:
            self.check_sudo()
        invitation = invite(
            tenant=self.acting.tenant,
            email=body["email"],
            choice=choice,
            invited_by=self.person,
            editor_codes=self.acting.codes,
            now=self.now,
        )
        return Response(InvitationSerializer(invitation).data, status=201)


class InvitationDetail(AccessView):
    """One open invitation."""

    permission = {"DELETE": "write:member"}

    @extend_schema(
        operation_id="revoke_invitation", summary="Withdraw an invitation", tags=["access"],
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, invitation_id: uuid.UUID) -> Response:
        """Withdraw the invitation; its link is dead."""
        revoke_invitation(invitation_id=invitation_id, now=self.now)
        return Response(status=204)


class InvitationResend(AccessView):
    """The mail of one open invitation."""

    permission = {"POST": "write:member"}

    @extend_schema(
        operation_id="resend_invitation", summary="Send an invitation again", tags=["access"],
        request=None, responses=InvitationSerializer,
    )  # fmt: skip
    def post(self, request: Request, invitation_id: uuid.UUID) -> Response:
        """Mail a new link; the old one is dead."""
        read_body(request, Params)
        invitation = resend(
            invitation_id=invitation_id, editor_codes=self.acting.codes, now=self.now
        )
        return Response(InvitationSerializer(invitation).data)
