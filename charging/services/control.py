"""People and programs that start, stop and limit charging; all goes through `queue_command`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction

from charging.events import Kind
from charging.models import ChargingEvent, ChargingSession, Connector, IdTag
from charging.services.keeping import keep_event, lock_order
from charging.services.refusals import (
    AlreadyPermitted,
    BadLimit,
    LimitWhileCharging,
    MayNotCharge,
    NoSuchConnector,
    NotCharging,
    NotFresh,
    NoVehicle,
    WrongState,
)
from charging.services.sessions import begin_session, open_session_of
from charging.services.stops import STOP
from charging.services.tags import check_may_stop, check_tag
from charging.states import S
from devices.command_states import State
from devices.models import Command, SerialLine
from devices.services.command_refusals import KeyReused
from devices.services.commanders import Commander, OnBehalf, requester_of
from devices.services.commands import Queued, queue_command

READ, CONTROL = "read:charger", "control:charger"
START, LIMIT = "charge_start", "set_current_limit"
LOCK, UNLOCK = "lock", "unlock"
LEAST_AMPS = 6
FRESH = dt.timedelta(seconds=10)
# a permission that waited would start a vehicle that came meanwhile
SHORT_SECONDS = 5
USUAL_SECONDS = 30
# the controller may have done it all the same
_UNANSWERED = (State.SENT.value, State.ACK.value, State.TIMEOUT.value, State.ERROR.value)
_NEVER_BEGAN = (
    State.INVALID.value, State.BUSY.value, State.SEND_FAILED.value, State.EXPIRED.value,
    State.CANCELLED.value,
)  # fmt: skip
_UNDER_WAY = (State.QUEUED.value, State.SENT.value, State.ACK.value)


def start_charging(
    *,
    actor: Commander,
    connector: Connector,
    idempotency_key: str,
    now: dt.datetime,
    tag_uid: str = "",
) -> Queued:
    """Permit charging; the vehicle decides when it begins.

    The same key again returns the first command. Raises: ChargingRefused, and what
    `queue_command` raises.
    """
    ask = _Ask(actor, connector, idempotency_key, now)
    with transaction.atomic():
        place = ask.lock()
        if ask.is_replay(tag_uid):
            return ask.send(place, START, seconds=SHORT_SECONDS)
        tag = check_tag(uid=tag_uid, connector=place, now=now) if tag_uid else None
        session = _check_start(place, now)
        queued = ask.send(place, START, seconds=SHORT_SECONDS)
        if queued.command.state != State.INVALID and not queued.is_replay:
            _note_start(place, session, tag, ask, queued)
        return queued


def stop_charging(
    *,
    actor: Commander,
    connector: Connector,
    idempotency_key: str,
    now: dt.datetime,
    tag_uid: str = "",
) -> Queued:
    """End charging, or take the permission back; also while nothing is heard.

    Raises: ChargingRefused, and what `queue_command` raises.
    """
    ask = _Ask(actor, connector, idempotency_key, now)
    with transaction.atomic():
        place = ask.lock()
        if ask.is_replay():
            return ask.send(place, STOP, seconds=USUAL_SECONDS)
        session = open_session_of(place)
        is_on = place.state in (S.READY, S.CHARGING, S.PAUSED)
        if not is_on and (session is None or session.stopped_at is not None):
            raise NotCharging
        if tag_uid and session is not None:
            check_may_stop(uid=tag_uid, session=session)
        queued = ask.send(place, STOP, seconds=USUAL_SECONDS)
        if queued.command.state != State.INVALID and not queued.is_replay:
            keep_event(
                place, Kind.CHARGE_STOP_REQUESTED, at=now, session=session,
                detail={"by": ask.by.label[:254], "tag": tag_uid.upper()[:64]},
            )  # fmt: skip
        return queued


def set_current_limit(
    *, actor: Commander, connector: Connector, amps: int, idempotency_key: str, now: dt.datetime
) -> Queued:
    """Set how much a vehicle may draw.

    Firmware of version 1 would end charging on it, so it is refused from then on.

    Args: amps: 6 to the largest of the charge point.

    Raises: ChargingRefused, and what `queue_command` raises.
    """
    ask = _Ask(actor, connector, idempotency_key, now)
    with transaction.atomic():
        place = ask.lock()
        if not ask.is_replay():
            if not LEAST_AMPS <= amps <= place.charge_point.max_current_a:
                raise BadLimit
            _check_fresh(place, now)
            if place.state is not None and place.state >= S.CHARGING and _is_version_1(place):
                raise LimitWhileCharging
        return ask.send(place, LIMIT, {"amps": amps}, seconds=SHORT_SECONDS)


def lock_connector(
    *, actor: Commander, connector: Connector, idempotency_key: str, now: dt.datetime
) -> Queued:
    """Lock the plug. Raises: ChargingRefused, and what `queue_command` raises."""
    ask = _Ask(actor, connector, idempotency_key, now)
    with transaction.atomic():
        place = ask.lock()
        if not ask.is_replay():
            _check_fresh(place, now)
        return ask.send(place, LOCK, seconds=SHORT_SECONDS)


def unlock_connector(
    *, actor: Commander, connector: Connector, idempotency_key: str, now: dt.datetime
) -> Queued:
    """Unlock the plug; not under current.

    Raises: ChargingRefused, and what `queue_command` raises.
    """
    ask = _Ask(actor, connector, idempotency_key, now)
    with transaction.atomic():
        place = ask.lock()
        if not ask.is_replay():
            _check_fresh(place, now)
            if place.state in (S.READY, S.CHARGING) or place.is_relay_on:
                raise WrongState
        return ask.send(place, UNLOCK, seconds=SHORT_SECONDS)


class _Ask:
    """One request of somebody, whose permission is checked first."""

    def __init__(self, actor: Commander, connector: Connector, key: str, now: dt.datetime) -> None:
        point = connector.charge_point
        if not actor.has_perm(CONTROL, point):
            raise MayNotCharge if actor.has_perm(READ, point) else NoSuchConnector
        self.by = requester_of(actor)
        self._connector_id, self._key, self._now = connector.id, key, now

    def lock(self) -> Connector:
        """Return the connector as it is now, locked; events are kept by nobody else."""
        rows = Connector.objects.select_related(
            "charge_point__device__profile", "charge_point__site", "charge_point__price"
        )
        found = (
            rows.select_for_update(of=("self",), no_key=True).filter(id=self._connector_id).first()
        )
        if found is None:
            raise NoSuchConnector
        lock_order()
        return found

    def is_replay(self, tag_uid: str | None = None) -> bool:
        """Tell whether the key was used before. Raises: KeyReused: with another tag."""
        rows = Command.objects.filter(principal=self.by.principal, idempotency_key=self._key)
        command_id = rows.values_list("id", flat=True).first()
        if command_id is not None and tag_uid is not None:
            first = ChargingEvent.objects.filter(
                kind=Kind.CHARGE_START_REQUESTED.value, detail__command=str(command_id)
            ).first()
            if first is not None and first.detail.get("tag", "") != tag_uid.strip().upper():
                raise KeyReused
        return command_id is not None

    def send(
        self, place: Connector, name: str, params: Mapping[str, Any] | None = None, *, seconds: int
    ) -> Queued:
        """Order it from the device under the name of whoever asked."""
        return queue_command(
            actor=OnBehalf(self.by.principal, self.by.label), device=place.charge_point.device,
            name=name, params=params or {}, idempotency_key=self._key, now=self._now,
            expires_in=seconds,
        )  # fmt: skip


def is_start_unseen(place: Connector) -> bool:
    """Tell whether a permission was sent, and nobody has looked since what became of it."""
    last = (
        Command.objects.filter(device_id=place.charge_point.device_id, name=START)
        .order_by("-requested_at")
        .first()
    )
    if last is None or last.state in _NEVER_BEGAN or last.sent_at is None:
        return False
    return place.seen_at is None or place.seen_at <= (last.finished_at or last.sent_at)


def _check_fresh(place: Connector, now: dt.datetime) -> None:
    if place.seen_at is None or now - place.seen_at > FRESH:
        raise NotFresh


def _check_start(place: Connector, now: dt.datetime) -> ChargingSession | None:
    """Return the permission that waits for a vehicle, if there is one."""
    _check_fresh(place, now)
    if place.state != S.CONNECTED:
        raise NoVehicle
    last = (
        Command.objects.filter(device=place.charge_point.device, name=START)
        .order_by("-requested_at")
        .first()
    )
    if last is not None:
        _check_again(last, place, now)
    return open_session_of(place)


def _check_again(last: Command, place: Connector, now: dt.datetime) -> None:
    """Refuse a second permission before anybody has seen what became of the first."""
    if last.state in _UNDER_WAY and last.expires_at > now:
        raise AlreadyPermitted
    done_at = last.finished_at or last.sent_at
    if last.state not in _UNANSWERED or done_at is None:
        return
    if place.seen_at is None or place.seen_at <= done_at:
        raise NotFresh


def _is_version_1(place: Connector) -> bool:
    try:
        line: SerialLine = place.charge_point.device.serial_line
    except ObjectDoesNotExist:
        return False
    return line.protocol == SerialLine.Protocol.ESP32_V1


def _note_start(
    place: Connector,
    session: ChargingSession | None,
    tag: IdTag | None,
    ask: _Ask,
    queued: Queued,
) -> None:
    now = queued.command.requested_at
    if session is None:
        session = begin_session(place, at=now, tag=tag, by=ask.by)
    else:
        session.since = now
        if tag is not None:
            session.id_tag, session.tag_uid = tag, tag.uid
        session.principal, session.principal_label = ask.by.principal, ask.by.label[:254]
        session.save()
    detail = {
        "by": ask.by.label[:254], "tag": tag.uid if tag else "", "command": str(queued.command.id)
    }  # fmt: skip
    keep_event(place, Kind.CHARGE_START_REQUESTED, at=now, session=session, detail=detail)
