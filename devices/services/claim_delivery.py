"""From a claim to a box that works: what it is told, and what it answers."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from accounts.tenancy import all_tenants, tenant_scope
from devices.claim_codes import matches, normalize_hardware
from devices.models import Claim, ClaimState, Device, Lifecycle, PendingDevice
from devices.models.claim import HOLDING_STATES, OPEN_STATES
from devices.services import identities
from devices.services.broker_accounts import device_topics, gateway_topics
from devices.services.firmware_keys import ensure_signer
from devices.services.guesses import CodeRefused
from devices.services.lifecycle import change_lifecycle, lock_device
from devices.services.outbox import queue_message


class NotClaimed(Refusal):
    """The box is known and nobody has claimed it yet."""

    code = "not_claimed"
    message = _("Nobody has claimed this box yet. Ask again in a few seconds.")


class CredentialsTaken(Refusal):
    """A key was handed out for this claim; it is not kept, so there is none to hand out again."""

    code = "credentials_taken"
    message = _("The credentials were fetched already. Claim the box again for new ones.")


class NoOpenClaim(ValueError):
    """A box confirms what nobody offered."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a box connects with; `key_pem` only where we made the key."""

    device: Device
    certificate_pem: str
    key_pem: str = ""

    def __repr__(self) -> str:
        return f"Identity({self.device!r})"


def describe_identity(identity: Identity, *, now: dt.datetime) -> dict[str, Any]:
    """Return what a box is told: who it is, where it connects, which topics are its own.

    The endpoint is the one for devices outside (MQTT_EXTERNAL_*), not the platform's own.
    The key is the one by which offers of firmware are checked: this message is the only one
    that a box believes before it can check signatures.
    """
    device, signer = identity.device, ensure_signer(now=now)
    gateway = device.gateway
    prefix = device_topics(device) if gateway is None else gateway_topics(gateway)
    told = {
        "state": "delivered",
        "tenant_id": str(device.tenant_id),
        "device_id": str(device.id),
        "gateway_uid": gateway.uid if gateway else "",
        "username": identities.username_of(device),
        "mqtt": {
            "host": settings.MQTT_EXTERNAL_HOST,
            "port": settings.MQTT_EXTERNAL_PORT,
            "tls": settings.MQTT_EXTERNAL_TLS,
        },
        "ca": identities.authority_pem(),
        "certificate": identity.certificate_pem,
        "firmware": {"alg": "ed25519", "key": signer.public_key, "fingerprint": signer.fingerprint},
        "topics": {
            "prefix": prefix,
            "down": f"{prefix}/down/#",
            "status": f"{prefix}/reported/status",
            "ownership_ack": f"zeus/devices/{device.id}/events/ownership_ack",
        },
    }
    return {**told, "key": identity.key_pem} if identity.key_pem else told


def tell_claimed(*, claim: Claim, now: dt.datetime) -> None:
    """Tell a waiting box that somebody claimed it, so that it says it is ready."""
    told = {
        "state": "claimed",
        "expires_at": claim.expires_at.isoformat(),
        "credentials_url": f"{settings.PUBLIC_URL}/api/v1/bootstrap/credentials",
    }
    _send(claim, told, now)


@transaction.atomic
def note_ready(*, spelling: str, now: dt.datetime) -> bool:
    """A claimed box is ready: deliver what it connects with. Tell whether anything was sent.

    Again for a box that asks again. Boxes that nobody claimed are not answered.
    """
    claim = _lock_open_claim(spelling)
    if claim is None:
        return False
    if claim.state == ClaimState.CLAIMED:
        claim.state, claim.ready_at = ClaimState.READY, now
    if not claim.certificate_pem or claim.device is None:
        claim.save()
        tell_claimed(claim=claim, now=now)  # it fetches a key over HTTPS
        return True
    claim.state, claim.delivered_at = ClaimState.DELIVERED, claim.delivered_at or now
    claim.save()
    _send(claim, describe_identity(Identity(claim.device, claim.certificate_pem), now=now), now)
    return True


def take_credentials(*, hardware_id: str, code: str, csr: str, now: dt.datetime) -> Identity:
    """Hand a claimed box its identity over HTTPS, by the code that it shows.

    A key that we made is handed out once and not kept; a certificate for the box's own key
    may be fetched again.

    Raises: CodeRefused, NotClaimed, CredentialsTaken, RequestRefused, NoAuthority.
    """
    with transaction.atomic():
        claim = _lock_claim_of_code(hardware_id, code)
        if claim.device is None:
            raise NotClaimed
        with tenant_scope(claim.tenant_id):
            identity = _issue(claim, claim.device, csr.strip(), now)
            claim.credentials_taken_at = now
            claim.state, claim.delivered_at = ClaimState.DELIVERED, claim.delivered_at or now
            claim.save()
            return identity


@transaction.atomic
def note_ownership(*, device: Device, is_accepted: bool, now: dt.datetime) -> bool:
    """A box confirms, over its own connection, whose it is. Tell whether that was news.

    Raises: NoOpenClaim.
    """
    claim = (
        Claim.objects.select_for_update(of=("self",))
        .filter(device=device, state__in=HOLDING_STATES)
        .order_by("-claimed_at")
        .first()
    )
    if claim is not None and claim.state == ClaimState.OWNED:
        return False
    if claim is None or claim.state != ClaimState.DELIVERED:
        raise NoOpenClaim("Nothing was delivered to this box.")
    if not is_accepted:
        # by way of the sweep: the broker must not wait for itself
        claim.expires_at = now
        claim.save(update_fields=["expires_at", "updated_at"])
        return True
    complete_claim(claim=claim, now=now)
    return True


def complete_claim(*, claim: Claim, now: dt.datetime) -> None:
    """Close a locked claim as owned; its device works from now on."""
    claim.state, claim.owned_at = ClaimState.OWNED, now
    claim.save()
    if claim.device_id is None:
        return
    device = lock_device(claim.device_id)
    change_lifecycle(device=device, to=Lifecycle.ACTIVE)
    record_event(
        action="claim.completed",
        now=now,
        tenant_id=claim.tenant_id,
        obj=device,
        detail={"hardware": claim.hardware_id, "claim": str(claim.id)},
    )


def _issue(claim: Claim, device: Device, csr: str, now: dt.datetime) -> Identity:
    if claim.certificate_pem and csr in ("", claim.csr):
        if not claim.csr:
            raise CredentialsTaken
        return Identity(device, claim.certificate_pem)
    if claim.credentials_taken_at is not None or claim.certificate_pem:
        raise CredentialsTaken
    if csr:
        claim.csr = csr
        claim.certificate_pem = identities.replace_identity(device=device, csr=csr, now=now)
        return Identity(device, claim.certificate_pem)
    claim.certificate_pem, key = identities.replace_with_new_key(device=device, now=now)
    return Identity(device, claim.certificate_pem, key)


def _lock_claim_of_code(hardware_id: str, code: str) -> Claim:
    pending = PendingDevice.objects.filter(hardware_id=normalize_hardware(hardware_id)).first()
    with all_tenants():  # the code proves who asks, and says nothing of the tenant
        rows = Claim.objects.select_for_update(of=("self",)).select_related("device__gateway")
        claims = rows.filter(pending=pending, state__in=OPEN_STATES) if pending else rows.none()
        claim = claims.first()
    if claim is not None and matches(code, claim.code_hash):
        return claim
    if not matches(code, pending.code_hash if pending else "0" * 64):
        raise CodeRefused
    raise NotClaimed


def _lock_open_claim(spelling: str) -> Claim | None:
    return (
        Claim.objects.select_for_update(of=("self",))
        .select_related("device__gateway", "pending")
        .filter(pending__hardware_id=normalize_hardware(spelling), state__in=OPEN_STATES)
        .first()
    )


def _send(claim: Claim, told: dict[str, Any], now: dt.datetime) -> None:
    if not claim.pending.answer_prefix:
        return  # it asked over HTTP and asks again
    queue_message(
        topic=f"{claim.pending.answer_prefix}/claim",
        payload=json.dumps({**told, "claim_id": str(claim.id)}).encode(),
        now=now,
        tenant_id=claim.tenant_id,
        expires_at=claim.expires_at,
    )
