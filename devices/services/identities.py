"""What lets a box in, for those who claim, swap and transfer: account and certificate."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from django.conf import settings

from devices.boxes import username_of
from devices.models import Device, DeviceCertificate, RevocationReason
from devices.services.authorities import active_authority
from devices.services.certificates import issue_certificate
from devices.services.revocation import shut_out_box

__all__ = [
    "authority_pem",
    "replace_identity",
    "replace_with_new_key",
    "take_back",
    "username_of",
]


def authority_pem() -> str:
    """Return the certificates that a box trusts: our authority's, and the broker's own.

    Raises: NoAuthority.
    """
    found = [active_authority().certificate_pem.strip()]
    if settings.MQTT_CA_FILE:
        text = Path(settings.MQTT_CA_FILE).read_text(encoding="ascii").strip()
        if text not in found:
            found.append(text)
    return "\n".join(found) + "\n"


def replace_identity(*, device: Device, csr: str, now: dt.datetime) -> str:
    """Take older certificates of a box back and issue one for the key of a request.

    Without a request nothing is issued: the box fetches a key later. Returns PEM, or "".

    Raises: RequestRefused, NoAuthority.
    """
    _end_older(device, now)
    if not csr:
        return ""
    return issue_certificate(device=device, csr_pem=csr, now=now).certificate.pem


def replace_with_new_key(*, device: Device, now: dt.datetime) -> tuple[str, str]:
    """Take older certificates back and issue one with a key made here; return both as PEM.

    The key is not kept.

    Raises: NoAuthority.
    """
    _end_older(device, now)
    issued = issue_certificate(device=device, now=now)
    return issued.certificate.pem, issued.key_pem or ""


def take_back(*, device: Device, now: dt.datetime, note: str = "") -> None:
    """Revoke what a box could connect with, account included; nothing for others."""
    if device.is_box:
        shut_out_box(device=device, reason=RevocationReason.SUPERSEDED, now=now, note=note)


def _end_older(device: Device, now: dt.datetime) -> None:
    """Shut the older hardware out; a box that had nothing needs no new revocation list."""
    if DeviceCertificate.objects.filter(device=device, revoked_at=None).exists():
        take_back(device=device, now=now, note="new hardware or new key")
