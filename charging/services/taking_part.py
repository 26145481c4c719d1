"""The parts of the product that are told what happens at connectors."""

from __future__ import annotations

import datetime as dt

from charging.events import Kind
from charging.models import ChargingEvent
from charging.services.settling import settle_session
from charging.services.subscribers import Subscriber
from devices.services.device_events import record_device_event

_SETTLES = frozenset({
    Kind.CHARGE_STARTED, Kind.CHARGE_STOPPED, Kind.CABLE_DISCONNECTED, Kind.FAULT_DETECTED,
})  # fmt: skip


def note_at_device(event: ChargingEvent, now: dt.datetime) -> None:
    """Keep it among the events of the device, where rules and people look for them."""
    point = event.connector.charge_point
    record_device_event(
        device=point.device, kind="charging", code=event.kind, at=event.at,
        detail={
            **event.detail, "connector": event.connector.number, "from": event.from_state,
            "to": event.to_state, "inferred": event.is_inferred,
            "session": str(event.session_id) if event.session_id else "",
        },
    )  # fmt: skip


def settle(event: ChargingEvent, now: dt.datetime) -> None:
    """Compute a session at once when it begins or ends; others wait for their turn."""
    if event.session_id is not None and event.kind in _SETTLES:
        settle_session(session_id=event.session_id, now=now)


# by the names under which their positions are kept
SUBSCRIBERS: dict[str, Subscriber] = {"device_events": note_at_device, "settling": settle}
