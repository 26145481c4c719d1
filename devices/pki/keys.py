"""Which keys of devices are strong enough, and how a key is recognised."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
RSA_BITS = (2048, 8192)  # larger ones would keep the broker busy


class WeakKey(ValueError):
    """A key that others could find, or of a kind that brokers do not take."""


def check_key(key: PublicKeyTypes) -> PublicKey:
    """Return the key if it is strong enough.

    Raises: WeakKey.
    """
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, CURVES):
        return key
    if isinstance(key, rsa.RSAPublicKey):
        low, high = RSA_BITS
        if low <= key.key_size <= high and key.public_numbers().e >= 65537:
            return key
        raise WeakKey(f"RSA with {key.key_size} bits: use 2048 to 8192 and the exponent 65537.")
    raise WeakKey("Use an elliptic curve key on P-256, P-384 or P-521, or RSA from 2048 bits.")


def fingerprint_of_key(key: PublicKeyTypes) -> str:
    """Return the SHA-256 of the public key, hexadecimal."""
    encoded = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(encoded).hexdigest()
