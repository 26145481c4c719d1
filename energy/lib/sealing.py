"""Secrets at rest: AES-256-GCM with a ring of keys.

A sealed text is `v1.<key id>.<nonce and ciphertext, base64url>`. The purpose is
authenticated with it: what was sealed for one column cannot be moved to another.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from enum import StrEnum
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_VERSION = "v1"
_NONCE_BYTES = 12
DERIVED = "derived"  # id of the key that development takes from SECRET_KEY
# a sealed text anywhere in a text or in JSON; group 1 is the id of its key
SEALED_TEXT = r"(?<![A-Za-z0-9_.-])v1\.([A-Za-z0-9]+)\.[A-Za-z0-9_-]{38,}(?![A-Za-z0-9_.-])"
_SEALED = re.compile(SEALED_TEXT)


class Purpose(StrEnum):
    """What secrets are sealed for; `reseal` knows no others."""

    SECOND_FACTOR = "second factor"
    REFRESH_ANSWER = "refresh answer"
    AUTHORITY_KEY = "device authority key"
    FIRMWARE_KEY = "firmware signing key"
    COMMAND_SECRET = "command-secret"  # noqa: S105
    NOTIFICATION_TARGET = "notification target"
    PUSH_SUBSCRIPTION = "push subscription"


class CannotUnseal(ValueError):
    """Changed, sealed for another purpose, or with a key that the ring does not hold."""


class BadKeyRing(ValueError):
    """SECRET_STORE_KEYS cannot be read."""


def seal(text: str, *, purpose: str) -> str:
    """Encrypt with the first key of the ring."""
    key_id, cipher = next(iter(_ring().items()))
    nonce = os.urandom(_NONCE_BYTES)
    sealed = nonce + cipher.encrypt(nonce, text.encode(), _bound_to(key_id, purpose))
    return f"{_VERSION}.{key_id}.{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"


def unseal(sealed: str, *, purpose: str) -> str:
    """Decrypt with the key that the text names.

    Raises:
        CannotUnseal
    """
    version, _dot, rest = sealed.partition(".")
    key_id, _dot, body = rest.partition(".")
    cipher = _ring().get(key_id)
    if version != _VERSION or cipher is None:
        raise CannotUnseal("no key for this text; is its key still in SECRET_STORE_KEYS?")
    try:
        data = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        plain = cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _bound_to(key_id, purpose))
    except (InvalidTag, binascii.Error, ValueError) as error:
        raise CannotUnseal("the text was changed or sealed for another purpose") from error
    return plain.decode()


def is_sealed(text: str) -> bool:
    """Tell whether a text looks sealed."""
    return text.startswith(f"{_VERSION}.") and text.count(".") == 2


def is_current(sealed: str) -> bool:
    """Tell whether a text is sealed with the first key of the ring."""
    return sealed.startswith(f"{_VERSION}.{current_key_id()}.")


def reseal(sealed: str) -> str:
    """Seal a text of any purpose again, with the first key of the ring.

    Raises:
        CannotUnseal: changed, of an unknown purpose, or its key is not there.
    """
    key_id = sealed.split(".")[1]
    if key_id not in _ring():
        raise CannotUnseal(f"key {key_id} is not in SECRET_STORE_KEYS")
    for purpose in Purpose:
        try:
            return seal(unseal(sealed, purpose=purpose), purpose=purpose)
        except CannotUnseal:
            continue
    raise CannotUnseal(f"changed since it was sealed with key {key_id}, or of unknown purpose")


def find_sealed(text: str) -> list[str]:
    """Return the sealed texts in a text, such as the values of a JSON object."""
    return [found.group() for found in _SEALED.finditer(text)]


def current_key_id() -> str:
    """Return the id of the key that seals."""
    return next(iter(_ring()))


def known_key_ids() -> list[str]:
    """Return the ids of the ring, the one that seals first."""
    return list(_ring())


def derive_key(purpose: str, *, secret: str | None = None) -> bytes:
    """Return 32 bytes for one purpose from SECRET_KEY, or from another secret."""
    source = settings.SECRET_KEY if secret is None else secret
    return HKDF(hashes.SHA256(), 32, salt=None, info=f"energy:{purpose}".encode()).derive(
        source.encode()
    )


def read_key_ring(text: str, *, setting: str = "SECRET_STORE_KEYS") -> dict[str, bytes]:
    """Read `id:base64,id:base64`; the first key seals, all unseal.

    Raises:
        BadKeyRing: an entry is not of this form, or a key has not 32 bytes.
    """
    ring: dict[str, bytes] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        key_id, _colon, encoded = entry.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not (key_id.isascii() and key_id.isalnum()) or len(key) != 32 or key_id in ring:
            raise BadKeyRing(
                f"{setting}: entry {key_id[:20]!r} must be id:key with an id of letters "
                "and digits, used once, and a base64 key of 32 bytes. Make one: "
                'python3 -c "import base64, os; print(base64.b64encode(os.urandom(32)).decode())"'
            )
        ring[key_id] = key
    return ring


def _ring() -> dict[str, AESGCM]:
    return _ring_of(settings.SECRET_STORE_KEYS, settings.SECRET_KEY)


@lru_cache(maxsize=4)
def _ring_of(text: str, secret_key: str) -> dict[str, AESGCM]:
    keys = read_key_ring(text) or {DERIVED: derive_key("secret store", secret=secret_key)}
    return {key_id: AESGCM(key) for key_id, key in keys.items()}


def _bound_to(key_id: str, purpose: str) -> bytes:
    return f"{_VERSION}.{key_id}.{purpose}".encode()
