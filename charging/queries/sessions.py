"""Sessions and what happened in them."""

from __future__ import annotations

from django.db.models import QuerySet

from charging.models import ChargingEvent, ChargingSession


def list_sessions() -> QuerySet[ChargingSession]:
    """Return the sessions of the tenant, the newest first."""
    rows = ChargingSession.objects.select_related("connector__charge_point__site", "id_tag")
    return rows.order_by("-started_at", "-id")


def list_events(session: ChargingSession | None = None) -> QuerySet[ChargingEvent]:
    """Return events, of a session or of all, the newest first."""
    rows = ChargingEvent.objects.select_related("connector__charge_point", "session")
    if session is not None:
        rows = rows.filter(session=session)
    return rows.order_by("-order")
