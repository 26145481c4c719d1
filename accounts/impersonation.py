"""Impersonation in the session: it begins, shows, keeps secrets away, and ends.

hijack keeps who really sits there in `hijack_history`; ours stand beside it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth import BACKEND_SESSION_KEY, login
from django.contrib.auth.signals import user_logged_out
from django.core.exceptions import PermissionDenied
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from hijack import signals
from hijack.views import AcquireUserView

from accounts.models import User
from accounts.services.impersonation import end_impersonation, may_impersonate, start_impersonation
from accounts.sudo import SESSION_IMPERSONATOR, refuse_impersonator

SESSION_HISTORY = "hijack_history"
SESSION_UNTIL = "impersonation_until"  # seconds since 1970
SESSION_REASON = "impersonation_reason"
SESSION_VERSION = "impersonator_token_version"
# what belongs to the person alone: passwords, factors, sessions, tokens, keys
_SECRET_NAMES = (
    "account_", "mfa_", "usersessions_", "socialaccount_", "headless", "settings-key",
    "settings-session", "api-key", "api-session", "admin:accounts_apikey", "admin:password_change",
)  # fmt: skip
_SECRET_PATHS = ("/_allauth/", "/accounts/", "/settings/keys", "/api/v1/keys", "/api/v1/auth",
                 "/api/v1/sessions")  # fmt: skip
_OPEN_NAMES = frozenset({"account_logout"})


def is_impersonating(session: Mapping[str, Any]) -> bool:
    """Tell whether a session is of staff who act as somebody else."""
    return SESSION_IMPERSONATOR in session or bool(session.get(SESSION_HISTORY))


def is_over(session: Mapping[str, Any], *, now: dt.datetime) -> bool:
    """Tell whether the time of an impersonation has passed."""
    return is_impersonating(session) and now.timestamp() >= session.get(SESSION_UNTIL, 0.0)


def end_of_impersonation(session: Mapping[str, Any]) -> dt.datetime | None:
    """Return when the impersonation of a session ends, UTC; None without one."""
    if not is_impersonating(session):
        return None
    return dt.datetime.fromtimestamp(session.get(SESSION_UNTIL, 0.0), dt.UTC)


def begin(request: HttpRequest, *, user: User, reason: str, now: dt.datetime) -> HttpResponse:
    """Turn the session of staff into one of the user's; the form carries `user_pk`.

    Raises:
        ReasonMissing, NotImpersonable.
        PermissionDenied: the session acts as somebody already.
    """
    if is_impersonating(request.session):
        raise PermissionDenied(_("End this impersonation before you begin another."))
    staff = request.user
    staff_id, version = str(staff.pk), staff.token_version  # type: ignore[union-attr]
    until = start_impersonation(staff=staff, user=user, reason=reason, now=now)  # type: ignore[arg-type]
    answer = AcquireUserView.as_view(success_url=reverse("home"))(request)
    request.session[SESSION_IMPERSONATOR] = staff_id
    request.session[SESSION_UNTIL] = until.timestamp()
    request.session[SESSION_REASON] = reason.strip()
    request.session[SESSION_VERSION] = version
    # a session that nobody uses any more ends too
    request.session.set_expiry(until + dt.timedelta(minutes=5))
    return answer


@require_POST
def end_view(request: HttpRequest) -> HttpResponse:
    """End by the banner's button, and go back to the user's page in the admin."""
    if not request.user.is_authenticated or not is_impersonating(request.session):
        raise PermissionDenied
    user_id = request.user.pk
    if not give_back(request, cause="button", now=timezone.now()):
        return redirect("account_login")
    return redirect("admin:accounts_user_change", user_id)


def give_back(request: HttpRequest, *, cause: str, now: dt.datetime) -> bool:
    """Make the session the staff's again; False, and signed out, if they lost the right."""
    session, user = request.session, request.user
    staff_id = str(session.get(SESSION_IMPERSONATOR) or session[SESSION_HISTORY][-1])
    version = session.get(SESSION_VERSION)
    end_impersonation(staff_id=staff_id, user=user, cause=cause, now=now)  # type: ignore[arg-type]
    staff = User.objects.filter(pk=staff_id, is_active=True, is_staff=True).first()
    backend = session[BACKEND_SESSION_KEY]
    session.flush()
    if staff is None or staff.token_version != version:
        return False
    with signals.no_update_last_login():
        login(request, staff, backend=backend)
    signals.hijack_ended.send(sender=None, request=request, hijacker=staff, hijacked=user)
    return True


@receiver(user_logged_out)
def record_end_on_sign_out(request: HttpRequest | None, user: Any, **_kwargs: Any) -> None:
    """Write the end also when staff sign out altogether."""
    session = getattr(request, "session", None)
    if session is not None and user is not None and SESSION_IMPERSONATOR in session:
        staff_id = session[SESSION_IMPERSONATOR]
        end_impersonation(staff_id=staff_id, user=user, cause="sign_out", now=timezone.now())


class ImpersonationMiddleware:
    """Ends impersonation in time, and keeps a person's secrets from who acts as them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Hand the request on as long as the impersonation lasts."""
        if not is_impersonating(request.session) or not request.user.is_authenticated:
            return self.get_response(request)
        now = timezone.now()
        if is_over(request.session, now=now):
            return self._end(request, cause="time", now=now)
        if not _has_right(request):
            return self._end(request, cause="rights", now=now)
        until = dt.datetime.fromtimestamp(request.session[SESSION_UNTIL], dt.UTC)
        request.impersonated_until = until  # type: ignore[attr-defined]
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Refuse what shows or changes secrets."""
        match = request.resolver_match
        if (
            match
            and is_impersonating(request.session)
            and _is_secret(match.view_name, request.path)
        ):
            return refuse_impersonator(request)
        return None

    def _end(self, request: HttpRequest, *, cause: str, now: dt.datetime) -> HttpResponse:
        if not give_back(request, cause=cause, now=now):
            answer: HttpResponse = redirect("account_login")
        else:
            messages.info(request, _("The impersonation has ended: its time is over."))
            answer = redirect("admin:index")
        if request.path.startswith(("/api/", "/_allauth/")):
            return HttpResponse(status=401)
        return _as_whole_page(request, answer)


def _has_right(request: HttpRequest) -> bool:
    session = request.session
    staff = User.objects.filter(pk=session[SESSION_HISTORY][-1]).first()
    return (
        staff is not None
        and staff.token_version == session.get(SESSION_VERSION)
        and may_impersonate(hijacker=staff, hijacked=request.user)  # type: ignore[arg-type]
    )


def _is_secret(name: str, path: str) -> bool:
    if name in _OPEN_NAMES:
        return False
    return name.startswith(_SECRET_NAMES) or path.startswith(_SECRET_PATHS)


def _as_whole_page(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    """Let htmx load the page anew instead of putting it into a part of the old one."""
    if request.headers.get("HX-Request") and isinstance(answer, HttpResponseRedirect):
        return HttpResponse(headers={"HX-Redirect": answer.url})
    return answer
