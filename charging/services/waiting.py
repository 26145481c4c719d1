"""Ends permissions that no vehicle has used in time, and says so of vehicles that only wait."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import transaction
from django.db.models import (
    Count,
    DateTimeField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Value,
)
from django.db.models.expressions import CombinedExpression

from accounts.tenancy import all_tenants, tenant_scope
from charging.events import Kind
from charging.models import ChargePoint, ChargingEvent, ChargingSession, Connector, SessionState
from charging.services.control import FRESH, is_start_unseen
from charging.services.keeping import keep_event, lock_order
from charging.services.observing import lock_connector_row
from charging.services.permitting import is_overdue, permit_again, take_back
from charging.services.sessions import open_session_of
from charging.states import S

ROWS = 100
AGAIN = dt.timedelta(seconds=10)
TRIES = 3  # at a vehicle at a free charge point
_WAITING = (S.CONNECTED, S.READY)


def end_late_permissions(*, now: dt.datetime) -> int:
    """Look at what waits for longer than its charge point allows; return how many ended.

    Vehicles that were refused at a free charge point are tried again before. Any number of
    processes may do this at once.
    """
    with all_tenants():
        refused = list(_refused(now).order_by("state_since", "id")[:ROWS])
    for one in refused:
        _try_again(one.id, one.tenant_id, now)
    with all_tenants():
        found = list(_late(now))
    return sum(_look_at(connector_id, tenant_id, now) for connector_id, tenant_id in found)


def _late(now: dt.datetime) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Return connectors with a permission, or a vehicle, that has waited too long.

    Those that were heard last come first: of the others nothing may be decided.
    """
    sessions = ChargingSession.objects.filter(
        state=SessionState.AUTHORISED, ended_at=None,
        since__lte=_too_long_ago(now, "connector__charge_point__connection_timeout_s"),
    )  # fmt: skip
    too_long = _too_long_ago(now, "charge_point__connection_timeout_s")
    waits = Q(state__in=_WAITING, state_since__lte=too_long) & ~_is_told()
    rows = Connector.objects.filter(Q(id__in=sessions.values("connector_id")) | waits)
    heard_first = rows.order_by(F("seen_at").desc(nulls_last=True), "id")
    return list(heard_first.values_list("id", "tenant_id")[:ROWS])


def _is_told() -> Exists:
    told = ChargingEvent.objects.filter(
        connector=OuterRef("pk"), kind=Kind.AUTH_TIMEOUT.value, at__gte=OuterRef("state_since")
    )
    return Exists(told)


def _refused(now: dt.datetime) -> QuerySet[Connector]:
    """Return free connectors whose vehicle was refused some seconds ago, and not often yet."""
    is_refusal = Q(
        events__kind=Kind.COMMAND_REJECTED.value, events__detail__command="charge_start",
        events__at__gte=F("state_since"),
    )  # fmt: skip
    rows = Connector.objects.filter(
        ~Exists(ChargingSession.objects.filter(connector=OuterRef("pk"), ended_at=None)),
        ~_is_told(), state=S.CONNECTED, seen_at__gte=now - FRESH,
        charge_point__access=ChargePoint.Access.FREE,
    )  # fmt: skip
    counted = rows.filter(is_refusal).annotate(refusals=Count("events"), last=Max("events__at"))
    return counted.filter(refusals__lt=TRIES, last__lte=now - AGAIN)


def _try_again(connector_id: uuid.UUID, tenant_id: uuid.UUID, now: dt.datetime) -> None:
    with tenant_scope(tenant_id), transaction.atomic():
        connector = lock_connector_row(connector_id)
        if _refused(now).filter(id=connector_id).exists():
            lock_order()
            permit_again(connector, now=now)


def _too_long_ago(now: dt.datetime, seconds: str) -> CombinedExpression:
    patience = ExpressionWrapper(F(seconds) * dt.timedelta(seconds=1), output_field=DurationField())
    return Value(now, output_field=DateTimeField()) - patience


def _look_at(connector_id: uuid.UUID, tenant_id: uuid.UUID, now: dt.datetime) -> bool:
    with tenant_scope(tenant_id), transaction.atomic():
        connector = lock_connector_row(connector_id)
        session = open_session_of(connector)
        if session is None:
            return _tell_once(connector, now)
        if not is_overdue(session, connector, now=now) or _may_be_used(connector, now):
            return False
        lock_order()
        take_back(connector, session, now=now)
        return True


def _may_be_used(connector: Connector, now: dt.datetime) -> bool:
    """Tell whether a vehicle may charge by now and nobody has looked; the next look tells."""
    if connector.state == S.READY:
        return connector.seen_at is None or now - connector.seen_at > FRESH
    return connector.state == S.CONNECTED and is_start_unseen(connector)


def _tell_once(connector: Connector, now: dt.datetime) -> bool:
    """Say that a vehicle waits without a permission, once for each time that it comes."""
    patience = dt.timedelta(seconds=connector.charge_point.connection_timeout_s)
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
