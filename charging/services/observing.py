"""What bridges hear of connectors becomes states, events and sessions.

What the database says is the truth from which a look differs: whoever bridges may be killed
and begin anew at any moment.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from enum import StrEnum

from django.db import transaction
from django.db.models import F
from prometheus_client import Counter

from charging.events import Happened, Kind, Known, events_of, mismatches_after
from charging.models import (
    ChargingEvent,
    ChargingSession,
    Connector,
    EndReason,
    SessionState,
)
from charging.observation import Observation
from charging.services.keeping import keep_event, keep_events, lock_order
from charging.services.marks import NOTICED, STATE_AT, marks_of, state_seen_at
from charging.services.permitting import permit_again, permit_if_wanted, present_tag
from charging.services.sessions import end_session, follow, open_session_of
from charging.services.stops import STOP_HOLDS, is_stop_ordered
from charging.states import S

EVENTS = Counter("energy_charging_events", "Events of connectors", ["kind"])
OLD_LOOKS = Counter("energy_charging_old_looks", "Looks that came after a later one")
_COPIED = (
    "pilot", "fault", "current_limit_a", "cable_a", "is_locked", "is_relay_on", "is_authorised",
)  # fmt: skip


class Link(StrEnum):
    """The link of a bridge to a controller, as it changes."""

    CONNECTED = "connected"
    STALE = "stale"
    LOST = "lost"


class Outcome(StrEnum):
    """What became of a command that was not done."""

    TIMEOUT = "timeout"
    REJECTED = "rejected"


_OF_LINKS = {
    Link.CONNECTED: Kind.BRIDGE_CONNECTED,
    Link.STALE: Kind.BRIDGE_STALE,
    Link.LOST: Kind.BRIDGE_LOST,
}
_OF_OUTCOMES = {Outcome.TIMEOUT: Kind.COMMAND_TIMEOUT, Outcome.REJECTED: Kind.COMMAND_REJECTED}


@transaction.atomic
def observe(*, connector_id: uuid.UUID, seen: Observation, now: dt.datetime) -> list[ChargingEvent]:
    """Compare a look with what is known, keep the difference, and return the events of it.

    Within the scope of the connector's tenant (`tenant_scope(line.tenant_id)`). The same look
    twice changes nothing; one that is older than the last is counted and changes nothing.

    Raises: Connector.DoesNotExist.
    """
    connector = lock_connector_row(connector_id)
    if connector.seen_at is not None and seen.at <= connector.seen_at:
        if seen.at < connector.seen_at:
            OLD_LOOKS.inc()
        return []
    known = _known(connector, seen)
    found = events_of(known, seen)
    _keep_look(connector, known, seen, found)
    is_link_back = known.is_link_new and seen.state == S.CONNECTED
    if not found and not is_link_back:
        return []
    lock_order()
    kept = keep_events(connector, follow(connector, found))
    for one in found:
        EVENTS.labels(one.kind.value).inc()
    if connector.state == S.CONNECTED and any(one.to_state == S.CONNECTED for one in found):
        permit_if_wanted(connector, now=now)
    elif is_link_back:
        permit_again(connector, now=now)
    if seen.rfid:
        present_tag(connector, uid=seen.rfid, event=kept[-1], now=now)
    return kept


@transaction.atomic
def note_link(
    *, connector_id: uuid.UUID, link: Link, at: dt.datetime, now: dt.datetime, detail: str = ""
) -> None:
    """Keep that the link to the controller changed; in the scope of the tenant.

    The first look after the link came back tells whether a session goes on.
    """
    connector = lock_connector_row(connector_id)
    marks = marks_of(connector)
    connector.seen = connector.seen | {
        NOTICED: {**marks, "is_link_new": link == Link.CONNECTED, "link": link.value}
    }
    connector.save(update_fields=["seen", "updated_at"])
    session = open_session_of(connector)
    keep_event(
        connector, _OF_LINKS[link], at=at, session=session,
        detail={"detail": detail[:300]} if detail else {},
    )  # fmt: skip


@transaction.atomic
def note_command(
    *,
    connector_id: uuid.UUID,
    name: str,
    outcome: Outcome,
    at: dt.datetime,
    now: dt.datetime,
    code: str = "",
    detail: str = "",
) -> None:
    """Keep that a command was refused or not answered; in the scope of the tenant.

    A permission that never reached the controller ends its session; one that was not answered
    does so only when its time is over, because the controller may have taken it.
    """
    connector = lock_connector_row(connector_id)
    session = open_session_of(connector)
    said = {"command": name, "code": code[:64], "detail": detail[:300]}
    keep_event(connector, _OF_OUTCOMES[outcome], at=at, session=session, detail=said)
    if (
        name == "charge_start"
        and outcome == Outcome.REJECTED
        and session is not None
        and session.state == SessionState.AUTHORISED
    ):
        end_session(session, at=at, reason=EndReason.STOPPED, detail=code or detail)


def lock_connector_row(connector_id: uuid.UUID) -> Connector:
    """Return a connector, locked, with all that sessions need. Raises: Connector.DoesNotExist."""
    rows = Connector.objects.select_related(
        "charge_point__device__profile", "charge_point__site", "charge_point__price"
    )
    return rows.select_for_update(of=("self",), no_key=True).get(id=connector_id)


def _known(connector: Connector, seen: Observation) -> Known:
    """Return what is known before a look; the session is read only if it may matter."""
    marks = marks_of(connector)
    is_link_new = bool(marks.get("is_link_new"))
    session: ChargingSession | None = None
    is_stop_asked = False
    if seen.state is not None and (seen.state != connector.state or is_link_new):
        session = open_session_of(connector)
        is_stop_asked = seen.state in (S.PAUSED, S.STOPPED) and is_stop_ordered(
            connector, since=(state_seen_at(connector) or seen.at) - STOP_HOLDS
        )
    is_underway = session is not None and session.state in (
        SessionState.CHARGING,
        SessionState.PAUSED,
    )
    return Known(
        at=state_seen_at(connector), state=connector.state, pilot=connector.pilot,
        current_limit_a=connector.current_limit_a, cable_a=connector.cable_a,
        is_relay_on=connector.is_relay_on,
        has_charged=(
            session is not None and session.charging_at is not None and session.stopped_at is None
        ),
        is_underway=is_underway, mismatches=int(marks.get("mismatches", 0)),
        is_link_new=is_link_new, is_stop_asked=is_stop_asked,
    )  # fmt: skip


def _keep_look(
    connector: Connector, known: Known, seen: Observation, found: Sequence[Happened]
) -> None:
    for name in _COPIED:
        value = getattr(seen, name)
        if value is not None:
            setattr(connector, name, value)
    if seen.state is not None and seen.state != connector.state:
        connector.state, connector.state_since = seen.state, seen.at
    marks = dict(marks_of(connector)) | {"mismatches": mismatches_after(known, seen)}
    if seen.state is not None:
        marks.pop("is_link_new", None)
        marks[STATE_AT] = seen.at.isoformat()
    elif connector.seen_at is not None:
        marks.setdefault(STATE_AT, connector.seen_at.isoformat())
    connector.seen_at, connector.seen = seen.at, {**seen.raw, NOTICED: marks}
    anomalies = sum(one.is_anomaly for one in found)
    fields = [*_COPIED, "state", "state_since", "seen_at", "seen", "updated_at"]
    if anomalies:
        connector.anomalies = F("anomalies") + anomalies
        fields.append("anomalies")
    connector.save(update_fields=fields)
    if anomalies:
        connector.refresh_from_db(fields=["anomalies"])
