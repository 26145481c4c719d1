"""The list of revoked certificates: signed, put where the broker reads it, watched."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import structlog
from django.conf import settings
from django.db import transaction

from devices.models import CertificateAuthority, RevokedCertificate
from devices.pki import crl
from devices.services.authorities import NoAuthority, active_authority, open_authority
from devices.wires.crl_file import place_list, reload_broker

logger = structlog.get_logger(__name__)

RENEW_AFTER = dt.timedelta(hours=23)
# an ended certificate is refused by its date; a margin for wrong clocks
KEEP_AFTER_END = dt.timedelta(days=2)


@dataclass(frozen=True, slots=True)
class ListState:
    """How long the list is good that the broker has; None where there is none."""

    good_until: dt.datetime | None
    pending: int

    def left(self, now: dt.datetime) -> dt.timedelta | None:
        """Return the time until brokers refuse everybody."""
        return None if self.good_until is None else self.good_until - now


@transaction.atomic
def publish_list(*, now: dt.datetime) -> CertificateAuthority:
    """Sign the list anew and let the broker read it; returns when it is in force.

    Lists are signed one after another, so that an older one never replaces a newer one.
    Each authority whose certificates may still be in use signs its own.

    Raises:
        NoAuthority
        ListNotPlaced: the broker did not get it; nothing is noted as published.
    """
    active = active_authority(for_update=True)
    others = CertificateAuthority.objects.filter(is_active=False, not_after__gt=now)
    rows = [active, *others.order_by("id").select_for_update()]
    pending = RevokedCertificate.objects.filter(published_at=None)
    serials = list(pending.values_list("serial", flat=True))
    for row in rows:
        _sign(row, now)
    if settings.BROKER_CRL_FILE:
        for row in rows:
            place_list(Path(settings.BROKER_CRL_FILE), row.crl_pem)
        reload_broker(settings.BROKER_RELOAD)
    RevokedCertificate.objects.filter(serial__in=serials).update(published_at=now)
    return active


def publish_if_due(*, now: dt.datetime) -> bool:
    """Publish when something is pending, or the list is a day old; False without authority."""
    try:
        row = active_authority()
    except NoAuthority:
        return False
    is_old = row.crl_signed_at is None or row.crl_signed_at <= now - RENEW_AFTER
    if is_old or RevokedCertificate.objects.filter(published_at=None).exists():
        publish_list(now=now)
        return True
    return False


def list_state() -> ListState:
    """Return the state of the list; the file counts, where we write one, not our memory."""
    row = CertificateAuthority.objects.filter(is_active=True).first()
    pending = RevokedCertificate.objects.filter(published_at=None).count()
    if row is None:
        return ListState(None, pending)
    good_until = row.crl_next_update_at
    if settings.BROKER_CRL_FILE and row.crl_pem:
        good_until = _end_of_file(Path(settings.BROKER_CRL_FILE), row) or good_until
    return ListState(good_until, pending)


def warn_of_old_list(*, now: dt.datetime) -> bool:
    """Log a warning when the list ends within seven days; tell whether it does."""
    left = list_state().left(now)
    if left is None or left > crl.WARN_BEFORE:
        return False
    logger.error(
        "revocation list ends soon: run `manage.py pki_crl`", hours=left // dt.timedelta(hours=1)
    )
    return True


def _sign(row: CertificateAuthority, now: dt.datetime) -> None:
    revoked = RevokedCertificate.objects.filter(
        authority=row, expires_at__gt=now - KEEP_AFTER_END
    ).order_by("revoked_at", "serial")
    entries = [crl.Entry(found.serial, found.revoked_at, found.reason) for found in revoked]
    row.crl_number = max(row.crl_number + 1, int(now.timestamp()))
    row.crl_pem = crl.sign_list(open_authority(row), entries, number=row.crl_number, now=now)
    row.crl_signed_at, row.crl_next_update_at = now, now + crl.LIFETIME
    row.save(update_fields=["crl_number", "crl_pem", "crl_signed_at", "crl_next_update_at"])


def _end_of_file(path: Path, row: CertificateAuthority) -> dt.datetime | None:
    """Return until when our list in the broker's file is good; None when it cannot be read."""
    [own] = crl.split_lists(row.crl_pem)
    try:
        found = crl.split_lists(path.read_text())
    except OSError:
        return None
    ends = [one.next_update_utc for one in found if crl.issuer_of(one) == crl.issuer_of(own)]
    return next((end for end in ends if end is not None), None)
