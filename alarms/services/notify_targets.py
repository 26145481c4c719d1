"""Ways to tell people: made, changed, removed."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.models import User
from alarms.delivery.chat import ChatRefused, check_chat, shown_chat
from alarms.delivery.webhook import rules
from alarms.models import NotificationTarget, TargetKind
from alarms.models.notify import PERSONAL
from alarms.notify.weeks import BadSlots, plain_slots, read_slots
from alarms.services.people import make_personal
from energy.lib.outbound import OutboundRefused, check_url
from energy.lib.sealing import Purpose, seal

MAX_TARGETS = 200  # of a tenant, those of people not counted
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Manners:
    """How a target is told. quiet: slots as they are stored, in `timezone`."""

    language: str = "en"
    timezone: str = "UTC"
    quiet: tuple[dict[str, Any], ...] = ()
    gather_seconds: int = 0
    most_per_hour: int = 20
    digest_at: dt.time | None = None
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class Wanted:
    """A target of the organisation. address: of a mail, a webhook, or a URL of Apprise.

    A blank address keeps the one there is, where it is a secret.
    """

    name: str
    kind: str
    address: str = ""
    manners: Manners = Manners()


@transaction.atomic
def save_target(
    wanted: Wanted, *, target: NotificationTarget | None = None
) -> tuple[NotificationTarget, str]:
    """Make or change a target; a new webhook comes with its secret, which is told only once.

    Raises: ValidationError: by the names of fields.
    """
    if target is None and NotificationTarget.objects.filter(person=None).count() >= MAX_TARGETS:
        raise ValidationError({"name": _("There are too many targets.")}, code="too_many")
    kept = target is not None and target.kind == wanted.kind and not wanted.address
    target = target or NotificationTarget()
    target.name, target.kind = wanted.name, wanted.kind
    secret = "" if kept else _set_address(target, wanted.address)
    _set_manners(target, wanted.manners)
    _save(target)
    return target, secret


def rotate_secret(target: NotificationTarget) -> str:
    """Sign with a new secret from now on; return it."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    target.secret = seal(secret, purpose=Purpose.NOTIFICATION_TARGET)
    target.save(update_fields=["secret", "updated_at"])
    return secret


@transaction.atomic
def save_mine(person: User, manners: Manners, kinds: set[str]) -> list[NotificationTarget]:
    """Let a person be told by these of the personal kinds, all in the same manner.

    Raises: ValidationError.
    """
    found = []
    for kind in PERSONAL:
        target = make_personal(person, kind)
        _set_manners(target, manners)
        target.is_active = kind in kinds
        _save(target)
        found.append(target)
    return found


def remove_target(target_id: uuid.UUID) -> None:
    """Remove a target of the organisation, with what was sent to it."""
    NotificationTarget.objects.filter(id=target_id, person=None).delete()


def _set_address(target: NotificationTarget, address: str) -> str:
    """Set where it goes; return the secret of a new webhook."""
    secret = ""
    if target.kind == TargetKind.EMAIL:
        _check(validate_email, address)
        target.address, target.secret = address, ""
    elif target.kind == TargetKind.WEBHOOK:
        _check(lambda url: check_url(url, rules()), address)
        target.address = address
        if not target.secret or not target.pk:
            secret = secrets.token_urlsafe(SECRET_BYTES)
            target.secret = seal(secret, purpose=Purpose.NOTIFICATION_TARGET)
    elif target.kind == TargetKind.APPRISE:
        _check(check_chat, address)
        target.address = shown_chat(address)
        target.secret = seal(address, purpose=Purpose.NOTIFICATION_TARGET)
    else:
        raise ValidationError({"kind": _("Only people have this.")}, code="invalid")
    return secret


def _check(check: Any, address: str) -> None:
    if not address:
        raise ValidationError({"address": _("Fill this in.")}, code="required")
    try:
        check(address)
    except ValidationError as error:
        raise ValidationError({"address": error.messages}) from error
    except (OutboundRefused, ChatRefused) as error:
        raise ValidationError({"address": str(error)}, code="refused") from error


def _set_manners(target: NotificationTarget, manners: Manners) -> None:
    try:
        slots = read_slots(list(manners.quiet), may_be_all=False)
    except BadSlots as error:
        raise ValidationError({"quiet": str(error)}, code="invalid") from error
    target.quiet = plain_slots(slots)
    target.language, target.timezone = manners.language, manners.timezone
    target.gather_seconds, target.most_per_hour = manners.gather_seconds, manners.most_per_hour
    target.digest_at, target.is_active = manners.digest_at, manners.is_active


def _save(target: NotificationTarget) -> None:
    target.check_tenant()
    target.clean_fields(exclude=["tenant", "person"])
    try:
        with transaction.atomic():
            target.save()
    except IntegrityError as error:
        raise ValidationError({"name": _("This name is taken.")}, code="unique") from error
