"""Sessions as lists show them; every function runs in a tenant's scope."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from charging.models import ChargingEvent, ChargingSession

ORDERINGS = {"started_at": "started_at"}
MAX_EVENTS = 500


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions; what is left blank lets everything through.

    `start`, `end`: began within [start, end), UTC. `is_open`: not ended yet. `text`: part of a
    tag, a label or who began it.
    """

    site_id: uuid.UUID | None = None
    charge_point_id: uuid.UUID | None = None
    connector_id: uuid.UUID | None = None
    id_tag_id: uuid.UUID | None = None
    state: str = ""
    is_open: bool | None = None
    start: dt.datetime | None = None
    end: dt.datetime | None = None
    text: str = ""


def find_sessions(wanted: SessionFilter) -> QuerySet[ChargingSession]:
    """Return the sessions that match, with all that a list shows; the caller orders."""
    rows = ChargingSession.objects.select_related("connector__charge_point__site", "id_tag")
    return rows.filter(_place(wanted), _time(wanted), _who(wanted))


def find_session(session_id: uuid.UUID) -> ChargingSession | None:
    """Return a session with all that its page shows."""
    rows = ChargingSession.objects.select_related(
        "tenant", "id_tag__user", "connector__charge_point__site",
        "connector__charge_point__device", "connector__energy_channel__device",
        "connector__power_channel__device",
    )  # fmt: skip
    return rows.filter(id=session_id).first()


def events_of_session(session: ChargingSession) -> list[ChargingEvent]:
    """Return what happened, in order; at most 500."""
    rows = ChargingEvent.objects.filter(session=session).order_by("at", "order", "id")
    return list(rows[:MAX_EVENTS])


def find_events(
    *, charge_point_id: uuid.UUID | None = None, connector_id: uuid.UUID | None = None,
    kind: str = "",
) -> QuerySet[ChargingEvent]:  # fmt: skip
    """Return events; the caller orders."""
    rows = ChargingEvent.objects.select_related("connector__charge_point__site", "session")
    if charge_point_id is not None:
        rows = rows.filter(connector__charge_point_id=charge_point_id)
    if connector_id is not None:
        rows = rows.filter(connector_id=connector_id)
    return rows.filter(kind=kind) if kind else rows


def _place(wanted: SessionFilter) -> Q:
    found = Q()
    if wanted.site_id is not None:
        found &= Q(connector__charge_point__site_id=wanted.site_id)
    if wanted.charge_point_id is not None:
        found &= Q(connector__charge_point_id=wanted.charge_point_id)
    if wanted.connector_id is not None:
        found &= Q(connector_id=wanted.connector_id)
    return found


def _time(wanted: SessionFilter) -> Q:
    found = Q()
    if wanted.start is not None:
        found &= Q(started_at__gte=wanted.start)
    if wanted.end is not None:
        found &= Q(started_at__lt=wanted.end)
    if wanted.is_open is not None:
        found &= Q(ended_at__isnull=wanted.is_open)
    return found


def _who(wanted: SessionFilter) -> Q:
    found = Q(state=wanted.state) if wanted.state else Q()
    if wanted.id_tag_id is not None:
        found &= Q(id_tag_id=wanted.id_tag_id)
    if wanted.text:
        found &= (
            Q(tag_uid__icontains=wanted.text)
            | Q(id_tag__label__icontains=wanted.text)
            | Q(principal_label__icontains=wanted.text)
        )
    return found
