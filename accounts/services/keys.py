"""Keys of programs: made, rotated, revoked."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.credentials.secrets import KeySecret, hash_secret, make_secret
from accounts.models import ApiKey, User
from accounts.rbac.registry import CODES
from accounts.services.audit import record_event
from accounts.services.refusals import Refusal, RoleTooStrong, UnknownCodes

DEVICE_KEY_CODES = frozenset({"write:telemetry"})
OVERLAP = dt.timedelta(hours=24)
MAX_OVERLAP = dt.timedelta(days=30)


class KeyGone(Refusal):
    """The key is revoked, has expired, or never was."""

    code = "key_gone"
    message = _("This key does not exist any more.")


class BadExpiry(Refusal):
    """The end of a key lies in the past."""

    code = "expiry_in_the_past"
    message = _("A key must end in the future.")


class NoSuchDevice(Refusal):
    """The tenant has no such device."""

    code = "unknown_device"
    message = _("There is no such device.")


class DeviceKeyOnlyWrites(Refusal):
    """The key of a device may send its measurements and nothing else."""

    code = "device_key_only_writes"
    message = _("The key of a device sends measurements and may do nothing else.")


class NoPermission(Refusal):
    """A key that may do nothing."""

    code = "no_permission"
    message = _("Choose at least one permission.")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made; `secret` is never to be had again."""

    key: ApiKey
    secret: KeySecret


@transaction.atomic
def create_key(
    *,
    name: str,
    codes: Collection[str],
    expires_at: dt.datetime | None,
    created_by: User | None,
    editor_codes: frozenset[str],
    now: dt.datetime,
    device_id: uuid.UUID | None = None,
) -> NewKey:
    """Make a key in the tenant in scope; its permissions are at most those of its maker.

    Args: device_id: the only device that the key may send measurements for; None for all.

    Raises:
        UnknownCodes, RoleTooStrong, NoPermission, BadExpiry, NoSuchDevice, DeviceKeyOnlyWrites.
    """
    wanted = frozenset(codes)
    if not wanted <= CODES:
        raise UnknownCodes
    if not wanted:
        raise NoPermission
    if not wanted <= editor_codes:
        raise RoleTooStrong
    if expires_at is not None and expires_at <= now:
        raise BadExpiry
    if device_id is not None:
        _check_device(device_id, wanted)
    new = _save(
        name=name,
        codes=wanted,
        expires_at=expires_at,
        created_by=created_by,
        device_id=device_id,
    )
    _record("key.created", new.key, now)
    return new


@transaction.atomic
def rotate_key(
    *,
    key_id: uuid.UUID,
    overlap: dt.timedelta = OVERLAP,
    created_by: User | None,
    editor_codes: frozenset[str],
    now: dt.datetime,
) -> NewKey:
    """Replace a key; the old one works for `overlap` longer, 0 to 30 days.

    Raises:
        KeyGone, RoleTooStrong.
    """
    old = _lock(key_id, now)
    codes = frozenset(old.codes) & CODES
    if not codes <= editor_codes:
        raise RoleTooStrong
    new = _save(
        name=old.name,
        codes=codes,
        expires_at=old.expires_at,
        created_by=created_by,
        device_id=old.device_id,
        replaces=old,
    )
    end = now + max(dt.timedelta(0), min(overlap, MAX_OVERLAP))
    old.expires_at = min(end, old.expires_at) if old.expires_at else end
    old.save(update_fields=["expires_at", "updated_at"])
    _record("key.rotated", new.key, now, detail={"replaces": old.prefix})
    return new


@transaction.atomic
def revoke_key(*, key_id: uuid.UUID, now: dt.datetime) -> None:
    """End a key at once.

    Raises:
        KeyGone
    """
    key = _lock(key_id, now)
    key.revoked_at = now
    key.save(update_fields=["revoked_at", "updated_at"])
    _record("key.revoked", key, now)


def _lock(key_id: uuid.UUID, now: dt.datetime) -> ApiKey:
    key = ApiKey.objects.select_for_update().filter(id=key_id, revoked_at__isnull=True).first()
    if key is None or (key.expires_at is not None and key.expires_at <= now):
        raise KeyGone
    return key


def _check_device(device_id: uuid.UUID, codes: frozenset[str]) -> None:
    devices: Any = ApiKey._meta.get_field("device").related_model
    if not devices.objects.filter(pk=device_id).exists():
        raise NoSuchDevice
    if codes != DEVICE_KEY_CODES:
        raise DeviceKeyOnlyWrites


def _save(
    *,
    name: str,
    codes: frozenset[str],
    expires_at: dt.datetime | None,
    created_by: User | None,
    device_id: uuid.UUID | None,
    replaces: ApiKey | None = None,
) -> NewKey:
    secret = make_secret()
    key = ApiKey(
        name=name,
        prefix=secret.prefix,
        hashed=hash_secret(secret.secret),
        codes=sorted(codes),
        created_by=created_by,
        expires_at=expires_at,
        device_id=device_id,
        replaces=replaces,
    )
    key.save()
    return NewKey(key, secret)


def _record(action: str, key: ApiKey, now: dt.datetime, **detail: dict[str, str]) -> None:
    record_event(
        action=action,
        now=now,
        tenant_id=key.tenant_id,
        obj=key,
        label=f"{key.name} ({key.prefix})",
        detail={
            "permissions": list(key.codes),
            **({"device": str(key.device_id)} if key.device_id else {}),
            **detail.get("detail", {}),
        },
    )
