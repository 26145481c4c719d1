"""Begins, carries on and ends sessions as events come; each within the lock of its connector."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db import connection
from django.db.models import Max

from charging.events import Happened, Kind
from charging.models import (
    ChargingSession,
    Connector,
    EndReason,
    IdTag,
    SessionState,
)
from charging.pricing import Price
from charging.services.stops import STOP_HOLDS, is_stop_ordered
from charging.states import S
from devices.services.commanders import Requester

NOBODY = Requester("", "")
_BEGINS = (Kind.CHARGE_STARTED, Kind.CHARGE_RESUMED)


def open_session_of(connector: Connector) -> ChargingSession | None:
    """Return the session that is not over at a connector."""
    rows = ChargingSession.objects.filter(connector=connector, ended_at=None)
    return rows.select_related("id_tag").first()


def begin_session(
    connector: Connector,
    *,
    at: dt.datetime,
    tag: IdTag | None = None,
    by: Requester = NOBODY,
) -> ChargingSession:
    """Begin a session; the price of this moment holds for it."""
    price = connector.charge_point.price
    kept = _copy_of(price) if price else None
    return ChargingSession.objects.create(
        tenant_id=connector.tenant_id, connector=connector, id_tag=tag,
        tag_uid=tag.uid if tag else "", principal=by.principal,
        principal_label=by.label[:254], since=at, started_at=at,
        price=kept.as_json() if kept else {}, currency=kept.currency if kept else "",
    )  # fmt: skip


def end_session(
    session: ChargingSession, *, at: dt.datetime, reason: EndReason, detail: str = ""
) -> None:
    """End a session for good; one that has charged gets the next receipt of the tenant."""
    stop_counting(session, at=at)
    is_fault = reason == EndReason.FAULT
    session.state = SessionState.FAULTED if is_fault else SessionState.ENDED
    session.since = session.ended_at = at
    if is_fault or not session.end_reason:
        session.end_reason = reason
    session.end_detail = session.end_detail or detail[:200]
    if session.charging_at is None:
        session.settled_at = at
        session.energy_kwh = session.energy_kwh or 0
    elif session.receipt_number is None:
        session.receipt_number = _next_receipt(session)
    session.save()


def stop_counting(session: ChargingSession, *, at: dt.datetime) -> None:
    """Note that charging is over or pauses; saves nothing."""
    if session.state == SessionState.CHARGING:
        session.energised_seconds += max(0.0, (at - session.since).total_seconds())
    if session.charging_at is not None and session.stopped_at is None:
        session.stopped_at = at


def follow(
    connector: Connector, found: Iterable[Happened]
) -> list[tuple[Happened, ChargingSession | None]]:
    """Carry the session of a connector on with what happened; return each with its session."""
    session = open_session_of(connector)
    told: list[tuple[Happened, ChargingSession | None]] = []
    is_rebooted = False
    for one in found:
        is_rebooted = is_rebooted or one.kind == Kind.DEVICE_REBOOTED
        session, about = _step(connector, session, one, is_rebooted)
        told.append((one, about))
    return told


def _step(
    connector: Connector, session: ChargingSession | None, one: Happened, is_rebooted: bool
) -> tuple[ChargingSession | None, ChargingSession | None]:
    """Return the session that is open afterwards, and the one that the event is about."""
    if one.kind in _BEGINS or (one.kind == Kind.STATE_CHANGED and one.to_state == S.CHARGING):
        session = _charge(connector, session, one)
        return session, session
    if session is None:
        if one.kind == Kind.CHARGE_READY:  # the controller permits by itself
            session = begin_session(connector, at=one.at)
        return session, session
    if one.to_state == S.FAULT:
        fault = one.detail.get("fault")
        end_session(
            session, at=one.at, reason=EndReason.FAULT, detail=f"fault {fault}" if fault else ""
        )
        return None, session
    if one.to_state == S.IDLE and one.from_state is not None:
        reason = EndReason.REBOOT if is_rebooted else EndReason.UNPLUGGED
        end_session(session, at=one.at, reason=reason)
        return None, session
    if one.to_state == S.STOPPED:
        return _stop(connector, session, one), session
    if session.state == SessionState.CHARGING and one.from_state == S.CHARGING:
        _pause(session, one)
    return session, session


def _charge(
    connector: Connector, session: ChargingSession | None, one: Happened
) -> ChargingSession:
    if session is not None and session.stopped_at is not None:
        end_session(session, at=one.at, reason=EndReason.REPLACED)
        session = None
    if session is None:
        session = begin_session(connector, at=one.at)
    if session.state != SessionState.CHARGING:
        session.state, session.since = SessionState.CHARGING, one.at
    session.charging_at = session.charging_at or one.at
    session.save()
    return session


def _pause(session: ChargingSession, one: Happened) -> None:
    session.energised_seconds += max(0.0, (one.at - session.since).total_seconds())
    session.state, session.since = SessionState.PAUSED, one.at
    session.save()


def _stop(connector: Connector, session: ChargingSession, one: Happened) -> ChargingSession | None:
    """End charging; the vehicle stays, perhaps for a fee, until it is unplugged."""
    seen_before = one.detail.get("since")
    since = dt.datetime.fromisoformat(seen_before) if seen_before else one.at
    is_asked = is_stop_ordered(connector, since=max(since - STOP_HOLDS, session.started_at))
    reason = EndReason.STOPPED if is_asked else EndReason.VEHICLE
    if session.charging_at is None:
        end_session(session, at=one.at, reason=reason)
        return None
    stop_counting(session, at=one.at)
    session.state, session.since, session.end_reason = SessionState.PAUSED, one.at, reason
    session.save()
    return session


def _next_receipt(session: ChargingSession) -> int:
    """Return the next number; taken and kept in one transaction, so that none is left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"charging receipts of {session.tenant_id}"],
        )
    last = ChargingSession.objects.aggregate(last=Max("receipt_number"))["last"]
    return int(last or 0) + 1


def _copy_of(price: object) -> Price:
    fields = (
        "currency", "energy_price", "session_fee", "idle_fee", "idle_grace_minutes",
        "vat_percent", "name",
    )  # fmt: skip
    return Price(**{name: getattr(price, name) for name in fields})
