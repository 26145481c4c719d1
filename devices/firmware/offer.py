"""The signed message by which a device is offered firmware, and how a device checks it.

    {"type": "firmware", "alg": "ed25519", "key": "<fingerprint>", "job_id": "…",
     "device_id": "…", "version": "2.4.1", "size": 812032, "sha256": "…", "url": "https://…",
     "ts": 1763712000, "expires_at": 1763712600, "manifest": "{…}",
     "manifest_signature": "…", "sig": "…"}

`sig` is base64 of our Ed25519 signature over the message without it, keys sorted, no blanks,
UTF-8. `manifest` is the vendor's text, which the device may check with the vendor's own key.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devices.firmware.keys import (
    decode_signature,
    encode,
    fingerprint_of,
    is_signed_by,
    public_key_of,
    sign,
)
from devices.signature import FIELD, canonical

TTL_SECONDS = 600


class BadOffer(ValueError):
    """An offer that a device must not follow; `code` says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Offer:
    """What a device is offered; `manifest` and its signature are the vendor's."""

    job_id: uuid.UUID
    device_id: uuid.UUID
    version: str
    size: int
    sha256: str
    url: str
    manifest: str
    manifest_signature: str


def sign_offer(offer: Offer, *, private_key: bytes, now: dt.datetime) -> dict[str, Any]:
    """Return the message for the device; it holds for ten minutes."""
    at = int(now.timestamp())
    message: dict[str, Any] = {
        "type": "firmware",
        "alg": "ed25519",
        "key": fingerprint_of(public_key_of(private_key)),
        "job_id": str(offer.job_id),
        "device_id": str(offer.device_id),
        "version": offer.version,
        "size": offer.size,
        "sha256": offer.sha256,
        "url": offer.url,
        "ts": at,
        "expires_at": at + TTL_SECONDS,
        "manifest": offer.manifest,
        "manifest_signature": offer.manifest_signature,
    }
    return {**message, FIELD: encode(sign(private_key, canonical(message)))}


def check_offer(
    message: Mapping[str, Any], *, public_key: bytes, device_id: uuid.UUID, now: dt.datetime
) -> None:
    """Check an offer as a device does before it loads anything.

    Raises: BadOffer: `bad_signature`, `other_device` or `expired`.
    """
    signature = decode_signature(str(message.get(FIELD, "")))
    if signature is None or not is_signed_by(public_key, signature, canonical(message)):
        raise BadOffer("bad_signature", "The offer is not signed by the platform.")
    if message.get("type") != "firmware" or message.get("device_id") != str(device_id):
        raise BadOffer("other_device", "The offer is for another device.")
    if int(now.timestamp()) > int(message["expires_at"]):
        raise BadOffer("expired", "The offer is too old; ask for a new one.")
