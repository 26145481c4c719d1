"""Who opens a socket, and whether open sockets may stay open."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.http import parse_cookie
from django.utils.crypto import constant_time_compare

from accounts.identity import SESSION_TENANT, choose_acting
from accounts.models import Membership, User
from telemetry.live.database import in_database

UNAUTHORIZED = 4401
FORBIDDEN = 4403


class SignInRefused(Exception):
    """The socket is accepted and closed at once with `code`."""

    def __init__(self, code: int) -> None:
        super().__init__(f"close code {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Identity:
    """A user acting for a tenant until `expires_at`, on the strength of a session."""

    user_id: uuid.UUID
    tenant_id: uuid.UUID
    session_key: str
    session_hash: str
    expires_at: dt.datetime


# Each takes the scope and the time and answers None when it is not its way of signing in.
SignIn = Callable[[Mapping[str, Any], dt.datetime], Identity | None]


def sign_in_by_cookie(scope: Mapping[str, Any], now: dt.datetime) -> Identity | None:
    """Sign in with the session of our own pages.

    Raises:
        SignInRefused: signed in, but a member of no active tenant.
    """
    session = _find_session(scope, now)
    content = session.get_decoded() if session else {}
    user = _find_user(content)
    if session is None or user is None:
        return None
    acting = choose_acting(user, content.get(SESSION_TENANT))
    if acting is None or acting.kind != "member":
        raise SignInRefused(FORBIDDEN)
    return Identity(
        user.id,
        acting.tenant_id,
        session.session_key,
        content[HASH_SESSION_KEY],
        session.expire_date,
    )


WAYS_TO_SIGN_IN: tuple[SignIn, ...] = (sign_in_by_cookie,)


@in_database
def sign_in(scope: Mapping[str, Any], *, now: dt.datetime) -> Identity:
    """Return who opens the socket.

    Raises:
        SignInRefused
    """
    for way in WAYS_TO_SIGN_IN:
        identity = way(scope, now)
        if identity is not None:
            return identity
    raise SignInRefused(UNAUTHORIZED)


@in_database
def find_ended(identities: Collection[Identity], *, now: dt.datetime) -> set[Identity]:
    """Return those whose session, user, password or membership is not what it was.

    Two queries, however many there are.
    """
    sessions = set(
        Session.objects.filter(
            session_key__in={identity.session_key for identity in identities}, expire_date__gt=now
        ).values_list("session_key", flat=True)
    )
    members = {
        (membership.user_id, membership.tenant_id): membership.user
        for membership in Membership.objects.filter(
            user_id__in={identity.user_id for identity in identities},
            user__is_active=True,
            tenant__is_active=True,
        ).select_related("user")
    }
    return {
        identity
        for identity in identities
        if identity.session_key not in sessions
        or not _has_same_password(members.get((identity.user_id, identity.tenant_id)), identity)
    }


def _find_session(scope: Mapping[str, Any], now: dt.datetime) -> Session | None:
    headers: dict[bytes, bytes] = dict(scope["headers"])
    cookies = parse_cookie(headers.get(b"cookie", b"").decode("latin-1"))
    session_key = cookies.get(settings.SESSION_COOKIE_NAME, "")
    if not session_key or "\0" in session_key:
        return None
    return Session.objects.filter(session_key=session_key, expire_date__gt=now).first()


def _find_user(content: Mapping[str, Any]) -> User | None:
    if content.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    try:
        user = User.objects.filter(id=content[SESSION_KEY], is_active=True).first()
    except ValidationError:  # the key of another user model
        return None
    if user is None or not _matches(content.get(HASH_SESSION_KEY, ""), user):
        return None
    return user


def _has_same_password(user: User | None, identity: Identity) -> bool:
    return user is not None and _matches(identity.session_hash, user)


def _matches(session_hash: str, user: User) -> bool:
    return constant_time_compare(session_hash, user.get_session_auth_hash())
