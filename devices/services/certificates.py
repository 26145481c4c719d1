"""Certificates of boxes: issued, renewed with overlap, seen in use, watched until they end."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from devices.boxes import NotABox, username_of
from devices.models import (
    Device,
    DeviceCertificate,
    DeviceEvent,
    Lifecycle,
    RevokedCertificate,
    Severity,
    ShutOut,
)
from devices.pki.authority import BACKDATED, Leaf, issue_leaf, key_pem_of, pem_of
from devices.pki.csr import BadRequest, WeakKey, read_request
from devices.pki.keys import PublicKey, fingerprint_of_key
from devices.services.authorities import active_authority, open_authority
from devices.services.broker_changes import ask_for_account, carry_out_soon

VALIDITY = dt.timedelta(days=365)
GRACE = dt.timedelta(days=30)
WARN_DAYS = (30, 14, 7, 1)
MAX_VALID = 5  # certificates of one box at a time
CRL_PATH = "/pki/ca.crl"


class BoxOnly(Refusal):
    """A device behind a gateway."""

    code = "not_a_box"
    message = _("This device is behind a gateway. Give its gateway the certificate.")


class RequestRefused(Refusal):
    """The signing request cannot be read, is not proven, or its key is weak."""

    code = "bad_csr"
    message = _("The certificate signing request is not accepted.")

    def __init__(self, detail: str, *, code: str = "bad_csr") -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail

    def __str__(self) -> str:
        return self.detail


class TooMany(Refusal):
    """Too many certificates of the box are valid at the same time."""

    code = "too_many_certificates"
    message = _("This device has five valid certificates. Revoke one that is not used.")


class CertificateGone(Refusal):
    """There is no such certificate, or it is revoked or over."""

    code = "certificate_gone"
    message = _("This certificate does not exist, is revoked or has ended.")


class Decommissioned(Refusal):
    """The box is out of service."""

    code = "decommissioned"
    message = _("This device is decommissioned. It gets no certificate any more.")


@dataclass(frozen=True, slots=True)
class Issued:
    """A new certificate; `key_pem` only where we made the key: it is nowhere else."""

    certificate: DeviceCertificate
    authority_pem: str
    key_pem: str | None = field(default=None, repr=False)


@transaction.atomic
def issue_certificate(
    *,
    device: Device,
    now: dt.datetime,
    csr_pem: str | None = None,
    validity: dt.timedelta = VALIDITY,
    replaces: DeviceCertificate | None = None,
) -> Issued:
    """Give a box a certificate, and the account on the broker that belongs to it.

    Args: csr_pem: the box's signing request; without one a key is made and handed out once.

    Raises: BoxOnly, RequestRefused, TooMany, Decommissioned, NoAuthority.
    """
    device = (
        Device.objects.select_related("gateway").select_for_update(of=("self",)).get(id=device.id)
    )
    _check_box(device, now)
    public_key, key_pem = _key_from(csr_pem)
    _check_unused(public_key)
    row = active_authority()
    authority = open_authority(row)
    leaf = Leaf(
        common_name=username_of(device),
        device_id=device.id,
        public_key=public_key,
        not_before=now - BACKDATED,
        not_after=now + validity,
        crl_url=f"{settings.PUBLIC_URL}{CRL_PATH}",
    )
    signed = issue_leaf(authority, leaf)
    certificate = DeviceCertificate.objects.create(
        tenant_id=device.tenant_id,
        device=device,
        authority=row,
        serial=f"{signed.serial_number:x}",
        fingerprint=signed.fingerprint(hashes.SHA256()).hex(),
        key_fingerprint=fingerprint_of_key(public_key),
        common_name=leaf.common_name,
        pem=pem_of(signed),
        not_before=signed.not_valid_before_utc,
        not_after=signed.not_valid_after_utc,
        replaces=replaces,
    )
    ShutOut.objects.filter(device=device).delete()
    _record("certificate.renewed" if replaces else "certificate.issued", certificate, now)
    ask_for_account(device_id=device.id, username=leaf.common_name, now=now)
    carry_out_soon(now=now)
    return Issued(certificate, row.certificate_pem, key_pem)


@transaction.atomic
def renew_certificate(*, serial: str, now: dt.datetime, csr_pem: str | None = None) -> Issued:
    """Give a box the successor of a certificate, which stays good for the time being.

    Raises: CertificateGone, and as `issue_certificate`.
    """
    old = find_certificate(serial=serial, now=now)
    return issue_certificate(device=old.device, now=now, csr_pem=csr_pem, replaces=old)


def find_certificate(*, serial: str, now: dt.datetime) -> DeviceCertificate:
    """Return a certificate that is good now.

    Raises: CertificateGone.
    """
    found = (
        DeviceCertificate.objects.select_related("device", "device__gateway")
        .filter(serial=serial.lower(), revoked_at=None, not_after__gt=now)
        .first()
    )
    if found is None:
        raise CertificateGone
    return found


@transaction.atomic
def note_certificate_seen(*, device: Device, serial: str, now: dt.datetime) -> bool:
    """Keep that a box tells this serial as the one it uses; True the first time.

    Brokers tell us the common name only, so the box says it in status and heartbeat. What
    the certificate replaces is revoked by the next sweep.
    """
    serial = serial.strip().replace(":", "").lower().lstrip("0")
    return bool(
        DeviceCertificate.objects.filter(
            device=device, serial=serial, first_seen_at=None, revoked_at=None
        ).update(first_seen_at=now, updated_at=now)
    )


@transaction.atomic
def warn_of_ends(*, now: dt.datetime, limit: int = 500) -> int:
    """Write an event at 30, 14, 7 and 1 days before a certificate ends; return how many.

    A certificate that a newer one of its box has taken the place of is not worth a word.
    """
    ending = (
        DeviceCertificate.objects.select_related("device")
        .filter(
            revoked_at=None,
            not_after__gt=now,
            not_after__lte=now + dt.timedelta(days=WARN_DAYS[0]),
            replaced_by=None,
        )
        .order_by("not_after", "id")
        .select_for_update(of=("self",), skip_locked=True)
    )
    due = [(row, days) for row in ending if (days := _days_to_warn(row, now)) is not None]
    for certificate, days in due[:limit]:
        _warn(certificate, days, now)
    return len(due[:limit])


def _days_to_warn(certificate: DeviceCertificate, now: dt.datetime) -> int | None:
    """Return the threshold that was passed since the last warning."""
    left = certificate.not_after - now
    passed = [days for days in WARN_DAYS if left <= dt.timedelta(days=days)]
    if not passed:
        return None
    days = min(passed)
    return days if certificate.warned_days is None or days < certificate.warned_days else None


def _warn(certificate: DeviceCertificate, days: int, now: dt.datetime) -> None:
    certificate.warned_days = days
    certificate.save(update_fields=["warned_days", "updated_at"])
    DeviceEvent.objects.get_or_create(
        tenant_id=certificate.tenant_id,
        device=certificate.device,
        kind="certificate",
        code=f"CERTIFICATE_ENDS_{days}D",
        at=now,
        defaults={
            "severity": Severity.CRITICAL if days <= WARN_DAYS[-1] else Severity.WARNING,
            "message": f"The certificate {certificate.serial} ends at "
            f"{certificate.not_after:%Y-%m-%d %H:%M} UTC: renew it.",
            "detail": {"serial": certificate.serial, "days": days},
        },
    )


def _check_box(device: Device, now: dt.datetime) -> None:
    try:
        username_of(device)
    except NotABox as error:
        raise BoxOnly from error
    if device.lifecycle == Lifecycle.DECOMMISSIONED:
        raise Decommissioned
    valid = DeviceCertificate.objects.filter(device=device, revoked_at=None, not_after__gt=now)
    if valid.count() >= MAX_VALID:
        raise TooMany


def _key_from(csr_pem: str | None) -> tuple[PublicKey, str | None]:
    if csr_pem is None:
        key = ec.generate_private_key(ec.SECP256R1())
        return key.public_key(), key_pem_of(key)
    try:
        return read_request(csr_pem), None
    except BadRequest as error:
        raise RequestRefused(str(error)) from error
    except WeakKey as error:
        raise RequestRefused(str(error), code="weak_key") from error


def _check_unused(key: PublicKey) -> None:
    """Refuse a key that was revoked: who stole it would be in again."""
    if RevokedCertificate.objects.filter(key_fingerprint=fingerprint_of_key(key)).exists():
        raise RequestRefused("This key was revoked: make a new one.", code="revoked_key")


def _record(action: str, certificate: DeviceCertificate, now: dt.datetime) -> None:
    record_event(
        action=action,
        now=now,
        tenant_id=certificate.tenant_id,
        obj=certificate.device,
        detail={
            "serial": certificate.serial,
            "fingerprint": certificate.fingerprint,
            "common_name": certificate.common_name,
            "not_after": certificate.not_after.isoformat(),
        },
    )
