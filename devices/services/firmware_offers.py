"""Offers firmware to devices: signed, with an address that holds for ten minutes."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.db.models import F

from accounts.tenancy import all_tenants, tenant_scope
from devices.downlink import down_topic, encode
from devices.firmware.offer import TTL_SECONDS, Offer, sign_offer
from devices.models import (
    ACTIVE_STATES,
    Campaign,
    CampaignState,
    CampaignTarget,
    FirmwareRelease,
    TargetState,
)
from devices.services.campaign_targets import move
from devices.services.command_wire import place_of
from devices.services.firmware_keys import signing_key
from devices.services.outbox import queue_message

CLOCK_SECONDS = 60  # by which two of our machines may differ
RENEW_AFTER = dt.timedelta(seconds=10)
MAX_TIMES_OVER = 30  # how often a device may ask for all bytes of an image in one try
_SALT = "devices.firmware.download"
PATH = "/firmware/images"


class NoDownload(Exception):
    """The address is wrong, old, another device's, or its try is over."""


class NotNow(Exception):
    """The campaign does not run; the device may come again."""


class AskedTooOften(Exception):
    """The device loads the same bytes over and over."""


@dataclass(frozen=True, slots=True)
class Download:
    """What a device may load; `stored_as` is a name in the storage of images."""

    target_id: uuid.UUID
    tenant_id: uuid.UUID
    stored_as: str
    size: int
    sha256: str
    version: str


def offer_firmware(
    target: CampaignTarget, release: FirmwareRelease, *, private_key: bytes, now: dt.datetime
) -> None:
    """Begin a try, or renew the address of the one that goes on; the caller holds the lock.

    Raises: UnusableTopic.
    """
    job_id = target.job_id or uuid.uuid4()
    device = target.device
    offer = Offer(
        job_id=job_id,
        device_id=device.id,
        version=release.version,
        size=release.size,
        sha256=release.sha256,
        url=_address(target, release, job_id, now),
        manifest=release.manifest,
        manifest_signature=release.signature,
    )
    queue_message(
        topic=down_topic(place_of(device), "firmware"),
        payload=encode(sign_offer(offer, private_key=private_key, now=now)),
        now=now,
        tenant_id=target.tenant_id,
        expires_at=now + dt.timedelta(seconds=TTL_SECONDS),
    )
    if target.job_id is None:
        tries = target.tries + 1
        move(
            target, TargetState.OFFERED, now=now, job_id=job_id, offered_at=now, tries=tries,
            next_try_at=None, progress=0, downloads=0, asked_bytes=0,
        )  # fmt: skip
    else:
        target.offered_at = now
        target.save(update_fields=["offered_at", "updated_at"])


def renew_offer(target: CampaignTarget, campaign: Campaign, *, now: dt.datetime) -> bool:
    """Send the offer of a try that goes on again; False when that was done just now."""
    if target.offered_at is not None and now - target.offered_at < RENEW_AFTER:
        return False
    release = campaign.release
    if campaign.state != CampaignState.RUNNING or release is None or release.withdrawn_at:
        return False
    offer_firmware(target, release, private_key=signing_key(now=now), now=now)
    return True


def open_download(
    *, device_id: uuid.UUID, release_id: uuid.UUID, token: str, now: dt.datetime
) -> Download:
    """Check a device's address and note that it loads.

    Raises: NoDownload, NotNow, AskedTooOften.
    """
    try:
        claims = signing.loads(token, salt=_SALT)
        ids = [uuid.UUID(claims[name]) for name in ("target", "device", "release", "job")]
        at = float(claims["at"])
    except (signing.BadSignature, KeyError, TypeError, ValueError) as error:
        raise NoDownload from error
    target_id, device, release, job = ids
    is_fresh = -CLOCK_SECONDS <= now.timestamp() - at <= TTL_SECONDS
    if not is_fresh or (device, release) != (device_id, release_id):
        raise NoDownload
    with all_tenants():
        tenants = CampaignTarget.objects.filter(id=target_id).values_list("tenant_id", flat=True)
        tenant_id = tenants.first()
    if tenant_id is None:
        raise NoDownload
    with tenant_scope(tenant_id):
        return _open(target_id, device_id, release_id, job, now)


def note_asked(*, download: Download, number: int, now: dt.datetime) -> None:
    """Count a request for so many bytes of an image."""
    with tenant_scope(download.tenant_id):
        CampaignTarget.objects.filter(id=download.target_id).update(
            downloads=F("downloads") + 1, asked_bytes=F("asked_bytes") + number, updated_at=now
        )


@transaction.atomic
def _open(
    target_id: uuid.UUID, device_id: uuid.UUID, release_id: uuid.UUID, job: uuid.UUID,
    now: dt.datetime,
) -> Download:  # fmt: skip
    target = (
        CampaignTarget.objects.select_related("campaign__release", "device")
        .select_for_update(of=("self",))
        .filter(
            id=target_id,
            device=device_id,
            job_id=job,
            state__in=ACTIVE_STATES,
            device__shut_out=None,
        )  # fmt: skip
        .first()
    )
    release = target.campaign.release if target else None
    if target is None or release is None or release.id != release_id or release.withdrawn_at:
        raise NoDownload
    if target.campaign.state != CampaignState.RUNNING:
        raise NotNow
    if target.asked_bytes >= MAX_TIMES_OVER * release.size:
        raise AskedTooOften
    if target.state == TargetState.OFFERED:
        move(target, TargetState.DOWNLOADING, now=now)
    return Download(
        target.id, target.tenant_id, release.stored_as, release.size, release.sha256,
        release.version,
    )  # fmt: skip


def _address(
    target: CampaignTarget, release: FirmwareRelease, job_id: uuid.UUID, now: dt.datetime
) -> str:
    claims = {
        "target": str(target.id),
        "device": str(target.device_id),
        "release": str(release.id),
        "job": str(job_id),
        "at": now.timestamp(),
    }
    token = signing.dumps(claims, salt=_SALT)
    path = f"{PATH}/{target.device_id}/{release.id}"
    return f"{settings.PUBLIC_URL}{path}?{urlencode({'token': token})}"
