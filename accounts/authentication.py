"""Sign-in of API requests."""

from __future__ import annotations

from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request


class MiddlewareAuthentication(SessionAuthentication):
    """Take the user that the middleware found; the tenant's scope is entered already.

    DRF signs in inside the view, too late for a scope around it. Unsafe methods need
    the CSRF token, as for every session.
    """

    def authenticate_header(self, request: Request) -> str:
        """Answer 401, not 403, to requests without a session."""
        return 'Session realm="api"'
