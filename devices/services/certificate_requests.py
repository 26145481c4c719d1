"""A box asks for the successor of its certificate, over its own connection."""

from __future__ import annotations

import datetime as dt
import json

from django.db import transaction

from devices.downlink import down_topic
from devices.models import Device, DeviceCertificate
from devices.pki.csr import BadRequest, WeakKey, read_request
from devices.pki.keys import fingerprint_of_key
from devices.services.certificates import RequestRefused, renew_certificate
from devices.services.command_wire import place_of
from devices.services.identities import authority_pem
from devices.services.outbox import queue_message


class NothingToRenew(ValueError):
    """A box without a valid certificate: it is claimed or onboarded, not renewed."""


@transaction.atomic
def answer_certificate_request(*, device: Device, csr_pem: str, now: dt.datetime) -> None:
    """Issue the successor of a box's newest certificate and send it; the old one stays good.

    The same request again is answered with the same certificate.

    Raises: NothingToRenew, and as `renew_certificate`.
    """
    Device.objects.select_for_update(of=("self",)).get(id=device.id)
    valid = DeviceCertificate.objects.filter(device=device, revoked_at=None, not_after__gt=now)
    newest = valid.order_by("-created_at", "-id").first()
    if newest is None:
        raise NothingToRenew("This box has no valid certificate.")
    found = valid.filter(key_fingerprint=_key_fingerprint(csr_pem)).first()
    if found is None:
        found = renew_certificate(serial=newest.serial, csr_pem=csr_pem, now=now).certificate
    told = {"certificate": found.pem, "serial": found.serial, "ca": authority_pem()}
    queue_message(
        topic=down_topic(place_of(device), "certificate"),
        payload=json.dumps(told).encode(),
        now=now,
        tenant_id=device.tenant_id,
    )


def _key_fingerprint(csr_pem: str) -> str:
    try:
        return fingerprint_of_key(read_request(csr_pem))
    except (BadRequest, WeakKey) as error:
        raise RequestRefused(str(error)) from error
