"""Refuses callers who call too often."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from accounts.api.problems import problem_response
from accounts.limits import policy
from accounts.limits.counting import call_counter
from accounts.limits.window import Decision, Limit

GetResponse = Callable[[HttpRequest], HttpResponse]


class RateLimitMiddleware:
    """Count calls under /api/ and posts that send mail; refuse with 429 and Retry-After.

    Stands where the caller and the acting tenant are known.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Refuse or hand on, and tell how much is left."""
        if not request.path.startswith(policy.API_PREFIX):
            return self.get_response(request)
        request.is_counted = True  # type: ignore[attr-defined]
        decision = take(policy.limits_of_api(request))
        if decision and not decision.is_allowed:
            return refuse(request, decision)
        return add_headers(self.get_response(request), decision)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Refuse a post that would send one mail too many."""
        if not policy.sends_mail(request, view):
            return None
        for limits in (policy.limits_of_mail(request), policy.hourly_limits_of_mail(request)):
            decision = take(limits)
            if decision and not decision.is_allowed:
                return refuse(request, decision)
        return None


class RefusedCallerMiddleware:
    """Count calls whose credential was refused before a limit could see them.

    Stands outside sign-in. Guessing keys so gets 429 for every guess, while a good
    credential from the same address is served.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Turn the 401 of an address that was refused too often into 429."""
        response = self.get_response(request)
        refused = response.status_code == HTTPStatus.UNAUTHORIZED
        if not refused or not request.path.startswith(policy.API_PREFIX):
            return response
        if getattr(request, "is_counted", False):
            return response
        decision = take(policy.limits_of_address(request))
        if decision and not decision.is_allowed:
            return refuse(request, decision)
        return add_headers(response, decision)


def take(limits: Sequence[Limit]) -> Decision | None:
    """Count a call; None when nothing limits it."""
    return call_counter().take(limits, now=time.time()) if limits else None


def refuse(request: HttpRequest, decision: Decision) -> HttpResponse:
    """Answer 429 as a problem under /api/, as a page elsewhere."""
    seconds = max(1, math.ceil(decision.wait_seconds))
    if request.path.startswith(policy.API_PREFIX):
        response = problem_response(
            request,
            status=HTTPStatus.TOO_MANY_REQUESTS,
            code="rate_limited",
            detail=_("Too many calls; try again in %(seconds)s seconds.") % {"seconds": seconds},
            scope=decision.limit.scope,
            limit=decision.limit.calls,
        )
    else:
        response = render(request, "429.html", {"seconds": seconds}, status=429)
    response["Retry-After"] = str(seconds)
    return add_headers(response, decision)


def add_headers(response: HttpResponse, decision: Decision | None) -> HttpResponse:
    """Tell the limit that is closest to its end."""
    if decision:
        limit = decision.limit
        response["RateLimit-Limit"] = str(limit.calls)
        response["RateLimit-Remaining"] = str(decision.remaining)
        response["RateLimit-Reset"] = str(math.ceil(decision.wait_seconds) or limit.seconds)
        response["RateLimit-Policy"] = f"{limit.calls};w={limit.seconds}"
    return response
