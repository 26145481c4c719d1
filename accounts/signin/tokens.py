"""Signed tokens of apps: what they claim and how they are read.

HS256 with a key of their own, which `kid` names; the newest of JWT_KEYS signs. `type` is
access, refresh or session, and a token serves as nothing else; `sid` is the session that it
belongs to, encrypted, so that a token that leaks is no cookie; `ver` is the version of the
person that `end_sign_ins` raises.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

import jwt
from allauth.headless.tokens.strategies.jwt.internal import (
    session_key_from_sid,
    session_key_to_sid,
)
from django.conf import settings

from energy.lib.sealing import DERIVED

ACCESS, REFRESH, SESSION = "access", "refresh", "session"
AUDIENCE = "api"
ALGORITHM = "HS256"
LONGEST = 4096  # characters; a token of ours has about 600
# an app has this long between password and second factor
SESSION_SECONDS = 900
# tenant_id must be there too, but may be null, which PyJWT takes for missing
_REQUIRED = ["sub", "type", "ver", "sid", "jti", "iat", "nbf", "exp", "iss", "aud"]


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token of ours says, read and checked; whether it still holds is another question."""

    sub: str
    tenant_id: str | None
    version: int
    session_key: str
    jti: str


def lifetime(kind: str) -> int:
    """Return for how many seconds a token of this type is good."""
    seconds: int = {
        ACCESS: settings.HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN,
        REFRESH: settings.HEADLESS_JWT_REFRESH_TOKEN_EXPIRES_IN,
        SESSION: SESSION_SECONDS,
    }[kind]
    return seconds


def make_token(kind: str, claims: Claims, *, now: dt.datetime) -> str:
    """Sign a token."""
    issued = int(now.timestamp())
    payload = {
        "sub": claims.sub,
        "tenant_id": claims.tenant_id,
        "type": kind,
        "ver": claims.version,
        "sid": session_key_to_sid(claims.session_key),
        "jti": claims.jti,
        "iat": issued,
        "nbf": issued,
        "exp": issued + lifetime(kind),
        "iss": settings.PUBLIC_URL,
        "aud": AUDIENCE,
    }
    key_id, key = next(iter(settings.JWT_KEYS.items()))
    return jwt.encode(payload, key, algorithm=ALGORITHM, headers={"kid": key_id})


def read_token(token: str, kind: str) -> Claims | None:
    """Return the claims of a token of this type; None for anything else, whatever is wrong."""
    if len(token) > LONGEST:
        return None
    try:
        payload = jwt.decode(
            token,
            _key_of(token),
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=settings.PUBLIC_URL,
            options={"require": _REQUIRED, "strict_aud": True},
        )
        return _claims_of(payload) if payload["type"] == kind else None
    except (jwt.PyJWTError, KeyError, ValueError, TypeError):
        return None


def expiry_of(token: str) -> dt.datetime:
    """Return when a token that `read_token` has accepted ends, UTC."""
    payload = jwt.decode(token, options={"verify_signature": False})
    return dt.datetime.fromtimestamp(payload["exp"], dt.UTC)


def _key_of(token: str) -> str:
    """Return the key that a token names, which is only ever looked up by that name.

    Tokens without a name are those from before keys had names.

    Raises: KeyError, jwt.PyJWTError.
    """
    key_id = jwt.get_unverified_header(token).get("kid", DERIVED)
    key: str = settings.JWT_KEYS[key_id]
    return key


def _claims_of(payload: dict[str, Any]) -> Claims:
    tenant_id = payload["tenant_id"]
    session_key = session_key_from_sid(payload["sid"])
    if session_key is None or type(payload["ver"]) is not int:
        raise ValueError("sid or ver")
    return Claims(
        sub=payload["sub"],
        tenant_id=None if tenant_id is None else str(uuid.UUID(tenant_id)),
        version=payload["ver"],
        session_key=session_key,
        jti=payload["jti"],
    )
