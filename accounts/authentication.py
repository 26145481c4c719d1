"""Sign-in of API requests."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request


class MiddlewareAuthentication(SessionAuthentication):
    """Take the user that the middleware found; the tenant's scope is entered already.

    DRF signs in inside the view, too late for a scope around it. Unsafe methods of a
    session need the CSRF token; an access token or a key needs none.
    """

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Return the user, and the credential if the request was signed with one."""
        credential = getattr(request._request, "credential", None)
        if credential is not None:
            return credential.user, credential
        return super().authenticate(request)

    def authenticate_header(self, request: Request) -> str:
        """Answer 401, not 403, to requests that nobody signed."""
        return 'Bearer realm="api", Session realm="api"'
