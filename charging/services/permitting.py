"""Permits charging where nobody presses a button: tags at the reader, and free charge points."""

from __future__ import annotations

import datetime as dt

from charging.events import Kind
from charging.models import (
    ChargePoint,
    ChargingEvent,
    ChargingSession,
    Connector,
    EndReason,
    SessionState,
)
from charging.services.control import start_charging, stop_charging
from charging.services.keeping import keep_event
from charging.services.refusals import ChargingRefused, OtherTag
from charging.services.sessions import begin_session, end_session, open_session_of
from charging.services.tags import check_may_stop, check_tag
from charging.states import S
from devices.command_states import State
from devices.services.command_refusals import UnknownCommand
from devices.services.commanders import Requester, Robot, requester_of
from devices.services.commands import Queued

FREE = Robot("charging", "free charge point")
CLOCK = Robot("charging", "permission is over")
_BEFORE_VEHICLE = (None, S.IDLE, S.CABLE)


def permit_if_wanted(connector: Connector, *, now: dt.datetime) -> None:
    """Permit charging at a vehicle that has just come: to all, or to the tag that waits for it.

    Call it with the connector locked. A refusal is kept as an event. A tag that has waited for
    too long permits nothing, whether or not anybody has ended its session yet.
    """
    session = open_session_of(connector)
    if session is not None and is_overdue(session, connector, now=now):
        take_back(connector, session, now=now, kind=Kind.PLUGIN_TIMEOUT)
        session = None
    if session is not None and session.state == SessionState.AUTHORISED:
        _start(connector, Robot("charging", session.tag_uid or FREE.label), session.tag_uid, now)
    elif session is None and connector.charge_point.access == ChargePoint.Access.FREE:
        _start(connector, FREE, "", now)


def permit_again(connector: Connector, *, now: dt.datetime) -> None:
    """Permit charging at a vehicle that stands at a free charge point without a permission.

    The first try may have come to nothing. Call it with the connector locked. Nobody else's
    permission is tried again: whoever asked may not wait any longer.
    """
    is_free = connector.charge_point.access == ChargePoint.Access.FREE
    if is_free and open_session_of(connector) is None:
        _start(connector, FREE, "", now)


def present_tag(connector: Connector, *, uid: str, event: ChargingEvent, now: dt.datetime) -> None:
    """Do what a tag at the reader asks for: end its session, permit one, or wait for a vehicle.

    Call it with the connector locked. What came of it stands in the event.
    """
    uid = uid.strip().upper()[:64]
    session = open_session_of(connector)
    try:
        if session is not None and session.stopped_at is None and _is_on(connector, session):
            check_may_stop(uid=uid, session=session)
            result = _stop(connector, uid, session, now)
        elif connector.state in _BEFORE_VEHICLE:
            result = _wait_for_vehicle(connector, uid, now)
        else:
            result = _start(connector, Robot("charging", uid), uid, now)
    except ChargingRefused as refusal:
        result = refusal.code
    event.detail = {**event.detail, "result": result}
    event.save(update_fields=["detail", "updated_at"])


def is_overdue(session: ChargingSession, connector: Connector, *, now: dt.datetime) -> bool:
    """Tell whether a permission has waited for longer than its charge point allows."""
    patience = dt.timedelta(seconds=connector.charge_point.connection_timeout_s)
    return session.state == SessionState.AUTHORISED and now - session.since >= patience


def take_back(
    connector: Connector, session: ChargingSession, *, now: dt.datetime, kind: Kind | None = None
) -> None:
    """End a permission that no vehicle has used in time; the controller is told, if it has it.

    Args: kind: of the event; if not given the state of the connector decides.
    """
    usual = Kind.PLUGIN_TIMEOUT if connector.state in _BEFORE_VEHICLE else Kind.AUTH_TIMEOUT
    keep_event(connector, kind or usual, at=now, session=session)
    end_session(session, at=now, reason=EndReason.TIMEOUT)
    if connector.state == S.READY:
        key = f"timeout:{session.id}"
        _quietly(
            lambda: stop_charging(actor=CLOCK, connector=connector, idempotency_key=key, now=now)
        )


def _is_on(connector: Connector, session: ChargingSession) -> bool:
    return session.charging_at is not None or connector.state in (S.READY, S.CHARGING, S.PAUSED)


def _stop(connector: Connector, uid: str, session: ChargingSession, now: dt.datetime) -> str:
    robot = Robot("charging", uid)
    key = f"tag-stop:{session.id}:{now.isoformat()}"
    return _quietly(
        lambda: stop_charging(
            actor=robot, connector=connector, idempotency_key=key, now=now, tag_uid=uid
        )
    ) or "stopped"  # fmt: skip


def _start(connector: Connector, robot: Robot, uid: str, now: dt.datetime) -> str:
    key = f"start:{connector.id}:{now.isoformat()}"
    refusal = _quietly(
        lambda: start_charging(
            actor=robot, connector=connector, idempotency_key=key, now=now, tag_uid=uid
        )
    )
    if refusal:
        keep_event(
            connector, Kind.COMMAND_REJECTED, at=now, detail={"command": "charge_start",
            "code": refusal, "tag": uid},
        )  # fmt: skip
    return refusal or "permitted"


def _quietly(ask: object) -> str:
    """Return why it was refused; blank: it was not."""
    try:
        queued: Queued = ask()  # type: ignore[operator]
    except ChargingRefused as refusal:
        return refusal.code
    except UnknownCommand as refusal:
        return refusal.code
    return queued.command.code if queued.command.state == State.INVALID else ""


def _wait_for_vehicle(connector: Connector, uid: str, now: dt.datetime) -> str:
    tag = check_tag(uid=uid, connector=connector, now=now)
    session = open_session_of(connector)
    if session is not None:
        if session.tag_uid != tag.uid:
            raise OtherTag
        end_session(session, at=now, reason=EndReason.STOPPED)
        return "taken back"
    requester: Requester = requester_of(Robot("charging", tag.uid))
    begin_session(connector, at=now, tag=tag, by=requester)
    return "waits"
