"""The key of a box, its signing request, and what its certificate says."""

from __future__ import annotations

import hashlib
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

EllipticKey = ec.EllipticCurvePrivateKey


def make_key() -> str:
    """Return a new P-256 key as PEM."""
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


def signing_request(key_pem: str) -> str:
    """Return a request as PEM; its names do not matter, the platform decides who it is for."""
    key = cast(EllipticKey, serialization.load_pem_private_key(key_pem.encode(), None))
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    signed = request.sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def serial_of(certificate_pem: str) -> str:
    """Return the serial number, hexadecimal."""
    return f"{x509.load_pem_x509_certificate(certificate_pem.encode()).serial_number:x}"


def ends_at(certificate_pem: str) -> float:
    """Return until when it is good, in seconds since 1970."""
    return x509.load_pem_x509_certificate(certificate_pem.encode()).not_valid_after_utc.timestamp()


def is_of_key(certificate_pem: str, key_pem: str) -> bool:
    """Tell whether a certificate was issued for this key."""
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    key = serialization.load_pem_private_key(key_pem.encode(), None)
    return certificate.public_key() == key.public_key()


def hash_text(text: str) -> str:
    """Return the SHA-256, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
