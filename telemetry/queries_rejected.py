"""Reading the work list of rejected messages."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from telemetry.models import RejectedMessage, RejectedState

PAYLOAD_START = 120


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
