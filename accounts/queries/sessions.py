"""Where a person is signed in."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from allauth.usersessions.models import UserSession
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils.crypto import constant_time_compare

from accounts.models import User
from accounts.signin.programs import name_program


@dataclass(frozen=True, slots=True)
class SignIn:
    """A browser or an app in which somebody is signed in.

    `program` and `system` are as the program says, "" when it does not; `ip` is the address
    of its last use.
    """

    id: int
    is_app: bool
    program: str
    system: str
    ip: str
    signed_in_at: dt.datetime
    last_used_at: dt.datetime
    is_current: bool


def list_sign_ins(user: User, *, current_key: str, now: dt.datetime) -> list[SignIn]:
    """Return the sign-ins of a person that still work, this one first, then the latest used.

    Two queries.
    """
    rows = {row.session_key: row for row in UserSession.objects.filter(user_id=user.pk)}
    living = Session.objects.filter(session_key__in=list(rows), expire_date__gt=now)
    expected = user.get_session_auth_hash()
    found = [
        _describe(rows[session.session_key], current_key)
        for session in living
        if constant_time_compare(session.get_decoded().get(HASH_SESSION_KEY, ""), expected)
    ]
    found.sort(key=lambda one: one.last_used_at, reverse=True)
    return sorted(found, key=lambda one: not one.is_current)


def _describe(row: UserSession, current_key: str) -> SignIn:
    program, system = name_program(row.user_agent)
    return SignIn(
        id=row.pk,
        is_app="refresh" in row.data,
        program=program,
        system=system,
        ip=row.ip,
        signed_in_at=row.created_at,
        last_used_at=row.last_seen_at,
        is_current=row.session_key == current_key,
    )
