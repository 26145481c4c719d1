"""Ed25519 keys: of vendors, who sign firmware, and ours, which signs offers."""

from __future__ import annotations

import base64
import binascii
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

KEY_BYTES = 32
SIGNATURE_BYTES = 64


class BadKey(ValueError):
    """No Ed25519 public key in base64 or PEM."""


def read_public_key(text: str) -> bytes:
    """Return the 32 bytes of a public key that is given in base64 or as PEM.

    Raises: BadKey.
    """
    text = text.strip()
    try:
        if text.startswith("-----BEGIN"):
            found = load_pem_public_key(text.encode())
            if not isinstance(found, Ed25519PublicKey):
                raise BadKey("The key is not an Ed25519 key.")
            raw = found.public_bytes(Encoding.Raw, PublicFormat.Raw)
        else:
            raw = base64.b64decode(text, validate=True)
        if len(raw) != KEY_BYTES:
            raise BadKey(f"The key has {len(raw)} bytes; an Ed25519 public key has 32.")
        Ed25519PublicKey.from_public_bytes(raw)
    except (ValueError, binascii.Error) as error:
        if isinstance(error, BadKey):
            raise
        raise BadKey("The key is neither PEM nor base64 of 32 bytes.") from error
    if _is_weak(raw):
        raise BadKey("This key accepts any signature.")
    return raw


def fingerprint_of(public_key: bytes) -> str:
    """Return the SHA-256 of a public key, hexadecimal."""
    return hashlib.sha256(public_key).hexdigest()


def is_signed_by(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Tell whether a signature is this key's over this very message."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def make_private_key() -> bytes:
    """Return the 32 bytes of a new private key."""
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())


def public_key_of(private_key: bytes) -> bytes:
    """Return the public half."""
    key = Ed25519PrivateKey.from_private_bytes(private_key).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def sign(private_key: bytes, message: bytes) -> bytes:
    """Return the 64 bytes of a signature."""
    return Ed25519PrivateKey.from_private_bytes(private_key).sign(message)


def encode(raw: bytes) -> str:
    """Return bytes as base64."""
    return base64.b64encode(raw).decode()


def decode_signature(text: str) -> bytes | None:
    """Return the bytes of a base64 signature; None when it is none."""
    try:
        raw = base64.b64decode(text.strip(), validate=True)
    except (ValueError, binascii.Error):
        return None
    return raw if len(raw) == SIGNATURE_BYTES else None


# points of small order: a signature of theirs proves nothing
_SMALL_ORDER = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
}


def _is_weak(raw: bytes) -> bool:
    """Look at the point without its sign bit."""
    return (raw[:-1] + bytes([raw[-1] & 0x7F])).hex() in _SMALL_ORDER
