"""How allauth hands out and takes tokens of apps."""

from __future__ import annotations

import uuid
from typing import Any, cast

from allauth.core.internal.httpkit import get_authorization_credential
from allauth.headless.internal.sessionkit import lookup_session
from allauth.headless.tokens.strategies.jwt import JWTTokenStrategy
from allauth.usersessions.models import UserSession
from django.contrib.auth.middleware import get_user
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from accounts.models import User
from accounts.signin.refreshing import issue_tokens, person_of, refresh_tokens
from accounts.signin.tokens import ACCESS, SESSION, Claims, make_token, read_token


class TokenStrategy(JWTTokenStrategy):
    """Tokens of `accounts.signin.tokens` instead of allauth's.

    Even the token between password and second factor is signed: allauth's would be the key
    of the session, which a browser takes as a cookie.
    """

    def get_session_token(self, request: HttpRequest) -> str | None:
        """Return the token of the flow, else the access token.

        allauth then reads `request.user` anew from the token's session. Middleware of
        others has wrapped it with the user of the cookie, which would stay; allauth asks
        here first, and puts the old one back when the flow is over.
        """
        flow: Any = request.allauth.headless  # type: ignore[attr-defined]
        if not hasattr(flow, "reads_user"):
            flow.reads_user = True
            request.user = SimpleLazyObject(lambda: get_user(request))  # type: ignore[assignment]
        return request.headers.get("X-Session-Token") or get_authorization_credential(
            request, "Bearer"
        )

    def create_session_token(self, request: HttpRequest) -> str:
        """Sign a token for the next step of the flow."""
        if not request.session.session_key:
            request.session.save()
        claims = Claims("", None, 0, request.session.session_key or "", str(uuid.uuid4()))
        return make_token(SESSION, claims, now=timezone.now())

    def lookup_session(self, session_token: str) -> SessionBase | None:
        """Return the session of a token of a flow or of an access token."""
        flow = read_token(session_token, SESSION)
        if flow is not None:
            return lookup_session(flow.session_key)
        claims = read_token(session_token, ACCESS)
        found = person_of(claims) if claims else None
        return found[1] if found else None

    def create_access_token_payload(self, request: HttpRequest) -> dict[str, Any] | None:
        """Return the first tokens of a sign-in."""
        request.session.save()  # allauth drops the rows of sessions that nobody can load
        UserSession.objects.create_from_request(request)
        access, refresh = issue_tokens(
            user=cast(User, request.user), session=request.session, now=timezone.now()
        )
        return {"access_token": access, "refresh_token": refresh}

    def refresh_token(self, refresh_token: str) -> tuple[str, str] | None:
        """Trade a refresh token for the next access and refresh token."""
        return refresh_tokens(refresh_token, now=timezone.now())
