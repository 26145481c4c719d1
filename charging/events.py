"""Which events a look at a connector makes, compared with the one before. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from charging.observation import Observation
from charging.states import S, Step, steps_between


class Kind(StrEnum):
    """What happens at connectors."""

    CABLE_CONNECTED = "CABLE_CONNECTED"
    EV_CONNECTED = "EV_CONNECTED"
    CHARGE_READY = "CHARGE_READY"
    CHARGE_STARTED = "CHARGE_STARTED"
    CHARGE_PAUSED = "CHARGE_PAUSED"
    CHARGE_RESUMED = "CHARGE_RESUMED"
    CHARGE_STOPPED = "CHARGE_STOPPED"
    CABLE_DISCONNECTED = "CABLE_DISCONNECTED"
    FAULT_DETECTED = "FAULT_DETECTED"
    FAULT_CLEARED = "FAULT_CLEARED"
    STATE_CHANGED = "STATE_CHANGED"
    CHARGE_START_REQUESTED = "CHARGE_START_REQUESTED"
    CHARGE_STOP_REQUESTED = "CHARGE_STOP_REQUESTED"
    VENTILATION_REQUESTED = "VENTILATION_REQUESTED"
    CONTROL_PILOT_ERROR = "CONTROL_PILOT_ERROR"
    PP_CHANGED = "PP_CHANGED"
    CURRENT_LIMIT_CHANGED = "CURRENT_LIMIT_CHANGED"
    AUTH_TIMEOUT = "AUTH_TIMEOUT"
    PLUGIN_TIMEOUT = "PLUGIN_TIMEOUT"
    CONTACTOR_MISMATCH = "CONTACTOR_MISMATCH"
    LOCK_FAILED = "LOCK_FAILED"
    RFID_PRESENTED = "RFID_PRESENTED"
    DEVICE_REBOOTED = "DEVICE_REBOOTED"
    BRIDGE_CONNECTED = "BRIDGE_CONNECTED"
    BRIDGE_LOST = "BRIDGE_LOST"
    BRIDGE_STALE = "BRIDGE_STALE"
    COMMAND_TIMEOUT = "COMMAND_TIMEOUT"
    COMMAND_REJECTED = "COMMAND_REJECTED"
    OVERCURRENT = "OVERCURRENT"
    SESSION_RESUMED = "SESSION_RESUMED"


PILOT_VENTILATION = 3
PILOT_ERROR = 4
MISMATCHES = 2  # looks in a row: contactor and state do not change at the same moment
BLIND_SECONDS = 10.0  # what happened since the look before was not watched
_RELAY_OFF = frozenset({S.RECOVERING, S.IDLE, S.CABLE, S.CONNECTED, S.FAULT})
_OF_EDGES = {
    (1, 2): Kind.CABLE_CONNECTED, (2, 3): Kind.EV_CONNECTED, (3, 4): Kind.CHARGE_READY,
    (3, 5): Kind.CHARGE_STARTED, (4, 5): Kind.CHARGE_STARTED, (1, 5): Kind.CHARGE_STARTED,
    (6, 5): Kind.CHARGE_RESUMED, (5, 6): Kind.CHARGE_PAUSED,
    (5, 7): Kind.CHARGE_STOPPED, (5, 1): Kind.CHARGE_STOPPED, (6, 7): Kind.CHARGE_STOPPED,
    (6, 1): Kind.CHARGE_STOPPED, (2, 1): Kind.CABLE_DISCONNECTED,
    (3, 1): Kind.CABLE_DISCONNECTED, (7, 1): Kind.CABLE_DISCONNECTED,
    (8, 1): Kind.FAULT_CLEARED, (0, 1): Kind.FAULT_CLEARED,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a connector from the look before; None: nothing.

    `has_charged`: the open session has charged, so that charging goes on. `is_underway`: it
    charges or pauses. `mismatches`: looks in a row at which contactor and state differed.
    `is_link_new`: the first look since the bridge came back. `is_stop_asked`: a stop was sent.
    """

    at: dt.datetime | None = None
    state: int | None = None
    pilot: int | None = None
    current_limit_a: float | None = None
    cable_a: float | None = None
    is_relay_on: bool | None = None
    has_charged: bool = False
    is_underway: bool = False
    mismatches: int = 0
    is_link_new: bool = False
    is_stop_asked: bool = False


@dataclass(frozen=True, slots=True)
class Happened:
    """An event before it is kept. `is_anomaly`: the state machine does not know the change."""

    kind: Kind
    at: dt.datetime
    from_state: int | None = None
    to_state: int | None = None
    is_inferred: bool = False
    is_anomaly: bool = False
    detail: Mapping[str, Any] = field(default_factory=dict)


def events_of(known: Known, seen: Observation) -> list[Happened]:
    """Return what happened between two looks, in order."""
    found: list[Happened] = []
    if seen.is_rebooted:
        found.append(Happened(Kind.DEVICE_REBOOTED, seen.at))
    found += _plugs(known, seen)
    found += _moves(known, seen)
    if known.is_link_new and known.is_underway and (seen.state in (S.READY, S.CHARGING, S.PAUSED)):
        found.append(Happened(Kind.SESSION_RESUMED, seen.at, to_state=seen.state))
    found += _signals(known, seen)
    return found


def mismatches_after(known: Known, seen: Observation) -> int:
    """Return for how many looks in a row contactor and state have not fitted."""
    state = known.state if seen.state is None else seen.state
    relay = seen.is_relay_on
    if relay is None or state is None:
        return known.mismatches
    fits = relay if state == S.CHARGING else not (relay and state in _RELAY_OFF)
    return 0 if fits else known.mismatches + 1


def _moves(known: Known, seen: Observation) -> Iterator[Happened]:
    if seen.state is None:
        return
    is_blind = _is_blind(known, seen)
    has_charged = known.has_charged
    for step in steps_between(known.state, seen.state, is_forced=_is_forced(known, seen)):
        happened = _move(step, seen, has_charged=has_charged)
        # when charging began nobody saw either, only that it had not at the look before
        if known.at is not None and (is_blind or step.end == S.CHARGING):
            happened = replace(happened, detail={**happened.detail, "since": known.at.isoformat()})
        has_charged = _has_charged(step, has_charged)
        yield happened


def _has_charged(step: Step, before: bool) -> bool:
    if step.end == S.CHARGING:
        return True
    return before and step.end not in (S.IDLE, S.STOPPED, S.FAULT)


def _move(step: Step, seen: Observation, *, has_charged: bool) -> Happened:
    kind = _OF_EDGES.get((step.begin, step.end), Kind.STATE_CHANGED)
    detail: dict[str, Any] = {}
    if step.end == S.FAULT:
        kind = Kind.FAULT_DETECTED
        detail = {"fault": seen.fault} if seen.fault else {}
    if kind == Kind.CHARGE_STARTED and has_charged:
        kind = Kind.CHARGE_RESUMED
    return Happened(
        kind, seen.at, step.begin, step.end, step.is_inferred, not step.is_known, detail
    )


def _is_forced(known: Known, seen: Observation) -> bool:
    """A stop of ours sets the state, whatever it was: nothing has charged in between."""
    return known.is_stop_asked and seen.state in (S.PAUSED, S.STOPPED)


def _is_blind(known: Known, seen: Observation) -> bool:
    return known.at is not None and (seen.at - known.at).total_seconds() > BLIND_SECONDS


def _plugs(known: Known, seen: Observation) -> Iterator[Happened]:
    changes = (
        (Kind.PP_CHANGED, "cable_a", known.cable_a, seen.cable_a),
        (Kind.CURRENT_LIMIT_CHANGED, "limit_a", known.current_limit_a, seen.current_limit_a),
    )
    for kind, name, before, after in changes:
        if before is not None and after is not None and before != after:
            yield Happened(kind, seen.at, detail={name: after, "before": before})


def _signals(known: Known, seen: Observation) -> Iterator[Happened]:
    if seen.pilot is not None and seen.pilot != known.pilot:
        if seen.pilot == PILOT_VENTILATION:
            yield Happened(Kind.VENTILATION_REQUESTED, seen.at)
        elif seen.pilot >= PILOT_ERROR:
            yield Happened(Kind.CONTROL_PILOT_ERROR, seen.at, detail={"pilot": seen.pilot})
    if mismatches_after(known, seen) == MISMATCHES > known.mismatches:
        detail = {"relay": seen.is_relay_on, "state": seen.state}
        yield Happened(Kind.CONTACTOR_MISMATCH, seen.at, detail=detail)
    if seen.is_lock_failed:
        yield Happened(Kind.LOCK_FAILED, seen.at)
    if seen.rfid:
        yield Happened(Kind.RFID_PRESENTED, seen.at, detail={"tag": seen.rfid.upper()[:64]})
