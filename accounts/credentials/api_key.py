"""Requests of programs, signed with `X-API-Key`."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from accounts.credentials.base import Credential, CredentialRefused
from accounts.credentials.secrets import matches, parse_secret
from accounts.identity import Acting
from accounts.models import ApiKey
from accounts.rbac.backend import tenant_of
from accounts.rbac.registry import CODES, code_of
from accounts.tenancy import all_tenants, current_tenant_id

HEADER = "X-API-Key"
TOUCH_EVERY = dt.timedelta(minutes=1)
_NO_HASH = "0" * 64


class ApiKeyPrincipal(AnonymousUser):
    """What a program with a key is to the rest of the product: no person, but known.

    `key_codes` are its permissions, in `tenant_id` only.
    """

    is_active = True  # type: ignore[assignment]

    def __init__(self, key: ApiKey) -> None:
        self.key_id: uuid.UUID = key.id
        self.tenant_id: uuid.UUID = key.tenant_id
        self.key_codes: frozenset[str] = frozenset(key.codes) & CODES
        self.device_id: uuid.UUID | None = key.device_id
        self.name = str(key)

    def __str__(self) -> str:
        return self.name

    @property
    def is_authenticated(self) -> bool:  # type: ignore[override]
        """Tell that the key was valid."""
        return True

    @property
    def is_anonymous(self) -> bool:  # type: ignore[override]
        """Tell that this is somebody."""
        return False

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Tell whether the key has the permission, in its own tenant."""
        tenant_id = current_tenant_id() if obj is None else tenant_of(obj)
        if self.device_id is not None and obj is not None and obj.pk != self.device_id:
            return False
        return tenant_id == self.tenant_id and code_of(perm) in self.key_codes


def read_api_key(request: HttpRequest) -> Credential | None:
    """Return who sends the key; None without the header.

    Raises:
        CredentialRefused: unknown, wrong, expired, revoked, or of an inactive tenant; the
        same answer for all of them.
    """
    text = request.headers.get(HEADER)
    return None if text is None else credential_of_key(text, now=timezone.now())


def credential_of_key(text: str, *, now: dt.datetime) -> Credential:
    """Return who a key is; one query, and one a minute for the time of its last use.

    Raises:
        CredentialRefused
    """
    sent = parse_secret(text.strip())
    key = _find(sent.prefix, now) if sent else None
    # an unknown prefix costs what a wrong secret costs
    is_right = matches(sent.secret if sent else "", key.hashed if key else _NO_HASH)
    if key is None or not is_right:
        raise CredentialRefused("invalid_api_key", "The API key is not valid.")
    _touch(key, now)
    principal = ApiKeyPrincipal(key)
    rows = rows_of_device(key.device_id) if key.device_id else {}
    return Credential(principal, Acting(key.tenant, principal.key_codes, key.name, "key", rows))


def rows_of_device(device_id: uuid.UUID) -> dict[str, Q]:
    """Return what the key of a device reaches, by model label."""
    return {
        "devices.Device": Q(pk=device_id),
        "devices.Channel": Q(device=device_id),
        "telemetry.LatestValue": Q(channel__device=device_id),
    }


def is_alive(now: dt.datetime) -> Q:
    """Return the condition for keys that may be used."""
    return Q(revoked_at__isnull=True, tenant__is_active=True) & (
        Q(expires_at__isnull=True) | Q(expires_at__gt=now)
    )


def _find(prefix: str, now: dt.datetime) -> ApiKey | None:
    with all_tenants():  # the key tells which tenant
        keys = ApiKey.objects.filter(is_alive(now), prefix=prefix)
        return keys.select_related("tenant", "tenant__plan").first()


def _touch(key: ApiKey, now: dt.datetime) -> None:
    if key.last_used_at is not None and now - key.last_used_at < TOUCH_EVERY:
        return
    with all_tenants():
        ApiKey.objects.filter(id=key.id).update(last_used_at=now)
