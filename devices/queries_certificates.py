"""Reads certificates of boxes."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import QuerySet

from accounts.tenancy import all_tenants
from devices.boxes import username_of
from devices.models import CertificateAuthority, Device, DeviceCertificate, ShutOut

ENDS_SOON = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class CertificateSection:
    """What a device page shows of certificates; `state` of each is in `CertificateRow`."""

    rows: list[CertificateRow]
    shut_out: ShutOut | None
    is_box: bool


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """A certificate as of one instant: valid, ending, replaced, ended or revoked."""

    certificate: DeviceCertificate
    state: str


def list_certificates(*, device: Device) -> QuerySet[DeviceCertificate]:
    """Return all certificates of a box, the newest first."""
    return (
        DeviceCertificate.objects.filter(device=device)
        .select_related("replaces")
        .prefetch_related("replaced_by")
        .order_by("-not_before", "-created_at", "id")
    )


def certificate_section(*, device: Device, now: dt.datetime) -> CertificateSection:
    """Return what the device page and the API show; four queries at most."""
    rows = [CertificateRow(row, state_of(row, now)) for row in list_certificates(device=device)]
    shut_out = ShutOut.objects.filter(device=device).first()
    return CertificateSection(rows, shut_out, device.is_box)


def state_of(certificate: DeviceCertificate, now: dt.datetime) -> str:
    """Return `revoked`, `ended`, `replaced` (for a while still good), `ending` or `valid`."""
    if certificate.revoked_at is not None:
        return "revoked"
    if certificate.not_after <= now:
        return "ended"
    if any(newer.revoked_at is None for newer in certificate.replaced_by.all()):
        return "replaced"
    return "ending" if certificate.not_after <= now + ENDS_SOON else "valid"


def is_shut_out(device: Device) -> bool:
    """Tell whether a box's access was revoked: nothing may be sent to it or come from it."""
    return ShutOut.objects.filter(device=device).exists()


def trusted_authorities() -> list[CertificateAuthority]:
    """Return the authorities that have signed a list, the active one first; without keys."""
    rows = CertificateAuthority.objects.exclude(crl_pem="").defer("sealed_key")
    return list(rows.order_by("-is_active", "-id"))


def shut_out_usernames() -> set[str]:
    """Return the accounts of all tenants' boxes whose access was revoked."""
    with all_tenants():
        rows = ShutOut.objects.select_related("device__gateway").order_by("id")
        return {username_of(row.device) for row in rows}
