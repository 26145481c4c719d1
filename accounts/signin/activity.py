"""When each session was last used, for the list that its person sees."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable

from allauth.account.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.sudo import SESSION_IMPERSONATOR

# not with every request: a page asks for the list once a week, the sessions work all day
EVERY = dt.timedelta(minutes=5)


class LastSeenMiddleware:
    """Notes time and address of a session's requests, at most every five minutes."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer first: a sign-in makes the row, a sign-out takes it away."""
        response = self.get_response(request)
        key = request.session.session_key
        if key and request.user.is_authenticated and begin_interval(key):
            _note(request, key)
        return response


def _note(request: HttpRequest, session_key: str) -> None:
    row = {"last_seen_at": timezone.now(), "ip": get_adapter().get_client_ip(request)}
    is_known = UserSession.objects.filter(session_key=session_key).update(**row)
    # staff who act as somebody are none of that person's sign-ins
    if not is_known and SESSION_IMPERSONATOR not in request.session:
        UserSession.objects.create_from_request(request)


def begin_interval(session_key: str) -> bool:
    """Tell whether the use of a session is to be noted, which it is once in five minutes."""
    name = hashlib.sha256(session_key.encode()).hexdigest()
    return bool(cache.add(f"seen.{name}", 1, timeout=EVERY.total_seconds()))
