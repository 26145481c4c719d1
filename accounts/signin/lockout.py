"""Answers to who tried too often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from accounts.api.problems import problem_response

APP_PATHS = ("/api/", "/_allauth/")


class RetryAfterMiddleware:
    """Tells when to try again wherever allauth refuses without saying so."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Add the header."""
        response = self.get_response(request)
        if response.status_code == 429 and not response.has_header("Retry-After"):
            response["Retry-After"] = "60"
        return response


def refuse_sign_in(
    request: HttpRequest, _original: HttpResponse | None = None, _credentials: Any = None
) -> HttpResponse:
    """Answer 429: the same for accounts that exist and for those that do not."""
    seconds = int(settings.AXES_COOLOFF_TIME.total_seconds())
    if request.path.startswith(APP_PATHS):
        detail = _("Too many failed tries; try again in %(seconds)s seconds.")
        response = problem_response(
            request, status=429, code="too_many_tries", detail=detail % {"seconds": seconds}
        )
    else:
        response = render(request, "429.html", {"seconds": seconds}, status=429)
    response["Retry-After"] = str(seconds)
    return response
