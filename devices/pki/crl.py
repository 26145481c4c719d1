"""Lists of revoked certificates."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from devices.pki.authority import BACKDATED, Authority, issuer_identifier

LIFETIME = dt.timedelta(days=30)
# less than this left: somebody must look
WARN_BEFORE = dt.timedelta(days=7)

_REASONS = {
    "key_compromise": x509.ReasonFlags.key_compromise,
    "superseded": x509.ReasonFlags.superseded,
    "cessation_of_operation": x509.ReasonFlags.cessation_of_operation,
    "privilege_withdrawn": x509.ReasonFlags.privilege_withdrawn,
}
_BLOCK = re.compile(r"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----\n?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Entry:
    """A revoked certificate; the serial is hexadecimal."""

    serial: str
    revoked_at: dt.datetime
    reason: str


def sign_list(
    authority: Authority,
    entries: Iterable[Entry],
    *,
    number: int,
    now: dt.datetime,
    lifetime: dt.timedelta = LIFETIME,
) -> str:
    """Return the signed list as PEM; past `now + lifetime` brokers refuse everybody."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(now - BACKDATED)
        .next_update(now + lifetime)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(issuer_identifier(authority), critical=False)
    )
    for entry in entries:
        builder = builder.add_revoked_certificate(_revoked(entry))
    signed = builder.sign(authority.key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def split_lists(text: str) -> list[x509.CertificateRevocationList]:
    """Return the lists of a PEM file; what cannot be read is left out."""
    found = []
    for block in _BLOCK.findall(text):
        try:
            found.append(x509.load_pem_x509_crl(block.encode()))
        except ValueError:
            continue
    return found


def merge_list(present: str, new: str) -> str:
    """Return the file's text with the new list in place of the older ones of its issuer.

    Lists of other authorities stay: a broker that trusts two needs both.
    """
    issuer = issuer_of(x509.load_pem_x509_crl(new.encode()))
    others = [found for found in split_lists(present) if issuer_of(found) != issuer]
    return new + "".join(
        found.public_bytes(serialization.Encoding.PEM).decode() for found in others
    )


def issuer_of(found: x509.CertificateRevocationList) -> bytes:
    """Return what tells authorities of the same name apart: the identifier of the key."""
    try:
        named = found.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except x509.ExtensionNotFound:
        return found.issuer.public_bytes()
    return named.key_identifier or found.issuer.public_bytes()


def to_der(text: str) -> bytes:
    """Return a list in the form that RFC 5280 wants at a distribution point."""
    return x509.load_pem_x509_crl(text.encode()).public_bytes(serialization.Encoding.DER)


def _revoked(entry: Entry) -> x509.RevokedCertificate:
    builder = (
        x509.RevokedCertificateBuilder()
        .serial_number(int(entry.serial, 16))
        .revocation_date(entry.revoked_at)
    )
    reason = _REASONS.get(entry.reason)
    if reason is not None:
        builder = builder.add_extension(x509.CRLReason(reason), critical=False)
    return builder.build()
