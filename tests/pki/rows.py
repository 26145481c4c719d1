"""Rows of certificates for tests that need no broker and no signature of a box."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from accounts.tenancy import tenant_scope
from devices.models import (
    BrokerChange,
    CertificateAuthority,
    Device,
    DeviceCertificate,
    RevocationReason,
    RevokedCertificate,
    ShutOut,
)
from devices.pki.authority import make_authority as make_certificate_authority
from devices.services.authorities import create_authority
from devices.services.certificates import issue_certificate
from tests.factories import NOW, DeviceFactory
from tests.pki.clients import request_for


def make_certificate(device: Device | None = None, **fields: Any) -> DeviceCertificate:
    """Save a certificate that was never signed."""
    device = device or DeviceFactory(gateway=None)
    authority = CertificateAuthority.objects.filter(is_active=True).first()
    with tenant_scope(device.tenant_id):
        return DeviceCertificate.objects.create(
            tenant_id=device.tenant_id,
            device=device,
            authority=authority or create_authority(now=NOW),
            **{
                "serial": uuid.uuid4().hex,
                "fingerprint": uuid.uuid4().hex * 2,
                "key_fingerprint": uuid.uuid4().hex * 2,
                "common_name": str(device.id),
                "pem": "",
                "not_before": NOW,
                "not_after": NOW.replace(year=NOW.year + 50),
                **fields,
            },
        )


def make_authority() -> CertificateAuthority:
    """Save another authority, which is not active."""
    made = make_certificate_authority(name="Old authority", algorithm="ec", now=NOW)
    return CertificateAuthority.objects.create(
        name="Old authority",
        certificate_pem=made.certificate_pem,
        fingerprint=made.fingerprint,
        sealed_key="v1.none.none",
        not_before=NOW,
        not_after=NOW,
        is_active=False,
        created_at=NOW,
    )


def make_revoked() -> RevokedCertificate:
    """Save a serial on the list."""
    return RevokedCertificate.objects.create(
        serial=uuid.uuid4().hex,
        authority=make_authority(),
        key_fingerprint=uuid.uuid4().hex * 2,
        revoked_at=NOW,
        reason=RevocationReason.KEY_COMPROMISE,
        expires_at=NOW,
    )


def make_change() -> BrokerChange:
    """Save something that the broker still has to do."""
    return BrokerChange.objects.create(username=uuid.uuid4().hex, is_wanted=False, asked_at=NOW)


def make_shut_out(device: Device | None = None) -> ShutOut:
    """Save that a box was shut out."""
    device = device or DeviceFactory(gateway=None)
    with tenant_scope(device.tenant_id):
        return ShutOut.objects.create(device=device, at=NOW, reason=RevocationReason.PRIVILEGE)


def request_of_a_box() -> str:
    """Return a signing request with a new key."""
    return request_for(ec.generate_private_key(ec.SECP256R1()))


def issue(device: Device, now: dt.datetime, **kwargs: Any) -> DeviceCertificate:
    """Let a box ask for a certificate, in the tenant's scope."""
    issued = issue_certificate(device=device, now=now, csr_pem=request_of_a_box(), **kwargs)
    return issued.certificate
