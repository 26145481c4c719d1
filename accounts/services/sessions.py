"""Ends what people are signed in with."""

from __future__ import annotations

import datetime as dt

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F

from accounts.models import User


@transaction.atomic
def end_sign_ins(*, user: User, now: dt.datetime, keep: str | None = None) -> None:
    """End every session and every token of a person; `keep` is the key of a session to spare.

    The rise of the version alone ends all: it is part of each token and of the hash that each
    session carries. Deleting the sessions empties the list that the person sees. Whoever spares
    a session gives it the new hash (`update_session_auth_hash`).
    """
    User.objects.filter(pk=user.pk).update(token_version=F("token_version") + 1, updated_at=now)
    user.refresh_from_db(fields=["token_version", "updated_at"])
    ended = UserSession.objects.filter(user_id=user.pk).exclude(session_key=keep or "")
    Session.objects.filter(
        session_key__in=list(ended.values_list("session_key", flat=True))
    ).delete()
    ended.delete()


@transaction.atomic
def end_session(*, user: User, session_key: str) -> bool:
    """End one session of a person with its tokens; False when there is none."""
    ended, _rows = UserSession.objects.filter(user_id=user.pk, session_key=session_key).delete()
    if ended:
        Session.objects.filter(session_key=session_key).delete()
    return bool(ended)
