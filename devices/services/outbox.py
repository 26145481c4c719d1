"""Messages to devices: written with what they tell, sent by the owner of their wire."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Sequence

from django.db import connection, transaction
from django.db.models import Q

from devices.models import OutboundMessage, Wire

CHANNEL = "outbox"  # of PostgreSQL's NOTIFY
URGENT = 100
MAX_TRIES = 10_000


def queue_message(
    *,
    topic: str,
    payload: bytes,
    now: dt.datetime,
    tenant_id: uuid.UUID | None,
    command_id: uuid.UUID | None = None,
    expires_at: dt.datetime | None = None,
    not_before: dt.datetime | None = None,
    is_retained: bool = False,
    priority: int = 0,
    wire: str = Wire.MQTT,
    line_id: uuid.UUID | None = None,
) -> OutboundMessage:
    """Let a message be sent once this transaction commits.

    Over MQTT it may be sent twice when the sender dies at the wrong moment, so the payload
    carries an id where that matters. The topic must be built from checked segments.

    Args: line_id: of the bus or serial line of `wire`.
    """
    message = OutboundMessage(
        topic=topic,
        payload=payload,
        tenant_id=tenant_id,
        command_id=command_id,
        created_at=now,
        not_before=not_before or now,
        expires_at=expires_at,
        is_retained=is_retained,
        priority=priority,
        wire=wire,
        line_id=line_id,
    )
    queue_messages([message])
    return message


def queue_messages(messages: Sequence[OutboundMessage]) -> None:
    """Let messages be sent once this transaction commits."""
    if not messages:
        return
    OutboundMessage.objects.bulk_create(messages)
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {CHANNEL}")  # reaches the sender at commit


def database_now() -> dt.datetime:
    """Return the time of the database, by which everything in the outbox expires."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: dt.datetime = cursor.fetchone()[0]
    return now


def take_messages(
    *,
    now: dt.datetime,
    limit: int,
    were_tried: bool = False,
    wire: str = Wire.MQTT,
    lines: Collection[uuid.UUID] | None = None,
    at_least: int | None = None,
) -> list[OutboundMessage]:
    """Lock what is due, urgent first; other senders pass these rows by. Call in a transaction.

    Args: were_tried: take those that the broker refused before, else only new ones.
        lines: take only what leaves over these. at_least: take only this priority and above.
    """
    due = OutboundMessage.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=now), not_before__lte=now, wire=wire
    )
    if lines is not None:
        due = due.filter(line_id__in=lines)
    if at_least is not None:
        due = due.filter(priority__gte=at_least)
    due = due.filter(tries__gt=0) if were_tried else due.filter(tries=0)
    return list(due.order_by("-priority", "id").select_for_update(skip_locked=True)[:limit])


def forget_messages(messages: Sequence[OutboundMessage]) -> None:
    """Delete what the broker has taken, or may not get any more."""
    OutboundMessage.objects.filter(id__in=[message.id for message in messages]).delete()


def postpone_messages(messages: Sequence[OutboundMessage], *, now: dt.datetime) -> None:
    """Try these again later, after 1, 2, 4 … 3,600 s: the broker did not take them."""
    for message in messages:
        message.not_before = now + dt.timedelta(seconds=min(3600, 2 ** min(message.tries, 12)))
        message.tries = min(message.tries + 1, MAX_TRIES)
    OutboundMessage.objects.bulk_update(messages, ["not_before", "tries"])


@transaction.atomic
def delete_expired(*, now: dt.datetime, limit: int = 1000) -> int:
    """Delete what may no longer be sent; return how many."""
    due = OutboundMessage.objects.filter(expires_at__lte=now).order_by("id")
    ids = [message.id for message in due.select_for_update(skip_locked=True)[:limit]]
    return OutboundMessage.objects.filter(id__in=ids).delete()[0] if ids else 0


def cancel_messages(*, command_id: uuid.UUID) -> bool:
    """Take a command's message back; False when it was sent or is being sent."""
    waiting = OutboundMessage.objects.filter(command_id=command_id)
    ids = [row.id for row in waiting.select_for_update(skip_locked=True)]
    return OutboundMessage.objects.filter(id__in=ids).delete()[0] > 0
