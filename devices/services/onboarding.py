"""A device that the platform knows first: a one-time token lets it fetch its identity."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from accounts.tenancy import all_tenants, tenant_scope
from devices.claim_codes import hash_code, make_code, matches
from devices.models import Device, Lifecycle, OnboardingToken
from devices.services import identities
from devices.services.claim_delivery import Identity
from devices.services.guesses import CodeRefused, guessing
from devices.services.lifecycle import BadTransition, change_lifecycle, lock_device

LIFETIME = dt.timedelta(minutes=15)
TRIES = 5
_ABSENT = "0" * 64


class NotABox(Refusal):
    """The device speaks through a gateway."""

    code = "not_a_box"
    message = _("This device has no connection of its own: its gateway speaks for it.")


class TokenRefused(CodeRefused):
    """Wrong, used, too old or tried too often; never said which."""

    code = "token_refused"
    message = _("The token is not valid. Make a new one.")


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token just made; `text` is never to be had again."""

    token: OnboardingToken
    text: str

    def __repr__(self) -> str:
        return f"NewToken({self.token!r})"


@transaction.atomic
def create_token(*, device_id: uuid.UUID, now: dt.datetime) -> NewToken:
    """Make a token for a box of the tenant in scope, good for fifteen minutes, once.

    Earlier tokens of the device end.

    Raises: DeviceGone, NotABox, BadTransition.
    """
    device = lock_device(device_id)
    if not device.is_box:
        raise NotABox
    if device.lifecycle == Lifecycle.DECOMMISSIONED:
        raise BadTransition
    OnboardingToken.objects.filter(device=device, used_at=None).update(expires_at=now)
    secret = make_code()
    token = OnboardingToken.objects.create(
        tenant_id=device.tenant_id,
        device=device,
        token_hash=hash_code(secret),
        tries_left=TRIES,
        expires_at=now + LIFETIME,
    )
    record_event(
        action="onboarding.token_created",
        now=now,
        tenant_id=device.tenant_id,
        obj=device,
        detail={"token": str(token.id)},
    )
    return NewToken(token, f"{token.id.hex}.{secret}")


def use_token(*, text: str, csr: str, guesser: Sequence[str], now: dt.datetime) -> Identity:
    """Trade a token for an identity; without a request a key is made and handed out once.

    Raises: TokenRefused, TooManyTries, RequestRefused.
    """
    key, _dot, secret = text.strip().partition(".")
    with guessing(guesser, now=now):
        with transaction.atomic():
            token = _lock(key)
            if token is not None and _is_good(token, secret, now):
                with tenant_scope(token.tenant_id):
                    return _onboard(token, csr.strip(), now)
        raise TokenRefused  # after the try was counted


def _lock(key: str) -> OnboardingToken | None:
    try:
        token_id = uuid.UUID(hex=key[:36])
    except ValueError:
        return None
    with all_tenants():  # the token proves who asks, and says nothing of the tenant
        return OnboardingToken.objects.select_for_update(of=("self",)).filter(id=token_id).first()


def _is_good(token: OnboardingToken, secret: str, now: dt.datetime) -> bool:
    is_usable = token.used_at is None and token.expires_at > now and token.tries_left > 0
    is_right = matches(secret, token.token_hash if is_usable else _ABSENT)
    if is_usable and not is_right:
        token.tries_left -= 1
        with tenant_scope(token.tenant_id):
            token.save(update_fields=["tries_left", "updated_at"])
    return is_right


def _onboard(token: OnboardingToken, csr: str, now: dt.datetime) -> Identity:
    device: Device = lock_device(token.device_id)
    token.used_at = now
    token.save(update_fields=["used_at", "updated_at"])
    change_lifecycle(device=device, to=Lifecycle.PROVISIONED)
    key_pem = ""
    if csr:
        certificate_pem = identities.replace_identity(device=device, csr=csr, now=now)
    else:
        certificate_pem, key_pem = identities.replace_with_new_key(device=device, now=now)
    record_event(
        action="onboarding.completed",
        now=now,
        tenant_id=device.tenant_id,
        obj=device,
        detail={"token": str(token.id)},
    )
    return Identity(device, certificate_pem, key_pem)
