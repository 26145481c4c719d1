"""Somebody else pairs at a gateway for a time: an installer, or another organisation.

The owner makes a one-time token; who knows it redeems it as the person they are signed in
as. Until the grant ends this person may let devices join at that one gateway, and accept or
refuse those that joined since. The devices belong to the gateway's owner.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from accounts.tenancy import all_tenants, tenant_scope
from devices.claim_codes import hash_code, make_code, matches
from devices.models import (
    Device,
    Gateway,
    GatewayShareToken,
    PendingZigbeeClaim,
    ZigbeeBridge,
    ZigbeeClaimState,
)
from devices.services.guesses import CodeRefused, guessing
from devices.services.zigbee import ZigbeeGone, accept_claim, permit_join, refuse_claim

LIFETIME = dt.timedelta(hours=24)
TRIES = 5
LONGEST_MINUTES = 24 * 60


class ShareRefused(CodeRefused):
    """Wrong, used, revoked or too old; never said which."""

    code = "pairing_token_refused"
    message = _("There is no such pairing token, or it was used. Ask for a new one.")


class GrantOver(Refusal):
    """The person may not pair at the gateway, or not any more."""

    code = "grant_over"
    message = _("The time for pairing is over. Ask for a new token.")


class BadMinutes(Refusal):
    """A grant holds for five minutes to a day."""

    code = "bad_pairing_minutes"
    message = _("Choose 5 minutes to 24 hours.")


@dataclass(frozen=True, slots=True)
class NewShareToken:
    """A token just made; `code` is never to be had again."""

    token: GatewayShareToken
    code: str

    def __repr__(self) -> str:
        return f"NewShareToken({self.token!r})"


@dataclass(frozen=True, slots=True)
class PairingView:
    """What somebody with a grant sees of the gateway."""

    grant: GatewayShareToken
    gateway: Gateway
    bridge: ZigbeeBridge | None
    claims: Sequence[PendingZigbeeClaim]


@transaction.atomic
def create_share_token(
    *, gateway_id: uuid.UUID, minutes: int, made_by: User | None, now: dt.datetime
) -> NewShareToken:
    """Make a token of 130 bits that can be redeemed once within 24 hours.

    Raises: ZigbeeGone, BadMinutes.
    """
    if not 5 <= minutes <= LONGEST_MINUTES:
        raise BadMinutes
    gateway = Gateway.objects.filter(id=gateway_id).first()
    if gateway is None:
        raise ZigbeeGone
    secret = make_code()
    token = GatewayShareToken.objects.create(
        tenant_id=gateway.tenant_id,
        gateway=gateway,
        made_by=made_by,
        code_hash=hash_code(secret),
        tries_left=TRIES,
        pairing_minutes=minutes,
        expires_at=now + LIFETIME,
    )
    _record("zigbee.share_created", token, now, minutes=minutes)
    return NewShareToken(token, f"{token.id.hex}.{secret}")


@transaction.atomic
def revoke_share_token(*, token_id: uuid.UUID, now: dt.datetime) -> None:
    """End a token, and the grant that came of it.

    Raises: ZigbeeGone.
    """
    rows = GatewayShareToken.objects.select_for_update(of=("self",)).select_related("gateway")
    token = rows.filter(id=token_id, revoked_at=None).first()
    if token is None:
        raise ZigbeeGone
    token.revoked_at = now
    token.save(update_fields=["revoked_at", "updated_at"])
    _record("zigbee.share_revoked", token, now)


def redeem_share_token(
    *, code: str, person: User, guesser: Sequence[str], now: dt.datetime
) -> GatewayShareToken:
    """Turn a token into a grant for the person who knows it; once.

    Raises: ShareRefused, TooManyTries.
    """
    key, _dot, secret = code.strip().partition(".")
    with guessing(guesser, now=now):
        with transaction.atomic():
            token = _lock(key)
            if token is not None and _is_good(token, secret, now):
                _grant(token, person, now)
                return token
        raise ShareRefused  # after the try was counted


def find_pairing(*, grant_id: uuid.UUID, person: User, now: dt.datetime) -> PairingView:
    """Return what a grant shows: the gateway, and the devices that joined since it began.

    Raises: GrantOver.
    """
    grant = _find_grant(grant_id, person, now)
    with tenant_scope(grant.tenant_id):
        bridge = ZigbeeBridge.objects.filter(gateway_id=grant.gateway_id).first()
        return PairingView(grant, grant.gateway, bridge, list(_claims(grant, now)))


def permit_join_by_grant(
    *, grant_id: uuid.UUID, person: User, seconds: int, now: dt.datetime
) -> None:
    """Let devices join at the gateway of a grant.

    Raises: GrantOver, BridgeOffline, BadJoinTime.
    """
    grant = _find_grant(grant_id, person, now)
    with tenant_scope(grant.tenant_id):
        permit_join(gateway_id=grant.gateway_id, seconds=seconds, now=now)


def decide_by_grant(
    *, grant_id: uuid.UUID, claim_id: uuid.UUID, person: User, name: str | None, now: dt.datetime
) -> Device | None:
    """Accept a device that joined since the grant began under a name; None refuses it.

    Raises: GrantOver, ZigbeeGone, InterviewRunning, QuotaDevices.
    """
    grant = _find_grant(grant_id, person, now)
    with tenant_scope(grant.tenant_id):
        if not _claims(grant, now).filter(id=claim_id).exists():
            raise ZigbeeGone
        if name is None:
            refuse_claim(claim_id=claim_id, now=now)
            return None
        return accept_claim(claim_id=claim_id, name=name, now=now)


def _claims(grant: GatewayShareToken, now: dt.datetime):  # type: ignore[no-untyped-def]
    return PendingZigbeeClaim.objects.select_related("node").filter(
        gateway_id=grant.gateway_id, state=ZigbeeClaimState.OPEN, expires_at__gt=now,
        joined_at__gte=grant.redeemed_at,
    ).order_by("-joined_at", "id")  # fmt: skip


def _find_grant(grant_id: uuid.UUID, person: User, now: dt.datetime) -> GatewayShareToken:
    with all_tenants():  # the grant is the owner's consent; it names the person
        rows = GatewayShareToken.objects.select_related("gateway__site", "tenant")
        grant = rows.filter(
            id=grant_id, redeemed_by=person, grant_ends_at__gt=now, revoked_at=None,
            tenant__is_active=True,
        ).first()  # fmt: skip
    if grant is None:
        raise GrantOver
    return grant


def _lock(key: str) -> GatewayShareToken | None:
    try:
        token_id = uuid.UUID(hex=key[:36])
    except ValueError:
        return None
    with all_tenants():  # the code is the owner's consent
        rows = GatewayShareToken.objects.select_for_update(of=("self",))
        return rows.select_related("gateway").filter(id=token_id).first()


def _is_good(token: GatewayShareToken, secret: str, now: dt.datetime) -> bool:
    is_usable = (
        token.redeemed_at is None
        and token.revoked_at is None
        and token.expires_at > now
        and token.tries_left > 0
    )
    is_right = matches(secret, token.code_hash if is_usable else "0" * 64)
    if is_usable and not is_right:
        token.tries_left -= 1
        with tenant_scope(token.tenant_id):
            token.save(update_fields=["tries_left", "updated_at"])
    return is_right


def _grant(token: GatewayShareToken, person: User, now: dt.datetime) -> None:
    token.redeemed_at, token.redeemed_by = now, person
    token.grant_ends_at = now + dt.timedelta(minutes=token.pairing_minutes)
    with tenant_scope(token.tenant_id):
        token.save()
        _record("zigbee.share_redeemed", token, now)


def _record(action: str, token: GatewayShareToken, now: dt.datetime, **detail: object) -> None:
    record_event(
        action=action,
        now=now,
        tenant_id=token.tenant_id,
        obj=token.gateway,
        detail={"token": str(token.id), **detail},
    )
