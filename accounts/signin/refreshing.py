"""The family of tokens of one session: one refresh token is good at a time.

What was issued stands in the row of `UserSession`, not in the session itself, which other
requests of the app load and save as a whole.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid

from allauth.core.internal.sessionkit import get_session_user
from allauth.headless.internal.sessionkit import lookup_session
from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction

from accounts.identity import SESSION_TENANT, choose_acting
from accounts.models import User
from accounts.services.audit import record_event
from accounts.services.sessions import end_session
from accounts.signin.tokens import ACCESS, REFRESH, Claims, make_token, read_token
from energy.lib.sealing import Purpose, seal, unseal

# an app whose network failed asks again with the token it has, and gets the same answer
SAME_ANSWER = dt.timedelta(seconds=30)
_PURPOSE = Purpose.REFRESH_ANSWER
_STATE = "refresh"


def issue_tokens(*, user: User, session: SessionBase, now: dt.datetime) -> tuple[str, str]:
    """Begin a family for a session that somebody signed in to; return access and refresh token.

    Its row of `UserSession` must exist.
    """
    tokens, jti = _make_pair(user, session, now)
    rows = UserSession.objects.filter(user_id=user.pk, session_key=session.session_key)
    rows.update(data={_STATE: {"jti": jti}}, last_seen_at=now)
    return tokens


def person_of(claims: Claims) -> tuple[User, SessionBase] | None:
    """Return who a token is for, while its session lives and the person's version is the same."""
    session = lookup_session(claims.session_key)
    user = get_session_user(session) if session is not None else None
    if session is None or not isinstance(user, User):
        return None
    if str(user.pk) != claims.sub or user.token_version != claims.version:
        return None
    return user, session


@transaction.atomic
def refresh_tokens(token: str, *, now: dt.datetime) -> tuple[str, str] | None:
    """Trade a refresh token for the next pair; None when it is not good.

    A token that was traded before gets the same answer for 30 seconds; after that somebody
    has a copy of it, and the session ends.
    """
    claims = read_token(token, REFRESH)
    row = _lock(claims) if claims else None
    found = person_of(claims) if claims and row else None
    if claims is None or row is None or found is None:
        return None
    user, session = found
    state = row.data.get(_STATE, {})
    if claims.jti == state.get("jti"):
        return _rotate(row, user, session, now)
    if claims.jti == state.get("before") and now <= _instant(state) + SAME_ANSWER:
        access, refresh = json.loads(unseal(state["answer"], purpose=_PURPOSE))
        return access, refresh
    end_session(user=user, session_key=row.session_key)
    record_event(
        action="session.revoked", now=now, tenant_id=_home(user), obj=user,
        detail={"reason": "a refresh token was used twice"},
    )  # fmt: skip
    return None


def _rotate(
    row: UserSession, user: User, session: SessionBase, now: dt.datetime
) -> tuple[str, str]:
    tokens, jti = _make_pair(user, session, now)
    row.data[_STATE] = {
        "before": row.data[_STATE]["jti"],
        "jti": jti,
        "at": now.isoformat(),
        "answer": seal(json.dumps(tokens), purpose=_PURPOSE),
    }
    row.last_seen_at = now
    row.save(update_fields=["data", "last_seen_at"])
    session.save()  # it lives on as long as it is refreshed
    return tokens


def _make_pair(user: User, session: SessionBase, now: dt.datetime) -> tuple[tuple[str, str], str]:
    """Return an access and a refresh token, and the id of the latter."""
    acting = choose_acting(user, session.get(SESSION_TENANT))
    tenant_id = str(acting.tenant_id) if acting else None

    def make(kind: str, jti: str) -> str:
        key = session.session_key or ""
        claims = Claims(str(user.pk), tenant_id, user.token_version, key, jti)
        return make_token(kind, claims, now=now)

    jti = str(uuid.uuid4())
    return (make(ACCESS, str(uuid.uuid4())), make(REFRESH, jti)), jti


def _lock(claims: Claims) -> UserSession | None:
    rows = UserSession.objects.select_for_update().filter(session_key=claims.session_key)
    return rows.first()


def _instant(state: dict[str, str]) -> dt.datetime:
    return dt.datetime.fromisoformat(state["at"])


def _home(user: User) -> uuid.UUID | None:
    acting = choose_acting(user, None)
    return acting.tenant_id if acting else None
