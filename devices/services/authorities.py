"""The authority that signs the certificates of devices."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from devices.models import CertificateAuthority
from devices.pki.authority import Authority, load_authority, make_authority
from energy.lib.sealing import Purpose, seal, unseal

DEFAULT_NAME = "Device authority"
_PURPOSE = Purpose.AUTHORITY_KEY


class NoAuthority(Refusal):
    """Nobody made one yet."""

    code = "no_authority"
    message = _("There is no certificate authority yet: run `manage.py pki_init`.")


class AuthorityExists(Refusal):
    """Another one is active."""

    code = "authority_exists"
    message = _("There is a certificate authority already. Use --replace to take its place.")


def create_authority(
    *, now: dt.datetime, name: str = DEFAULT_NAME, algorithm: str = "ec", replace: bool = False
) -> CertificateAuthority:
    """Make a self-signed authority, `ec` (P-256) or `rsa` (4096), and activate it.

    Raises: AuthorityExists.
    """
    return _activate(make_authority(name=name, algorithm=algorithm, now=now), replace, now)


def import_authority(
    *,
    certificate_pem: str,
    key_pem: str,
    now: dt.datetime,
    password: str | None = None,
    replace: bool = False,
) -> CertificateAuthority:
    """Activate an authority made elsewhere; the one that is active already is fine.

    Raises: AuthorityExists, UnusableAuthority.
    """
    return _activate(load_authority(certificate_pem, key_pem, password=password), replace, now)


def active_authority(*, for_update: bool = False) -> CertificateAuthority:
    """Return the authority that signs.

    Raises: NoAuthority.
    """
    rows = CertificateAuthority.objects.filter(is_active=True)
    found = (rows.select_for_update() if for_update else rows).first()
    if found is None:
        raise NoAuthority
    return found


def open_authority(row: CertificateAuthority) -> Authority:
    """Unseal the key, to sign something now.

    Raises: CannotUnseal.
    """
    key_pem = unseal(row.sealed_key, purpose=_PURPOSE)
    return load_authority(row.certificate_pem, key_pem)


@transaction.atomic
def _activate(made: Authority, replace: bool, now: dt.datetime) -> CertificateAuthority:
    present = CertificateAuthority.objects.select_for_update().filter(is_active=True).first()
    if present is not None and present.fingerprint == made.fingerprint:
        return present
    if present is not None and not replace:
        raise AuthorityExists
    CertificateAuthority.objects.filter(is_active=True).update(is_active=False)
    found, _made = CertificateAuthority.objects.update_or_create(
        fingerprint=made.fingerprint,
        defaults={
            "name": _common_name(made)[:64],
            "certificate_pem": made.certificate_pem,
            "sealed_key": seal(made.key_pem(), purpose=_PURPOSE),
            "not_before": made.certificate.not_valid_before_utc,
            "not_after": made.certificate.not_valid_after_utc,
            "is_active": True,
            "created_at": now,
        },
    )
    record_event(
        action="authority.activated",
        now=now,
        tenant_id=None,
        obj=found,
        detail={"fingerprint": found.fingerprint},
    )
    return found


def _common_name(made: Authority) -> str:
    return made.certificate.subject.rfc4514_string().removeprefix("CN=")
