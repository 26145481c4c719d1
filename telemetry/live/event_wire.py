"""An event as clients get it: the same members as in the API."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from devices.models import LiveEvent
from devices.services.live_events import Numbered


def wire_event(row: LiveEvent | Numbered) -> dict[str, Any]:
    """Return the members of an event."""
    return {
        "seq": row.seq,
        "event_id": str(row.event_id),
        "event_type": str(row.type),
        "severity": str(row.severity),
        "occurred_at": row.occurred_at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z"),
        "site": _text(row.site_id),
        "gateway": _text(row.gateway_id),
        "device": _text(row.device_id),
        "payload": row.payload,
    }


def _text(value: uuid.UUID | None) -> str | None:
    return None if value is None else str(value)
