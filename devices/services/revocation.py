"""Ends the access of boxes: single certificates, or everything a box has."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.services.audit import record_event
from devices.boxes import NotABox, topics_down, username_of
from devices.models import (
    Device,
    DeviceCertificate,
    OutboundMessage,
    RevocationReason,
    RevokedCertificate,
    ShutOut,
)
from devices.services.broker_changes import ask_for_cut, ask_for_removal, carry_out_soon
from devices.services.certificates import GRACE, CertificateGone


@transaction.atomic
def revoke_certificate(
    *, serial: str, reason: str, now: dt.datetime, note: str = ""
) -> DeviceCertificate:
    """Let a certificate open nothing any more, and end the session of its box.

    With another valid certificate the box may come back at once; else it is shut out. The
    broker is told when the transaction commits, and by the sweep until it has done it.

    Raises: CertificateGone: there is none, or it is revoked already.
    """
    found = (
        DeviceCertificate.objects.select_related("device", "device__gateway")
        .select_for_update(of=("self",))
        .filter(serial=serial.lower(), revoked_at=None)
        .first()
    )
    if found is None:
        raise CertificateGone
    device = _lock(found.device)
    _revoke_rows([found], reason, now, note)
    if _valid(device, now).exists():
        ask_for_cut(device_id=device.id, username=found.common_name, now=now)
    else:
        _shut_out(device, reason, now)
    carry_out_soon(now=now)
    return found


@transaction.atomic
def shut_out_box(*, device: Device, reason: str, now: dt.datetime, note: str = "") -> int:
    """Take a box everything it could come in with; return how many certificates that were.

    Its account goes, also one with a password, and what waits to be sent to it. May be
    repeated. A new certificate lets it in again.

    Raises: NotABox.
    """
    device = _lock(device)
    username_of(device)
    certificates = list(DeviceCertificate.objects.filter(device=device, revoked_at=None))
    _revoke_rows(certificates, reason, now, note)
    _shut_out(device, reason, now)
    record_event(
        action="device.shut_out",
        now=now,
        tenant_id=device.tenant_id,
        obj=device,
        detail={"reason": reason, "note": note, "certificates": len(certificates)},
    )
    carry_out_soon(now=now)
    return len(certificates)


def shut_out_boxes_of(devices: Iterable[Device], *, now: dt.datetime) -> None:
    """Take those of some devices that are boxes their access, before they are deleted."""
    for device in devices:
        try:
            shut_out_box(device=device, reason=RevocationReason.CESSATION, now=now, note="deleted")
        except NotABox:
            continue


@transaction.atomic
def keep_revoked(*, now: dt.datetime) -> int:
    """Put all certificates in scope on the list, before their tenant is erased.

    Returns how many; the list is not signed yet.
    """
    valid = DeviceCertificate.objects.filter(revoked_at=None, not_after__gt=now).order_by("id")
    rows = [_as_revoked(row, RevocationReason.CESSATION, now) for row in valid]
    RevokedCertificate.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)
    valid.update(revoked_at=now, reason=RevocationReason.CESSATION)
    return len(rows)


@transaction.atomic
def revoke_replaced(*, now: dt.datetime, limit: int = 200) -> int:
    """Revoke what a newer certificate replaced that is in use or was issued 30 days ago.

    Returns how many. A box that uses its new certificate keeps its session; one that was
    never seen with it is made to connect anew.
    """
    newer = DeviceCertificate.objects.filter(
        Q(first_seen_at__isnull=False) | Q(created_at__lte=now - GRACE),
        revoked_at=None,
        replaces__revoked_at=None,
        replaces__isnull=False,
    )
    rows = newer.select_related("device", "device__gateway").order_by("id")[:limit]
    number = 0
    for certificate in rows.select_for_update(of=("self",), skip_locked=True):
        number += _retire_older(certificate, now)
    if number:
        carry_out_soon(now=now)
    return number


def _retire_older(newer: DeviceCertificate, now: dt.datetime) -> int:
    """Revoke all that a certificate replaced, step by step back."""
    older: list[DeviceCertificate] = []
    link = newer.replaces_id
    while link is not None and link not in {row.id for row in older}:
        row = DeviceCertificate.objects.select_related("device").get(id=link)
        older.append(row)
        link = row.replaces_id
    left = [row for row in older if row.revoked_at is None]
    _revoke_rows(left, RevocationReason.SUPERSEDED, now, note=f"replaced by {newer.serial}")
    if left and newer.first_seen_at is None:
        ask_for_cut(device_id=newer.device_id, username=newer.common_name, now=now)
    return len(left)


def _lock(device: Device) -> Device:
    rows = Device.objects.select_related("gateway").select_for_update(of=("self",))
    return rows.get(id=device.id)


def _valid(device: Device, now: dt.datetime) -> QuerySet[DeviceCertificate]:
    return DeviceCertificate.objects.filter(device=device, revoked_at=None, not_after__gt=now)


def _revoke_rows(
    certificates: Iterable[DeviceCertificate], reason: str, now: dt.datetime, note: str
) -> None:
    for certificate in certificates:
        certificate.revoked_at, certificate.reason = now, reason
        certificate.save(update_fields=["revoked_at", "reason", "updated_at"])
        row = _as_revoked(certificate, reason, now)
        RevokedCertificate.objects.bulk_create([row], ignore_conflicts=True)
        record_event(
            action="certificate.revoked",
            now=now,
            tenant_id=certificate.tenant_id,
            obj=certificate.device,
            detail={"serial": certificate.serial, "reason": str(reason), "note": note},
        )


def _as_revoked(
    certificate: DeviceCertificate, reason: str, now: dt.datetime
) -> RevokedCertificate:
    return RevokedCertificate(
        serial=certificate.serial,
        authority_id=certificate.authority_id,
        key_fingerprint=certificate.key_fingerprint,
        revoked_at=now,
        reason=reason,
        expires_at=certificate.not_after,
    )


def _shut_out(device: Device, reason: str, now: dt.datetime) -> None:
    ShutOut.objects.update_or_create(
        device=device,
        defaults={"reason": reason, "at": now},
        create_defaults={"tenant_id": device.tenant_id, "reason": reason, "at": now},
    )
    waiting = Q()
    for start in topics_down(device):
        waiting |= Q(topic__startswith=start)
    ids = OutboundMessage.objects.filter(waiting).select_for_update(skip_locked=True)
    OutboundMessage.objects.filter(id__in=[row.id for row in ids]).delete()
    ask_for_removal(username=username_of(device), now=now)
