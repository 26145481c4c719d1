"""Signs requests under /api/ that carry a credential of their own instead of a cookie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from accounts.api.problems import problem_response
from accounts.credentials.api_key import read_api_key
from accounts.credentials.base import Credential, CredentialRefused, ReadCredential
from accounts.credentials.bearer import read_bearer
from accounts.credentials.doors import is_door, read_door_key
from accounts.identity import choose_acting
from accounts.models import User

PREFIX = "/api/"
# these read what they need themselves: an app refreshes with an access token that is over, a box
# sends the code that it shows
SIGN_IN = ("/api/v1/auth/", "/api/v1/bootstrap/")
CHALLENGE = 'Bearer realm="api", Session realm="api"'
_READERS: tuple[ReadCredential, ...] = (read_bearer, read_api_key)


class CredentialsMiddleware:
    """Take an access token or an API key; stands before the tenant's scope is entered.

    A refused credential is never passed over in favour of a cookie. Without one, the request
    is the session's.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Sign the request, or answer 401, 400 for two credentials, 403 for a wrong tenant."""
        if is_door(request.path):
            try:
                return self._go_on(request, read_door_key(request))
            except CredentialRefused as refusal:
                return refuse(request, refusal)
        if not request.path.startswith(PREFIX) or request.path.startswith(SIGN_IN):
            return self.get_response(request)
        sent = [h for h in ("Authorization", "X-API-Key") if h in request.headers]
        if len(sent) > 1:
            return problem_response(
                request, status=400, code="two_credentials",
                detail=_("Send either an access token or an API key."),
            )  # fmt: skip
        try:
            credential = next(filter(None, (read(request) for read in _READERS)), None)
        except CredentialRefused as refusal:
            return refuse(request, refusal)
        if credential is None:
            return self.get_response(request)
        return self._go_on(request, credential)

    def _go_on(self, request: HttpRequest, credential: Credential) -> HttpResponse:
        chosen = _switch(credential, request.headers.get("X-Tenant"))
        if chosen is None:
            return problem_response(
                request, status=403, code="tenant_not_allowed",
                detail=_("You cannot act for the organisation that X-Tenant names."),
            )  # fmt: skip
        request.user = chosen.user
        request.acting = chosen.acting  # type: ignore[attr-defined]
        request.credential = chosen  # type: ignore[attr-defined]
        # a cookie beside it says nothing; no browser sends these headers by itself
        request.session = SessionStore()
        request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
        return self.get_response(request)


def refuse(request: HttpRequest, refusal: CredentialRefused) -> HttpResponse:
    """Answer 401."""
    response = problem_response(request, status=401, code=refusal.code, detail=refusal.detail)
    response["WWW-Authenticate"] = f'{CHALLENGE}, error="{refusal.code}"'
    return response


def _switch(credential: Credential, wanted: str | None) -> Credential | None:
    """Return the credential for the tenant that the header names; None when it may not."""
    acting = credential.acting
    if wanted is None or (acting is not None and str(acting.tenant_id) == wanted):
        return credential
    if not isinstance(credential.user, User):
        return None
    other = choose_acting(credential.user, wanted)
    if other is None or str(other.tenant_id) != wanted:
        return None
    return replace(credential, acting=other)
