"""Ends what people are signed in with."""

from __future__ import annotations

import datetime as dt
import uuid

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F, QuerySet

from accounts.models import User
from accounts.services.audit import record_event
from accounts.services.refusals import SignInGone


@transaction.atomic
def end_sign_ins(*, user: User, now: dt.datetime, keep: str | None = None) -> None:
    """End every session and every token of a person; `keep` is the key of a session to spare.

    The rise of the version alone ends all: it is part of each token and of the hash that each
    session carries. Deleting the sessions empties the list that the person sees. Whoever spares
    a session gives it the new hash (`update_session_auth_hash`).
    """
    User.objects.filter(pk=user.pk).update(token_version=F("token_version") + 1, updated_at=now)
    user.refresh_from_db(fields=["token_version", "updated_at"])
    _end(UserSession.objects.filter(user_id=user.pk).exclude(session_key=keep or ""))


@transaction.atomic
def end_session(*, user: User, session_key: str) -> bool:
    """End one session of a person with its tokens; False when there is none."""
    return _end(UserSession.objects.filter(user_id=user.pk, session_key=session_key)) > 0


@transaction.atomic
def end_sign_in(
    *, user: User, sign_in_id: int, tenant_id: uuid.UUID | None, now: dt.datetime
) -> None:
    """End one browser or app of a person, with its tokens and sockets.

    Raises: SignInGone: the person has no such sign-in.
    """
    if not _end(UserSession.objects.filter(user_id=user.pk, pk=sign_in_id)):
        raise SignInGone
    _record(user, tenant_id, 1, now)


@transaction.atomic
def end_other_sign_ins(
    *, user: User, keep: str, tenant_id: uuid.UUID | None, now: dt.datetime
) -> int:
    """End all browsers and apps of a person but the session `keep`; return how many."""
    count = _end(UserSession.objects.filter(user_id=user.pk).exclude(session_key=keep))
    if count:
        _record(user, tenant_id, count, now)
    return count


def _end(rows: QuerySet[UserSession]) -> int:
    """Delete sessions: their tokens are refused from now on, sockets within five seconds."""
    keys = list(rows.values_list("session_key", flat=True))
    Session.objects.filter(session_key__in=keys).delete()
    rows.delete()
    return len(keys)


def _record(user: User, tenant_id: uuid.UUID | None, count: int, now: dt.datetime) -> None:
    record_event(
        action="session.revoked", now=now, tenant_id=tenant_id, obj=user, label=user.email,
        detail={"sessions": count},
    )  # fmt: skip
