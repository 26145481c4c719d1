"""Who opens a socket, and whether open sockets may stay open.

A socket is signed in by the cookie of our own pages, by an access token
(`Sec-WebSocket-Protocol: ems.v1, bearer.<token>`), by an API key (`X-API-Key`), by a
ticket (`?token=`, thirty seconds, once), or by its first message.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.http import HttpRequest, parse_cookie
from django.utils.crypto import constant_time_compare

from accounts.credentials.api_key import credential_of_key, is_alive
from accounts.credentials.base import Credential, CredentialRefused
from accounts.credentials.bearer import user_of_token
from accounts.credentials.secrets import MARK
from accounts.identity import SESSION_TENANT, Acting, choose_acting
from accounts.impersonation import end_of_impersonation
from accounts.models import ApiKey, Tenant, User
from accounts.rbac.access import NOTHING, access_of
from accounts.signin.gate import lacks_second_factor
from accounts.signin.tokens import ACCESS, expiry_of, read_token
from accounts.tenancy import all_tenants
from devices.live_types import GUEST_TYPES, visible_types
from telemetry.live import tickets
from telemetry.live.database import in_database
from telemetry.live.guests import may_watch_something
from telemetry.live.identity import NEVER, Identity

UNAUTHORIZED = 4401
FORBIDDEN = 4403
PERMISSION = "read:telemetry"
GUEST = "guest"
BEARER = "bearer."


class SignInRefused(Exception):
    """The socket is accepted and closed at once with `code`."""

    def __init__(self, code: int) -> None:
        super().__init__(f"close code {code}")
        self.code = code


@in_database
def sign_in(scope: Mapping[str, Any], *, now: dt.datetime) -> Identity | None:
    """Return who opens the socket; None when the request says nothing about it.

    Raises:
        SignInRefused: what it says is not good.
    """
    headers: dict[bytes, bytes] = dict(scope["headers"])
    ticket = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token")
    if ticket:
        return _checked(tickets.take_ticket(ticket[-1]))
    for offered in scope.get("subprotocols") or ():
        if offered.startswith(BEARER):
            return identify(offered.removeprefix(BEARER), now=now)
    if key := headers.get(b"x-api-key"):
        return identify(key.decode("latin-1"), now=now)
    return _sign_in_by_cookie(headers, now)


@in_database
def sign_in_by_message(secret: str, *, now: dt.datetime) -> Identity:
    """Return who the token or key of the first message is.

    Raises:
        SignInRefused
    """
    return identify(secret, now=now)


def identify(secret: str, *, now: dt.datetime) -> Identity:
    """Return who an access token or an API key is.

    Raises:
        SignInRefused
    """
    try:
        if secret.startswith(f"{MARK}_"):
            return _identity_of_key(credential_of_key(secret, now=now), now)
        return _identity_of_token(secret, user_of_token(secret))
    except CredentialRefused as error:
        raise SignInRefused(UNAUTHORIZED) from error


def identity_of_request(request: HttpRequest, *, now: dt.datetime) -> Identity:
    """Return who sends a request to the API, as a socket would be.

    Raises:
        SignInRefused
    """
    if bearer := request.headers.get("Authorization", "").partition(" ")[2]:
        return identify(bearer.strip(), now=now)
    if api_key := request.headers.get("X-API-Key"):
        return identify(api_key, now=now)
    cookie = request.headers.get("Cookie", "").encode("latin-1")
    return _checked(_sign_in_by_cookie({b"cookie": cookie}, now))


@in_database
def find_standing(
    identities: Collection[Identity], *, now: dt.datetime
) -> dict[Identity, frozenset[str]]:
    """Return those whose session, token, key, person and right are what they were.

    Each with the types of events that it may see.

    Three queries, and some for each person who acts for a customer's tenant or whose rights
    come from elsewhere than a membership.
    """
    sessions = set(
        Session.objects.filter(
            session_key__in={i.session_key for i in identities if i.session_key},
            expire_date__gt=now,
        ).values_list("session_key", flat=True)
    )
    users = {
        user.pk: user
        for user in User.objects.filter(
            pk__in={i.user_id for i in identities if i.user_id}, is_active=True
        )
    }
    keys = _living_keys({i.key_id for i in identities if i.key_id}, now)
    codes = ((i, _codes_still(i, sessions, users, keys, now)) for i in identities)
    return {i: _types_of(i, found) for i, found in codes if found is not None}


def _types_of(identity: Identity, codes: frozenset[str]) -> frozenset[str]:
    return GUEST_TYPES if identity.is_guest else visible_types(codes.__contains__)


def _codes_still(
    identity: Identity,
    sessions: set[str],
    users: Mapping[uuid.UUID, User],
    keys: Mapping[uuid.UUID, frozenset[str]],
    now: dt.datetime,
) -> frozenset[str] | None:
    """Return the permissions of an identity; None when it ended."""
    if identity.key_id is not None:
        return keys.get(identity.key_id)
    user = users.get(identity.user_id) if identity.user_id else None
    if user is None or identity.session_key not in sessions:
        return None
    if identity.version is not None:
        is_same = identity.version == user.token_version and identity.expires_at > now
    else:
        is_same = _matches(identity.session_hash, user) and identity.ends_at > now
    acting = _acting_still(user, identity) if is_same else None
    return acting.codes if acting is not None and _may_watch(user, acting) else None


def _acting_still(user: User, identity: Identity) -> Acting | None:
    """Return what the person acts as; None when that changed.

    A member who became a guest may no longer see what the socket shows, and a guest who
    became a member signs in anew.
    """
    if not identity.is_guest:
        acting = choose_acting(user, str(identity.tenant_id))
        is_same = acting is not None and acting.tenant_id == identity.tenant_id
        return acting if is_same and acting and not _is_guest(acting) else None
    if identity.tenant_id in access_of(user).grants:
        return None
    tenant = Tenant.objects.filter(id=identity.tenant_id, is_active=True).first()
    return Acting(tenant, NOTHING, "", GUEST) if tenant else None


def _living_keys(ids: set[uuid.UUID], now: dt.datetime) -> dict[uuid.UUID, frozenset[str]]:
    if not ids:
        return {}
    with all_tenants():  # sockets of all tenants are looked after together
        keys = ApiKey.objects.filter(is_alive(now), id__in=ids, codes__contains=[PERMISSION])
        return {key: frozenset(codes) for key, codes in keys.values_list("id", "codes")}


def _may_watch(user: User, acting: Acting) -> bool:
    if lacks_second_factor(user, acting):
        return False
    if _is_guest(acting):
        return may_watch_something(user, acting.tenant_id)
    return PERMISSION in acting.codes


def _is_guest(acting: Acting) -> bool:
    return acting.kind == GUEST


def _checked(identity: Identity | None) -> Identity:
    if identity is None:
        raise SignInRefused(UNAUTHORIZED)
    return identity


def _identity_of_token(token: str, credential: Credential) -> Identity:
    claims = read_token(token, ACCESS)
    if claims is None:
        raise SignInRefused(UNAUTHORIZED)
    if credential.acting is None or not _may_watch(credential.user, credential.acting):
        raise SignInRefused(FORBIDDEN)
    return Identity(
        tenant_id=credential.acting.tenant_id,
        expires_at=expiry_of(token),
        user_id=credential.user.pk,
        session_key=claims.session_key,
        version=claims.version,
        is_guest=_is_guest(credential.acting),
    )


def _identity_of_key(credential: Credential, now: dt.datetime) -> Identity:
    acting = credential.acting
    if acting is None or PERMISSION not in acting.codes:
        raise SignInRefused(FORBIDDEN)
    far = now + dt.timedelta(days=1)  # its own end is looked at every few seconds
    return Identity(tenant_id=acting.tenant_id, expires_at=far, key_id=credential.user.key_id)


def _sign_in_by_cookie(headers: Mapping[bytes, bytes], now: dt.datetime) -> Identity | None:
    cookies = parse_cookie(headers.get(b"cookie", b"").decode("latin-1"))
    session_key = cookies.get(settings.SESSION_COOKIE_NAME, "")
    if not session_key:
        return None
    session = _find_session(session_key, now)
    content = session.get_decoded() if session else {}
    user = _find_user(content)
    if session is None or user is None:
        raise SignInRefused(UNAUTHORIZED)
    acting = choose_acting(user, content.get(SESSION_TENANT))
    if acting is None or not _may_watch(user, acting):
        raise SignInRefused(FORBIDDEN)
    return Identity(
        tenant_id=acting.tenant_id,
        expires_at=session.expire_date,
        ends_at=end_of_impersonation(content) or NEVER,
        user_id=user.id,
        session_key=session.session_key,
        session_hash=content[HASH_SESSION_KEY],
        is_guest=_is_guest(acting),
    )


def _find_session(session_key: str, now: dt.datetime) -> Session | None:
    if "\0" in session_key:
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


def _matches(session_hash: str, user: User) -> bool:
    return constant_time_compare(session_hash, user.get_session_auth_hash())
