"""What somebody has read, and which browsers of theirs may be pushed to."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.models import User
from alarms.delivery.push import BadKeys, check_keys, push_rules
from alarms.models import InAppNote, PushSubscription, TargetKind
from alarms.services.people import make_personal
from energy.lib.outbound import OutboundRefused, check_url
from energy.lib.sealing import Purpose, seal

MAX_SUBSCRIPTIONS = 10  # of a person in a tenant; the oldest makes room
MAX_ENDPOINT = 1000


def mark_read(person: User, *, now: dt.datetime, note_ids: list[uuid.UUID] | None = None) -> int:
    """Note that a person has read notes, None: all of them; return how many were unread.

    Raises: ValidationError: one of them is not the person's.
    """
    mine = InAppNote.objects.filter(person=person)
    if note_ids is not None:
        mine = mine.filter(id__in=note_ids)
        if mine.count() < len(set(note_ids)):
            raise ValidationError({"notes": _("There is no such note.")}, code="not_found")
    return mine.filter(read_at=None).update(read_at=now)


def subscribe(
    person: User, *, endpoint: str, p256dh: str, auth: str, label: str
) -> PushSubscription:
    """Let a browser be pushed to, and its person be told that way.

    Raises: ValidationError: the address is not public, or the keys are none.
    """
    try:
        check_url(endpoint, push_rules())
        check_keys(p256dh, auth)
    except (OutboundRefused, BadKeys) as error:
        raise ValidationError({"endpoint": str(error)}, code="refused") from error
    if len(endpoint) > MAX_ENDPOINT:
        raise ValidationError({"endpoint": _("This address is too long.")}, code="too_long")
    keys = seal(json.dumps([p256dh, auth]), purpose=Purpose.PUSH_SUBSCRIPTION)
    target = make_personal(person, TargetKind.WEB_PUSH)
    if not target.is_active:
        target.is_active = True
        target.save(update_fields=["is_active", "updated_at"])
    known = hashlib.sha256(endpoint.encode()).hexdigest()
    found, _is_new = PushSubscription.objects.update_or_create(
        person=person, endpoint_hash=known,
        defaults={"endpoint": endpoint, "keys": keys, "label": label[:200]},
    )  # fmt: skip
    mine = PushSubscription.objects.filter(person=person).order_by("-created_at", "-id")
    old = [one.id for one in mine[MAX_SUBSCRIPTIONS:]]
    PushSubscription.objects.filter(id__in=old).delete()
    return found


def unsubscribe(person: User, subscription_id: uuid.UUID) -> bool:
    """Push no more to a browser; False if it is not the person's."""
    mine = PushSubscription.objects.filter(person=person, id=subscription_id)
    return mine.delete()[0] > 0
