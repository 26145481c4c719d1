"""Whose signatures on firmware count, and the key with which we sign offers."""

from __future__ import annotations

import base64
import datetime as dt
import uuid
from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from devices.firmware.keys import (
    BadKey,
    encode,
    fingerprint_of,
    make_private_key,
    public_key_of,
    read_public_key,
)
from devices.models import FirmwareKey, FirmwareRelease, FirmwareSigner
from energy.lib.sealing import Purpose, seal, unseal

MAX_KEYS = 20


class KeyRefused(Refusal):
    """The text is no Ed25519 public key, or there are too many."""

    code = "bad_key"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return self.detail


class KeyKnown(Refusal):
    """The tenant has registered the key, perhaps revoked it."""

    code = "key_exists"
    message = _("This key is registered already; a revoked key stays revoked.")


class KeyGone(Refusal):
    """There is no such key, or it is revoked."""

    code = "key_gone"
    message = _("There is no such key, or it is revoked.")


@dataclass(frozen=True, slots=True)
class VendorKey:
    """A key whose signature counts; `public_key` has 32 bytes."""

    name: str
    public_key: bytes
    fingerprint: str


def platform_keys() -> list[VendorKey]:
    """Return the vendors of FIRMWARE_KEYS, whose firmware counts for all tenants.

    Raises: BadKey: an entry is not name:base64.
    """
    found = []
    for entry in settings.FIRMWARE_KEYS:
        name, _colon, text = str(entry).partition(":")
        raw = read_public_key(text)
        found.append(VendorKey(name, raw, fingerprint_of(raw)))
    return found


def vendor_keys() -> list[VendorKey]:
    """Return every key that counts for the tenant in scope; what it revoked never does."""
    rows = list(FirmwareKey.objects.order_by("name", "id"))
    revoked = {row.fingerprint for row in rows if row.revoked_at is not None}
    own = [
        VendorKey(row.name, base64.b64decode(row.public_key), row.fingerprint)
        for row in rows
        if row.revoked_at is None
    ]
    return own + [key for key in platform_keys() if key.fingerprint not in revoked]


@transaction.atomic
def register_key(*, name: str, public_key: str, now: dt.datetime) -> FirmwareKey:
    """Let firmware count that this key has signed, for the tenant in scope.

    Raises: KeyRefused, KeyKnown.
    """
    try:
        raw = read_public_key(public_key)
    except BadKey as error:
        raise KeyRefused(str(error)) from error
    if FirmwareKey.objects.filter(revoked_at=None).count() >= MAX_KEYS:
        raise KeyRefused(f"At most {MAX_KEYS} keys; revoke one first.")
    key = FirmwareKey(name=name[:100], public_key=encode(raw), fingerprint=fingerprint_of(raw))
    try:
        with transaction.atomic():
            key.save(force_insert=True)
    except IntegrityError as error:
        raise KeyKnown from error
    _record("firmware_key.registered", key, now)
    return key


@transaction.atomic
def revoke_key(*, key_id: uuid.UUID, now: dt.datetime) -> int:
    """Let a key count no more; what it signed is withdrawn. Return how many releases.

    Raises: KeyGone.
    """
    key = FirmwareKey.objects.select_for_update().filter(id=key_id, revoked_at=None).first()
    if key is None:
        raise KeyGone
    key.revoked_at = now
    key.save(update_fields=["revoked_at", "updated_at"])
    signed = FirmwareRelease.objects.filter(
        key_fingerprint=key.fingerprint, withdrawn_at=None
    ).update(withdrawn_at=now, updated_at=now)
    _record("firmware_key.revoked", key, now)
    return signed


def signing_key(*, now: dt.datetime) -> bytes:
    """Return our private key, 32 bytes; the first call ever makes it.

    Raises: CannotUnseal.
    """
    row = ensure_signer(now=now)
    return base64.b64decode(unseal(row.sealed_key, purpose=Purpose.FIRMWARE_KEY))


def ensure_signer(*, now: dt.datetime) -> FirmwareSigner:
    """Return the key that signs offers; the first call ever makes it."""
    return active_signer() or _make_signer(now)


def active_signer() -> FirmwareSigner | None:
    """Return the key that signs offers; None before the first."""
    return FirmwareSigner.objects.filter(is_active=True).first()


def _make_signer(now: dt.datetime) -> FirmwareSigner:
    private = make_private_key()
    public = public_key_of(private)
    try:
        with transaction.atomic():
            made = FirmwareSigner.objects.create(
                public_key=encode(public),
                fingerprint=fingerprint_of(public),
                sealed_key=seal(encode(private), purpose=Purpose.FIRMWARE_KEY),
                created_at=now,
            )
    except IntegrityError:  # another process was faster
        return FirmwareSigner.objects.get(is_active=True)
    record_event(
        action="firmware_signer.made",
        now=now,
        tenant_id=None,
        obj=made,
        detail={"fingerprint": made.fingerprint},
    )
    return made


def _record(action: str, key: FirmwareKey, now: dt.datetime) -> None:
    record_event(
        action=action,
        now=now,
        tenant_id=key.tenant_id,
        obj=key,
        label=key.name,
        detail={"fingerprint": key.fingerprint},
    )
