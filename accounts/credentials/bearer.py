"""Requests of apps, signed with `Authorization: Bearer`."""

from __future__ import annotations

from django.http import HttpRequest

from accounts.credentials.base import Credential, CredentialRefused
from accounts.identity import Acting, choose_acting
from accounts.models import User
from accounts.signin.refreshing import person_of
from accounts.signin.tokens import ACCESS, read_token

SCHEME = "bearer"


def read_bearer(request: HttpRequest) -> Credential | None:
    """Return who sends the access token; None without the header.

    Raises:
        CredentialRefused: another scheme, or a token that is not good.
    """
    header = request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _space, token = header.partition(" ")
    if scheme.lower() != SCHEME:
        raise CredentialRefused("invalid_token", "Authorization must be: Bearer <access token>.")
    return user_of_token(token.strip())


def session_key_of(request: HttpRequest) -> str:
    """Return the key of the session that the access token of a request belongs to, else ""."""
    token = request.headers.get("Authorization", "").partition(" ")[2]
    claims = read_token(token.strip(), ACCESS)
    return claims.session_key if claims else ""


def user_of_token(token: str) -> Credential:
    """Return who an access token is for, and the tenant that it names.

    Reads the session and the person each time: what was ended is refused at once.

    Raises:
        CredentialRefused: the same answer whatever is wrong.
    """
    claims = read_token(token, ACCESS)
    found = person_of(claims) if claims else None
    if claims is None or found is None:
        raise _refusal()
    return Credential(found[0], _acting(found[0], claims.tenant_id))


def _acting(user: User, tenant_id: str | None) -> Acting | None:
    acting = choose_acting(user, tenant_id)
    if tenant_id is not None and (acting is None or str(acting.tenant_id) != tenant_id):
        raise _refusal()  # no longer of this tenant
    return acting


def _refusal() -> CredentialRefused:
    return CredentialRefused("invalid_token", "The access token is not valid; refresh it.")
