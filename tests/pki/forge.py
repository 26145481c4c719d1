"""Certificates that nobody of ours would sign: the broker must refuse them or give no rights."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from devices.pki.authority import Authority, key_pem_of, make_authority, pem_of

DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Files:
    """What a client loads."""

    cert_file: Path
    key_file: Path


def forge(
    folder: Path,
    authority: Authority | None,
    *,
    common_name: str,
    begins: dt.datetime,
    ends: dt.datetime,
    extra_names: tuple[str, ...] = (),
) -> Files:
    """Sign any name with an authority, or by itself without one."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = [common_name, *extra_names]
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, name, _validate=False) for name in names]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.certificate.subject if authority else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(authority.key if authority else key, hashes.SHA256())
    )
    stem = folder / f"{certificate.serial_number:x}"
    stem.with_suffix(".crt").write_text(pem_of(certificate))
    stem.with_suffix(".key").write_text(key_pem_of(key))
    return Files(stem.with_suffix(".crt"), stem.with_suffix(".key"))


def strange_authority(name: str, now: dt.datetime) -> Authority:
    """Return an authority of the same name as ours, with a key of its own."""
    return make_authority(name=name, algorithm="ec", now=now)
