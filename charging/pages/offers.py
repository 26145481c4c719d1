"""What a person can ask of a connector now, and why not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from django.utils.functional import Promise

from charging.models import ChargingSession, Connector, ConnectorState
from charging.services import refusals
from charging.services.control import FRESH, LEAST_AMPS
from devices.models import SerialLine

MIN_AMPS = LEAST_AMPS
_UNDERWAY = frozenset({ConnectorState.READY, ConnectorState.CHARGING, ConnectorState.PAUSED})
_ON = frozenset({ConnectorState.READY, ConnectorState.CHARGING})


@dataclass(frozen=True, slots=True)
class Offers:
    """Why each button does nothing now, in words; "" for one that works."""

    start: str
    stop: str
    limit: str
    lock: str
    unlock: str


def offers_of(
    connector: Connector,
    *,
    session: ChargingSession | None,
    line: SerialLine | None,
    codes: Collection[str],
    now: dt.datetime,
) -> Offers:
    """Return what can be asked. Args: session: the one that is open. codes: permissions."""
    if "control:charger" not in codes:
        return Offers(*[str(refusals.MayNotCharge.message)] * 5)
    is_heard = connector.seen_at is not None and now - connector.seen_at <= FRESH
    state = connector.state
    is_first = line is not None and line.protocol == SerialLine.Protocol.ESP32_V1
    is_late = state is not None and state >= ConnectorState.CHARGING and is_first
    is_on = state in _ON or bool(connector.is_relay_on)
    may_stop = state in _UNDERWAY or (session is not None and session.stopped_at is None)

    def why(fits: bool, refusal: type[refusals.ChargingRefused]) -> str:
        text: Promise | str = "" if fits else refusal.message
        return str(text if is_heard else refusals.NotFresh.message)

    return Offers(
        start=why(state == ConnectorState.EV_CONNECTED, refusals.NoVehicle),
        stop="" if may_stop else str(refusals.NotCharging.message),
        limit=why(not is_late, refusals.LimitWhileCharging),
        lock=why(True, refusals.WrongState),
        unlock=why(not is_on, refusals.WrongState),
    )
