"""Certificate signing requests. Only the key is taken from them, never a name."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from devices.pki.keys import PublicKey, WeakKey, check_key

MAX_BYTES = 16_384
_DIGESTS = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
__all__ = ["BadRequest", "WeakKey", "read_request"]


class BadRequest(ValueError):
    """No signing request, or its sender does not hold its key."""


def read_request(text: str) -> PublicKey:
    """Return the key of a request after its sender proved to hold it.

    Subject and extensions are ignored: who it is for is decided by us.

    Raises:
        BadRequest: unreadable, too large, or its signature is wrong.
        WeakKey: see `check_key`.
    """
    if len(text) > MAX_BYTES:
        raise BadRequest(f"The request has more than {MAX_BYTES} characters.")
    try:
        request = x509.load_pem_x509_csr(text.encode())
        digest = request.signature_hash_algorithm
        is_proven = request.is_signature_valid
        key = request.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadRequest("This is no certificate signing request in PEM form.") from error
    checked = check_key(key)
    if not isinstance(digest, _DIGESTS):
        raise BadRequest("The request must be signed with SHA-256, SHA-384 or SHA-512.")
    if not is_proven:
        raise BadRequest("The signature of the request is wrong.")
    return checked
