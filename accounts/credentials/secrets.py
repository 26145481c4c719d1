"""How API keys look and how they are kept."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings

from energy.lib.sealing import derive_key

MARK = "ek"
PREFIX_BYTES = 6  # eight letters
SECRET_BYTES = 32
MAX_LENGTH = 100
_PURPOSE = "api keys"


@dataclass(frozen=True, slots=True)
class KeySecret:
    """A key as the program sends it: `ek_<prefix>_<secret>`."""

    prefix: str
    secret: str

    @property
    def text(self) -> str:
        """Return what is shown once."""
        return f"{MARK}_{self.prefix}_{self.secret}"

    def __repr__(self) -> str:
        return f"KeySecret({self.prefix!r})"


def make_secret() -> KeySecret:
    """Return a new random key; 256 bits of secret."""
    prefix = secrets.token_hex(PREFIX_BYTES)
    return KeySecret(prefix, secrets.token_urlsafe(SECRET_BYTES))


def parse_secret(text: str) -> KeySecret | None:
    """Read what a program sent; None when it does not look like a key."""
    mark, _line, rest = text.partition("_")
    prefix, _line, secret = rest.partition("_")
    if mark != MARK or not secret or len(text) > MAX_LENGTH or not text.isascii():
        return None
    return KeySecret(prefix, secret) if prefix.isalnum() and len(prefix) <= 16 else None


def hash_secret(secret: str) -> str:
    """Return the keyed hash that is stored; without SECRET_KEY nobody can test guesses."""
    return _hash(secret, settings.SECRET_KEY)


def matches(secret: str, hashed: str) -> bool:
    """Compare in constant time; also under the SECRET_KEY_FALLBACKS."""
    found = False
    for key in _keys():
        found |= hmac.compare_digest(_hash(secret, key), hashed)
    return found


def _keys() -> Iterator[str]:
    yield settings.SECRET_KEY
    yield from map(str, settings.SECRET_KEY_FALLBACKS)


def _hash(secret: str, key: str) -> str:
    pepper = derive_key(_PURPOSE, secret=key)
    return hmac.new(pepper, secret.encode(), hashlib.sha256).hexdigest()
