"""Cards that were held to the reader of a connector and that nobody knows yet."""

from __future__ import annotations

import datetime as dt

from charging.models import ChargingEvent, Connector, IdTag

LOOK_BACK = dt.timedelta(minutes=5)
SHOWN = 10


def cards_presented(connector: Connector, *, now: dt.datetime) -> list[tuple[str, dt.datetime]]:
    """Return unknown cards of the last five minutes and when, the newest first; two queries."""
    rows = ChargingEvent.objects.filter(
        connector=connector, kind="RFID_PRESENTED", at__gte=now - LOOK_BACK
    ).order_by("-at", "-id")
    found: dict[str, dt.datetime] = {}
    for detail, at in rows.values_list("detail", "at")[:100]:
        uid = str(detail.get("tag", "")).strip().upper()
        if uid:
            found.setdefault(uid, at)
    known = set(IdTag.objects.filter(uid__in=found).values_list("uid", flat=True))
    return [(uid, at) for uid, at in found.items() if uid not in known][:SHOWN]
