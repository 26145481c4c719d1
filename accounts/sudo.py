"""Sudo mode: sensitive acts need an authentication of the last ten minutes.

allauth keeps, in the session, when and how the person authenticated. A sign-in counts as
well as the page that asks for the password or the second factor again; apps authenticate
again with /_allauth/app/v1/auth/reauthenticate. Nobody acts as somebody else in sudo mode.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from functools import wraps
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.headless.internal.sessionkit import lookup_session
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from accounts.services.audit import record_event

View = Callable[..., HttpResponse]
SUDO_TIME = dt.timedelta(minutes=10)
SESSION_IMPERSONATOR = "impersonator_id"
SESSION_RECORDED = "sudo_recorded_at"
SESSION_KEPT = "sudo_kept_form"


def requires_sudo(view: View) -> View:
    """Ask for the password or the second factor before a function view runs.

    Stands inside of what asks for sign-in and permission. A form that was sent too late is
    asked for again: it is not kept.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return ask_for_sudo(request) or view(request, *args, **kwargs)

    guarded.requires_sudo = True  # type: ignore[attr-defined]
    return guarded


class SudoRequiredMixin:
    """`requires_sudo` for class-based views."""

    requires_sudo = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Ask first."""
        answer = ask_for_sudo(request)
        return answer or super().dispatch(request, *args, **kwargs)  # type: ignore[misc]


def ask_for_sudo(request: HttpRequest, *, then: str | None = None) -> HttpResponse | None:
    """Return None in sudo mode, else a redirect to the page that asks.

    Args: then: where to go on; by default the address of the request.

    Whoever acts as somebody else is refused.
    """
    if SESSION_IMPERSONATOR in request.session:
        return refuse_impersonator(request)
    now = timezone.now()
    if is_in_sudo_mode(request, now=now):
        _record_once(request, now)
        return None
    return _ask(request, then or request.get_full_path())


def ask_keeping(request: HttpRequest, values: Mapping[str, Any]) -> HttpResponse | None:
    """As `ask_for_sudo` before a form is saved; `kept_values` gives back what was in it.

    Args: values: plain ones, without secrets: they wait in the session.
    """
    answer = ask_for_sudo(request)
    if answer is not None and SESSION_IMPERSONATOR not in request.session:
        request.session[SESSION_KEPT] = {"path": request.path, "values": dict(values)}
    return answer


def kept_values(request: HttpRequest) -> dict[str, Any]:
    """Return, once, what stood in this page's form when the person had to authenticate."""
    kept = request.session.get(SESSION_KEPT)
    if request.method != "GET" or kept is None or kept["path"] != request.path:
        return {}
    del request.session[SESSION_KEPT]
    if not is_in_sudo_mode(request, now=timezone.now()):  # went away, and came back later
        return {}
    messages.info(request, _("Thank you. Check what you entered, and save it once more."))
    values: dict[str, Any] = kept["values"]
    return values


def _ask(request: HttpRequest, then: str) -> HttpResponse:
    methods = get_adapter().get_reauthentication_methods(request.user)
    # without a password or a second factor only signing in again proves who it is
    page = methods[0]["url"] if methods else resolve_url("account_logout")
    query = urlencode({REDIRECT_FIELD_NAME: then})
    return HttpResponseRedirect(f"{page}?{query}")


def refuse_impersonator(request: HttpRequest) -> HttpResponse:
    """Answer 403 with the reason: some things belong to the person alone."""
    if request.path.startswith("/api/"):
        raise PermissionDenied
    return render(request, "hijack/refused.html", status=HTTPStatus.FORBIDDEN)


def may_go_on(request: HttpRequest, *, session_key: str, now: dt.datetime) -> bool:
    """Tell whether a call of the API is in sudo mode.

    Args: session_key: of the access token; "" for the cookie's session.
    """
    if not session_key:
        if SESSION_IMPERSONATOR in request.session or not is_in_sudo_mode(request, now=now):
            return False
        _record_once(request, now)
        return True
    session = lookup_session(session_key)
    return session is not None and _is_fresh(_latest(request, session), now)


def is_in_sudo_mode(request: HttpRequest, *, now: dt.datetime) -> bool:
    """Tell whether the person authenticated within the last ten minutes."""
    return _is_fresh(_authenticated_at(request), now)


def _is_fresh(at: float | None, now: dt.datetime) -> bool:
    return at is not None and 0 <= now.timestamp() - at < SUDO_TIME.total_seconds()


def _authenticated_at(request: HttpRequest) -> float | None:
    return _latest(request, request.session)


def _latest(request: HttpRequest, session: SessionBase) -> float | None:
    """Return when the request's user authenticated in a session; seconds since 1970."""
    holder = SimpleNamespace(session=session)
    records: list[dict[str, Any]] = get_authentication_records(holder, request.user)  # type: ignore[arg-type]
    return max((record["at"] for record in records), default=None)


def _record_once(request: HttpRequest, now: dt.datetime) -> None:
    """Write one audit event for each authentication that sudo mode rests on."""
    at = _authenticated_at(request)
    if request.session.get(SESSION_RECORDED) == at:
        return
    acting = getattr(request, "acting", None)
    record_event(
        action="sudo.entered",
        now=now,
        tenant_id=acting.tenant_id if acting else None,
        obj=request.user,  # type: ignore[arg-type]
        label=request.user.get_username(),
    )
    request.session[SESSION_RECORDED] = at
