"""Certificates of the demo's gateways, as the boxes themselves would ask for them."""

from __future__ import annotations

import datetime as dt
import uuid
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from accounts.tenancy import tenant_scope
from devices.models import Device, DeviceCertificate
from devices.pki.authority import key_pem_of
from devices.pki.files import write_files
from devices.queries_certificates import is_shut_out
from devices.services.certificates import issue_certificate

RENEW_BEFORE = dt.timedelta(days=30)
Entry = dict[str, Any]


def issue_demo_certificates(
    gateways: list[Entry], *, folder: Path, now: dt.datetime
) -> list[Entry]:
    """Return the entries with `cert_file` and `key_file`; what is still good stays.

    A gateway whose access was revoked stays out, also after another start.
    """
    return [_with_files(entry, folder, now) for entry in gateways]


def signing_request(key: ec.EllipticCurvePrivateKey) -> str:
    """Return a request for a certificate as PEM; its names do not matter."""
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    signed = request.sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def _with_files(entry: Entry, folder: Path, now: dt.datetime) -> Entry:
    with tenant_scope(uuid.UUID(entry["tenant"])):
        own = Device.objects.get(gateway_id=entry["id"], uid=entry["uid"])
        if is_shut_out(own) or _is_good(entry.get("cert_file", ""), own, now):
            return entry
        key = ec.generate_private_key(ec.SECP256R1())
        issued = issue_certificate(device=own, csr_pem=signing_request(key), now=now)
    key_file, cert_file, _ca = write_files(
        folder,
        f"client-{entry['username']}",
        certificate_pem=issued.certificate.pem,
        authority_pem=issued.authority_pem,
        key_pem=key_pem_of(key),
    )
    return {**entry, "cert_file": str(cert_file), "key_file": str(key_file)}


def _is_good(cert_file: str, device: Device, now: dt.datetime) -> bool:
    """Tell whether the file's certificate is of our making and will be good for a month."""
    try:
        found = x509.load_pem_x509_certificate(Path(cert_file).read_bytes())
    except (OSError, ValueError):
        return False
    return DeviceCertificate.objects.filter(
        device=device,
        serial=f"{found.serial_number:x}",
        revoked_at=None,
        not_after__gt=now + RENEW_BEFORE,
    ).exists()
