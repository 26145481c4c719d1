"""Sign-in of apps: thin doors to allauth's flows, which /_allauth/app/v1 offers in full."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.headless.account.views import LoginView
from allauth.headless.constants import Client
from allauth.headless.mfa.views import AuthenticateView
from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.problems import Violation, pointer_to, problem_response
from accounts.credentials.base import CredentialRefused
from accounts.credentials.bearer import read_bearer, session_key_of
from accounts.credentials.middleware import refuse
from accounts.services.sessions import end_session
from accounts.signin.receivers import record_sign_out
from accounts.signin.refreshing import refresh_tokens
from accounts.signin.tokens import LONGEST

_log_in = LoginView.as_api_view(client=Client.APP)
_give_code = AuthenticateView.as_api_view(client=Client.APP)
_STAGE = "mfa_authenticate"


class PasswordSerializer(serializers.Serializer):
    """The first step."""

    email = serializers.EmailField()
    password = serializers.CharField()


class CodeSerializer(serializers.Serializer):
    """The second step."""

    code = serializers.CharField(help_text="Of the authenticator app, or a recovery code.")


class RefreshSerializer(serializers.Serializer):
    """The newest refresh token."""

    refresh_token = serializers.CharField(max_length=LONGEST)


class TokensSerializer(serializers.Serializer):
    """What an app keeps; each refresh brings a new pair and ends the old refresh token."""

    access_token = serializers.CharField(help_text="Send it as `Authorization: Bearer …`.")
    refresh_token = serializers.CharField()
    token_type = serializers.CharField(help_text="Bearer")
    expires_in = serializers.IntegerField(help_text="Seconds of the access token.")


_SECOND_STEP = OpenApiParameter(
    "X-Session-Token", str, OpenApiParameter.HEADER, required=True,
    description="`session_token` of the answer `mfa_authenticate`.",
)  # fmt: skip


class SignInView(APIView):
    """Base of the doors: nobody is signed in yet."""

    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]


class SignIn(SignInView):
    """The first step."""

    @extend_schema(
        operation_id="sign_in", summary="Sign in", tags=["sign-in"], auth=[],
        request=PasswordSerializer, responses=TokensSerializer,
    )  # fmt: skip
    def post(self, request: Request) -> HttpResponse:
        """Trade address and password for tokens.

        People with a second factor get 401 with code `mfa_authenticate` and a
        `session_token` for the second step.
        """
        return _delegate(request, _log_in)


class SecondStep(SignInView):
    """The second step."""

    @extend_schema(
        operation_id="sign_in_second_step", summary="Give the second factor", tags=["sign-in"],
        auth=[], parameters=[_SECOND_STEP], request=CodeSerializer, responses=TokensSerializer,
    )  # fmt: skip
    def post(self, request: Request) -> HttpResponse:
        """Trade a code for tokens, within 15 minutes of the first step."""
        return _delegate(request, _give_code)


class Refresh(SignInView):
    """The next pair of tokens."""

    @extend_schema(
        operation_id="refresh_tokens", summary="Refresh tokens", tags=["sign-in"], auth=[],
        request=RefreshSerializer, responses=TokensSerializer,
    )  # fmt: skip
    def post(self, request: Request) -> HttpResponse:
        """Trade the newest refresh token for the next pair.

        The same token sent again within 30 seconds gets the same answer; later it ends the
        whole sign-in, as somebody else must have it.
        """
        form = RefreshSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        pair = refresh_tokens(form.validated_data["refresh_token"], now=timezone.now())
        if pair is None:
            return refuse(
                request._request,
                CredentialRefused("invalid_token", _("The refresh token is not valid; sign in.")),
            )
        return Response(_tokens(*pair))


class SignOut(SignInView):
    """The end of a sign-in."""

    @extend_schema(
        operation_id="sign_out", summary="Sign out", tags=["sign-in"], request=None,
        responses={204: None},
    )  # fmt: skip
    def post(self, request: Request) -> HttpResponse:
        """End the session of the access token, with all of its tokens."""
        try:
            credential = read_bearer(request._request)
        except CredentialRefused as refusal:
            return refuse(request._request, refusal)
        if credential is None:
            return refuse(
                request._request, CredentialRefused("invalid_token", _("Send the access token."))
            )
        end_session(user=credential.user, session_key=session_key_of(request._request))
        record_sign_out(request._request, credential.user)
        return Response(status=204)


def _delegate(request: Request, view: Callable[..., Any]) -> HttpResponse:
    """Let allauth handle the step; put its answer into our form."""
    try:
        answer = view(request._request)
    except ImmediateHttpResponse as other:
        answer = other.response
    if answer.status_code == 429:
        return answer if answer.has_header("Retry-After") else _slow_down(request)
    try:
        content = json.loads(answer.content)
    except ValueError:
        content = {}
    meta = content.get("meta", {})
    if answer.status_code == 200:
        return Response(_tokens(meta["access_token"], meta["refresh_token"]))
    return _refusal(request, answer.status_code, content, meta)


def _refusal(
    request: Request, status: int, content: dict[str, Any], meta: dict[str, Any]
) -> HttpResponse:
    flows = content.get("data", {}).get("flows", [])
    stage = next((flow for flow in flows if flow["id"] == _STAGE and flow.get("is_pending")), None)
    if stage is not None:
        return problem_response(
            request._request, status=401, code=_STAGE, detail=_("Give the second factor."),
            session_token=meta.get("session_token"), types=stage.get("types", []),
        )  # fmt: skip
    errors = [
        Violation(error["code"], error["message"], pointer_to(error.get("param")))
        for error in content.get("errors", [])
    ]
    if any(error.code in {"required", "invalid"} for error in errors) or not content:
        return problem_response(
            request._request, status=400, code="invalid_request", errors=errors,
            detail=_("The request is not valid."),
        )  # fmt: skip
    return problem_response(
        request._request, status=401, code="sign_in_failed", errors=errors,
        detail=_("That did not match, or the step is over. Try again from the start."),
    )  # fmt: skip


def _slow_down(request: Request) -> HttpResponse:
    response = problem_response(
        request._request, status=429, code="rate_limited", detail=_("Too many calls.")
    )
    response["Retry-After"] = "60"
    return response


def _tokens(access: str, refresh: str) -> dict[str, Any]:
    return {
        "access_token": access,
        "refresh_token": refresh,
        "token_type": "Bearer",
        "expires_in": settings.HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN,
    }
