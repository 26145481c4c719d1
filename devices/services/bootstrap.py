"""Boxes that nobody owns: what they say when they are switched on."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from accounts.tenancy import all_tenants
from devices.claim_codes import normalize_hardware
from devices.models import Claim, PendingDevice, RevokedCertificate
from devices.models.claim import OPEN_STATES
from devices.pki.csr import BadRequest, WeakKey, read_request
from devices.pki.keys import fingerprint_of_key
from devices.topic_segments import is_safe_segment

CODE_LIFETIME = dt.timedelta(minutes=15)
TRIES = 5
MAX_PENDING = 20_000
FORGET_AFTER = dt.timedelta(days=2)
_SHA256 = re.compile(r"[0-9a-f]{64}")


class BadHello(ValueError):
    """A hello that cannot be used; `code` says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """What a box says of itself.

    `code_sha256`: of the code it shows, hexadecimal; a new code for each hello. `csr`: PEM, ""
    for a box that cannot make a key. `answer_prefix`: such as "/bootstrap/246F28AABBCC", ""
    where the box asks over HTTP. `gateway_uid`: who heard it, for nodes.
    """

    hardware_id: str
    model: str = ""
    serial_number: str = ""
    firmware_version: str = ""
    code_sha256: str = ""
    csr: str = ""
    answer_prefix: str = ""
    gateway_uid: str = ""


def hear_hello(*, hello: Hello, now: dt.datetime) -> PendingDevice:
    """Remember a box and the hash of the code that it shows now.

    A repeated hello changes nothing but "last heard"; neither does one while a claim is open,
    so that nobody slips another key under it.

    Raises: BadHello.
    """
    _check(hello)
    hardware_id = normalize_hardware(hello.hardware_id)
    with transaction.atomic():
        pending = _lock_or_make(hardware_id, hello, now)
        pending.last_heard_at = max(pending.last_heard_at, now)
        if not _is_being_claimed(pending):
            _take_facts(pending, hello, now)
        pending.save()
    return pending


def forget_boxes(*, now: dt.datetime, limit: int = 1000) -> int:
    """Delete boxes that were silent for two days and never claimed; return how many."""
    with all_tenants():  # whoever claimed it: a claim keeps its box
        claimed = Claim.objects.values("pending_id")
        ids = list(
            PendingDevice.objects.filter(last_heard_at__lt=now - FORGET_AFTER)
            .exclude(id__in=claimed)
            .order_by("last_heard_at", "id")
            .values_list("id", flat=True)[:limit]
        )
        return PendingDevice.objects.filter(id__in=ids).delete()[0]


def _check(hello: Hello) -> None:
    if not is_safe_segment(hello.hardware_id):
        raise BadHello("bad_hardware_id", "The hardware id cannot stand in a topic.")
    if hello.code_sha256 and not _SHA256.fullmatch(hello.code_sha256.lower()):
        raise BadHello("bad_code_hash", "code_sha256 must be 64 hexadecimal digits.")
    if not hello.code_sha256 and not hello.gateway_uid:
        raise BadHello("no_code", "Without code_sha256 nobody can claim the box.")
    if not hello.csr:
        return
    try:
        key = read_request(hello.csr)
    except (BadRequest, WeakKey) as error:
        raise BadHello("bad_csr", str(error)) from error
    if RevokedCertificate.objects.filter(key_fingerprint=fingerprint_of_key(key)).exists():
        raise BadHello("revoked_key", "This key was revoked: make a new one for each hello.")


def _lock_or_make(hardware_id: str, hello: Hello, now: dt.datetime) -> PendingDevice:
    rows = PendingDevice.objects.select_for_update()
    found = rows.filter(hardware_id=hardware_id).first()
    if found is not None:
        return found
    if PendingDevice.objects.count() >= MAX_PENDING:
        raise BadHello("too_many_boxes", f"{MAX_PENDING} boxes wait already.")
    try:
        with transaction.atomic():
            return PendingDevice.objects.create(
                hardware_id=hardware_id,
                spelling=hello.hardware_id,
                first_heard_at=now,
                last_heard_at=now,
            )
    except IntegrityError:  # two hellos of one box
        return rows.get(hardware_id=hardware_id)


def _is_being_claimed(pending: PendingDevice) -> bool:
    with all_tenants():  # the box belongs to nobody known here
        return Claim.objects.filter(pending=pending, state__in=OPEN_STATES).exists()


def _take_facts(pending: PendingDevice, hello: Hello, now: dt.datetime) -> None:
    pending.spelling = hello.hardware_id
    pending.answer_prefix = hello.answer_prefix
    pending.gateway_uid = hello.gateway_uid
    pending.model = hello.model[:64]
    pending.serial_number = hello.serial_number[:64]
    pending.firmware_version = hello.firmware_version[:50]
    code_hash = hello.code_sha256.lower()
    if code_hash == pending.code_hash:
        return
    pending.csr = hello.csr.strip()
    pending.code_hash = code_hash
    pending.code_expires_at = now + CODE_LIFETIME if code_hash else None
    pending.tries_left = TRIES if code_hash else 0
