"""Ends permissions that no vehicle has used in time, and says so of vehicles that only wait."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from accounts.tenancy import all_tenants, tenant_scope
from charging.events import Kind
from charging.models import ChargingEvent, ChargingSession, Connector, SessionState
from charging.services.keeping import keep_event, lock_order
from charging.services.observing import lock_connector_row
from charging.services.permitting import take_back
from charging.services.sessions import open_session_of
from charging.states import S

ROWS = 100
_WAITING = (S.CONNECTED, S.READY)


def end_late_permissions(*, now: dt.datetime) -> int:
    """Look at what waits for longer than its charge point allows; return how many ended.

    Any number of processes may do this at once.
    """
    with all_tenants():
        found = list(_late(now))
    return sum(_look_at(connector_id, tenant_id, now) for connector_id, tenant_id in found)


def _late(now: dt.datetime) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Return connectors with a permission, or a vehicle, that has waited too long."""
    shortest = now - dt.timedelta(seconds=10)
    sessions = ChargingSession.objects.filter(
        state=SessionState.AUTHORISED, ended_at=None, since__lt=shortest
    )
    told = ChargingEvent.objects.filter(
        connector=OuterRef("pk"), kind=Kind.AUTH_TIMEOUT.value, at__gte=OuterRef("state_since")
    )
    waits = Q(state__in=_WAITING, state_since__lt=shortest) & ~Exists(told)
    rows = Connector.objects.filter(Q(id__in=sessions.values("connector_id")) | waits)
    return list(rows.order_by("id").values_list("id", "tenant_id")[:ROWS])


def _look_at(connector_id: uuid.UUID, tenant_id: uuid.UUID, now: dt.datetime) -> bool:
    with tenant_scope(tenant_id), transaction.atomic():
        connector = lock_connector_row(connector_id)
        patience = dt.timedelta(seconds=connector.charge_point.connection_timeout_s)
        session = open_session_of(connector)
        if session is not None and session.state == SessionState.AUTHORISED:
            if now - session.since < patience:
                return False
            lock_order()
            take_back(connector, session, now=now)
            return True
        return session is None and _tell_once(connector, patience, now)


def _tell_once(connector: Connector, patience: dt.timedelta, now: dt.datetime) -> bool:
    """Say that a vehicle waits without a permission, once for each time that it comes."""
    since = connector.state_since
    if connector.state not in _WAITING or since is None or now - since < patience:
        return False
    told = ChargingEvent.objects.filter(
        connector=connector, kind=Kind.AUTH_TIMEOUT.value, at__gte=since
    )
    if told.exists():
        return False
    keep_event(connector, Kind.AUTH_TIMEOUT, at=now)
    return True
