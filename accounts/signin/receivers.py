"""What allauth and Django tell about sign-ins: it is recorded, and ends what it must end."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from allauth.account.signals import (
    password_changed,
    password_reset,
    password_set,
    user_logged_in,
)
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
)
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.auth.signals import user_logged_in as django_user_logged_in
from django.contrib.auth.signals import user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from accounts.actor import Actor, actor_of
from accounts.identity import choose_acting
from accounts.models import User
from accounts.services.audit import record_event
from accounts.services.sessions import end_sign_ins
from accounts.signin.activity import begin_interval


@receiver(user_logged_in)
def on_signed_in(request: HttpRequest, user: User, **_kwargs: Any) -> None:
    """Record a sign-in that is complete, second factor and all."""
    _record("session.signed_in", request, user)


@receiver(django_user_logged_in)
def on_new_session(request: HttpRequest, **_kwargs: Any) -> None:
    """Let the list of sign-ins know a session as used from its first moment."""
    begin_interval(request.session.session_key or "")


@receiver(user_logged_out)
def on_signed_out(request: HttpRequest | None, user: Any, **_kwargs: Any) -> None:
    """Record a sign-out."""
    if request is not None and isinstance(user, User):
        record_sign_out(request, user)


def record_sign_out(request: HttpRequest, user: User) -> None:
    """Record the end of a session; an app's token is not the request's user."""
    who = replace(actor_of(request), kind="user", id=user.pk, label=user.email)
    _record("session.signed_out", request, user, actor=who)


@receiver(user_login_failed)
def on_failed(request: HttpRequest | None, credentials: dict[str, Any], **_kwargs: Any) -> None:
    """Record a wrong password in the platform's chain, alike for known and unknown accounts."""
    if request is None:
        return
    name = str(credentials.get("email") or credentials.get("username") or "")
    record_event(
        action="sign_in.failed", now=timezone.now(), tenant_id=None, label=name,
        detail={"step": "password"}, actor=actor_of(request),
    )  # fmt: skip


@receiver(authentication_failed)
def on_second_step_failed(request: HttpRequest, user: User, **_kwargs: Any) -> None:
    """Record a wrong code."""
    _record("sign_in.failed", request, user, step="second factor")


@receiver([password_changed, password_reset, password_set])
def on_new_password(request: HttpRequest, user: User, **_kwargs: Any) -> None:
    """End everything that was signed in, but the browser in which the password was changed."""
    is_own = request.user.is_authenticated and request.user.pk == user.pk
    keep = request.session.session_key if is_own else None
    end_sign_ins(user=user, now=timezone.now(), keep=keep)
    if is_own:
        request.session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    _record("password.changed", request, user)


@receiver([authenticator_added, authenticator_reset])
def on_factor_added(
    request: HttpRequest, user: User, authenticator: Authenticator, **_kwargs: Any
) -> None:
    """Record a new authenticator or new recovery codes."""
    _record("mfa.added", request, user, type=str(authenticator.type))


@receiver(authenticator_removed)
def on_factor_removed(
    request: HttpRequest, user: User, authenticator: Authenticator, **_kwargs: Any
) -> None:
    """Record that one is gone."""
    _record("mfa.removed", request, user, type=str(authenticator.type))


def _record(
    action: str, request: HttpRequest, user: User, actor: Actor | None = None, **detail: str
) -> None:
    record_event(
        action=action, now=timezone.now(), tenant_id=home_of(user), obj=user,
        detail=detail, actor=actor or actor_of(request),
    )  # fmt: skip


def home_of(user: User) -> uuid.UUID | None:
    """Return the tenant whose trail speaks of a person; None, the platform's, without one."""
    acting = choose_acting(user, None)
    return acting.tenant_id if acting and acting.kind == "member" else None
