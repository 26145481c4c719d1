"""A person's own sign-ins in the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.write import AccessView
from accounts.credentials.bearer import session_key_of
from accounts.models import User
from accounts.queries.sessions import list_sign_ins
from accounts.services.sessions import end_other_sign_ins, end_sign_in
from accounts.signin.receivers import home_of


class SessionSerializer(serializers.Serializer):
    """A browser or an app in which the person is signed in."""

    id = serializers.IntegerField()
    is_app = serializers.BooleanField(help_text="Signed in with tokens, not with a cookie.")
    program = serializers.CharField(help_text="As it calls itself; empty if it does not.")
    system = serializers.CharField()
    ip = serializers.CharField(help_text="Address of its last use.")
    signed_in_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(
        help_text="To five minutes; of an app, when it last refreshed its tokens."
    )
    is_current = serializers.BooleanField(help_text="The one that asks.")


class SessionListSerializer(serializers.Serializer):
    """All of them; there are few."""

    results = SessionSerializer(many=True)


class EndedSerializer(serializers.Serializer):
    """What was ended."""

    ended = serializers.IntegerField()


class IsPerson(BasePermission):
    """People only: programs with a key are not signed in anywhere."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether a person asks."""
        return isinstance(request.user, User)


class OwnSessions(AccessView):
    """What one's own sign-ins have in common."""

    permission_classes = [IsPerson]
    absent = {"sign_in_gone"}

    @property
    def user(self) -> User:
        """Return who asks."""
        assert self.person is not None  # noqa: S101 checked by the permission class
        return self.person

    @property
    def key(self) -> str:
        """Return the key of the session that asks, of a cookie or a token."""
        django_request: Any = self.request._request
        return session_key_of(django_request) or django_request.session.session_key or ""


class SessionList(OwnSessions):
    """The person's sign-ins."""

    @extend_schema(
        operation_id="list_sessions", summary="List my sign-ins", tags=["access"],
        responses=SessionListSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List browsers and apps in which one is signed in, this one first."""
        found = list_sign_ins(self.user, current_key=self.key, now=self.now)
        return Response({"results": SessionSerializer(found, many=True).data})

    @extend_schema(
        operation_id="end_other_sessions", summary="End all my other sign-ins", tags=["access"],
        responses=EndedSerializer,
    )  # fmt: skip
    def delete(self, request: Request) -> Response:
        """End all but the one that asks, with their tokens."""
        count = end_other_sign_ins(
            user=self.user, keep=self.key, tenant_id=home_of(self.user), now=self.now
        )
        return Response({"ended": count})


class SessionDetail(OwnSessions):
    """One sign-in."""

    @extend_schema(
        operation_id="end_session", summary="End one of my sign-ins", tags=["access"],
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, session_id: int) -> Response:
        """End it with its tokens; sockets close within five seconds."""
        end_sign_in(
            user=self.user, sign_in_id=session_id, tenant_id=home_of(self.user), now=self.now
        )
        return Response(status=204)
