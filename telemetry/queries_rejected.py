"""Reading the work list of rejected messages."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, replace

from django.db.models import Count, Max, Min, QuerySet, Sum

from devices.models import Device
from telemetry.models import RejectedMessage, RejectedState

PAYLOAD_START = 120
MAX_GROUPS = 500


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A rejected message as staff see it; times are UTC."""

    id: uuid.UUID
    reason: str
    detail: str
    topic: str
    count: int
    first_received_at: dt.datetime
    last_received_at: dt.datetime
    payload_start: bytes

    def as_dict(self) -> dict[str, object]:
        """Return plain values for JSON; the payload as text with escapes."""
        return {
            "id": str(self.id),
            "reason": self.reason,
            "detail": self.detail,
            "topic": self.topic,
            "count": self.count,
            "first_received_at": self.first_received_at.isoformat(),
            "last_received_at": self.last_received_at.isoformat(),
            "payload_start": self.payload_start.decode("utf-8", "backslashreplace"),
        }


def list_rejected(
    *, state: str = "open", reason: str | None = None, tenant_slug: str | None = None, limit: int
) -> list[RejectedRow]:
    """Return rejected messages, newest first, at most `limit`."""
    messages = RejectedMessage.objects.filter(state=state)
    if reason:
        messages = messages.filter(reason=reason)
    if tenant_slug:
        messages = messages.filter(tenant__slug=tenant_slug)
    return [
        RejectedRow(
            id=message.id,
            reason=message.reason,
            detail=message.detail,
            topic=message.topic,
            count=message.count,
            first_received_at=message.first_received_at,
            last_received_at=message.last_received_at,
            payload_start=bytes(message.payload[:PAYLOAD_START]),
        )
        for message in messages.order_by("-last_received_at", "-id")[:limit]
    ]


def find_rejected_ids(
    *, reason: str | None = None, tenant_slug: str | None = None, limit: int
) -> list[uuid.UUID]:
    """Return the ids of open messages, oldest first, at most `limit`."""
    messages = RejectedMessage.objects.filter(state=RejectedState.OPEN)
    if reason:
        messages = messages.filter(reason=reason)
    if tenant_slug:
        messages = messages.filter(tenant__slug=tenant_slug)
    ordered = messages.order_by("first_received_at", "id")
    return list(ordered.values_list("id", flat=True)[:limit])


@dataclass(frozen=True, slots=True)
class RejectedGroup:
    """Messages with one reason on one pattern of topics of one sender; times are UTC.

    `count` counts every message, `different` those that differ. `detail` is of the newest.
    """

    key: str
    reason: str
    pattern: str
    sender: str
    count: int
    different: int
    first_received_at: dt.datetime
    last_received_at: dt.datetime
    detail: str = ""


def messages_of(tenant_id: uuid.UUID | None, key: str = "") -> QuerySet[RejectedMessage]:
    """Return the messages of a tenant, or those whose tenant nobody knows; of one group."""
    messages = RejectedMessage.objects.all()
    messages = (
        messages.filter(tenant__isnull=True)
        if tenant_id is None
        else messages.filter(tenant_id=tenant_id)
    )
    return messages.filter(group_key=key) if key else messages


def list_groups(
    *,
    tenant_id: uuid.UUID | None,
    state: str = RejectedState.OPEN,
    reason: str = "",
    text: str = "",
    key: str = "",
) -> list[RejectedGroup]:
    """Return the groups of a tenant, the one that was heard last first, at most 500."""
    messages = messages_of(tenant_id, key).filter(state=state)
    if reason:
        messages = messages.filter(reason=reason)
    if text:
        messages = messages.filter(topic__icontains=text)
    rows = (
        messages.values("group_key", "reason", "pattern", "sender")
        .annotate(
            all_count=Sum("count"),
            different=Count("id"),
            first=Min("first_received_at"),
            last=Max("last_received_at"),
        )
        .order_by("-last", "group_key")[:MAX_GROUPS]
    )
    groups = [
        RejectedGroup(
            key=row["group_key"],
            reason=row["reason"],
            pattern=row["pattern"],
            sender=row["sender"],
            count=row["all_count"],
            different=row["different"],
            first_received_at=row["first"],
            last_received_at=row["last"],
        )
        for row in rows
    ]
    return _with_details(tenant_id, state, groups)


def _with_details(
    tenant_id: uuid.UUID | None, state: str, groups: list[RejectedGroup]
) -> list[RejectedGroup]:
    newest = dict(
        messages_of(tenant_id)
        .filter(state=state, group_key__in=[group.key for group in groups])
        .order_by("group_key", "-last_received_at", "-id")
        .distinct("group_key")
        .values_list("group_key", "detail")
    )
    return [replace(group, detail=newest.get(group.key, "")) for group in groups]


def find_group(*, tenant_id: uuid.UUID | None, key: str) -> RejectedGroup | None:
    """Return the open messages of a group, else those that were replayed, else discarded."""
    for state in RejectedState.values:
        if found := list_groups(tenant_id=tenant_id, state=state, key=key):
            return found[0]
    return None


def newest_messages(*, tenant_id: uuid.UUID | None, key: str, limit: int) -> list[RejectedMessage]:
    """Return the messages of a group, the one that was heard last first."""
    return list(messages_of(tenant_id, key).order_by("-last_received_at", "-id")[:limit])


def count_reasons(*, tenant_id: uuid.UUID | None) -> list[tuple[str, int]]:
    """Return the reasons of open messages with their numbers, the most frequent first."""
    rows = messages_of(tenant_id).filter(state=RejectedState.OPEN).values("reason")
    counted = rows.annotate(all_count=Sum("count")).order_by("-all_count", "reason")
    return [(row["reason"], row["all_count"]) for row in counted]


def sender_of(message: RejectedMessage) -> Device | None:
    """Return the device that sent a message, else the box itself; None if neither is known.

    Call it in the tenant's scope.
    """
    words = message.sender.split(" / ")
    try:
        return Device.objects.select_related("profile").filter(id=uuid.UUID(words[-1])).first()
    except ValueError:
        pass
    found = list(
        Device.objects.select_related("profile")
        .filter(gateway__uid=words[0], uid__in=words)
        .order_by("id")
    )
    behind = [device for device in found if device.uid != words[0]]
    return next(iter(behind or found), None)
