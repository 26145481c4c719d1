"""Headers that concern every request."""

from __future__ import annotations

from collections.abc import Callable

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.http import HttpRequest, HttpResponse


class AdminCSPMiddleware:
    """Give the admin and the OpenAPI page the looser policy that their scripts need.

    The admin theme's Alpine evaluates expressions (unfold#2129); customer pages keep
    the strict policy.
    """

    ADMIN_POLICY = {
        "script-src": [SELF, UNSAFE_EVAL, UNSAFE_INLINE],
        "style-src": [SELF, UNSAFE_INLINE],
    }
    DOCS_POLICY = {"style-src": [SELF, UNSAFE_INLINE]}

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Mark the answer; django-csp, the next middleware outwards, writes the header."""
        response = self.get_response(request)
        if request.path.startswith("/admin/"):
            response._csp_replace = self.ADMIN_POLICY  # type: ignore[attr-defined]
        elif request.path.startswith("/api/docs"):
            response._csp_replace = self.DOCS_POLICY  # type: ignore[attr-defined]
        return response
