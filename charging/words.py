"""Words for what happens at connectors; rows and programs know codes only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from charging.models import ChargingEvent, ConnectorState
from charging.services import refusals

EVENT_NAMES: Mapping[str, Promise] = {
    "CABLE_CONNECTED": gettext_lazy("Cable plugged in"),
    "EV_CONNECTED": gettext_lazy("Vehicle connected"),
    "CHARGE_READY": gettext_lazy("Ready to charge"),
    "CHARGE_STARTED": gettext_lazy("Charging began"),
    "CHARGE_PAUSED": gettext_lazy("Charging paused"),
    "CHARGE_RESUMED": gettext_lazy("Charging goes on"),
    "CHARGE_STOPPED": gettext_lazy("Charging stopped"),
    "CABLE_DISCONNECTED": gettext_lazy("Unplugged"),
    "FAULT_DETECTED": gettext_lazy("Fault"),
    "FAULT_CLEARED": gettext_lazy("Fault is over"),
    "STATE_CHANGED": gettext_lazy("Unexpected change of state"),
    "CHARGE_START_REQUESTED": gettext_lazy("Start asked for"),
    "CHARGE_STOP_REQUESTED": gettext_lazy("Stop asked for"),
    "VENTILATION_REQUESTED": gettext_lazy("The vehicle asks for ventilation"),
    "CONTROL_PILOT_ERROR": gettext_lazy("Signal between cable and vehicle is faulty"),
    "PP_CHANGED": gettext_lazy("Another cable"),
    "CURRENT_LIMIT_CHANGED": gettext_lazy("Current limit changed"),
    "AUTH_TIMEOUT": gettext_lazy("Charging did not begin in time"),
    "PLUGIN_TIMEOUT": gettext_lazy("Nothing was plugged in in time"),
    "CONTACTOR_MISMATCH": gettext_lazy("The contactor does not follow"),
    "LOCK_FAILED": gettext_lazy("The lock did not move"),
    "RFID_PRESENTED": gettext_lazy("Card held to the reader"),
    "DEVICE_REBOOTED": gettext_lazy("The controller began anew"),
    "BRIDGE_CONNECTED": gettext_lazy("Connection to the controller is back"),
    "BRIDGE_LOST": gettext_lazy("Connection to the controller lost"),
    "BRIDGE_STALE": gettext_lazy("The controller is silent"),
    "COMMAND_TIMEOUT": gettext_lazy("A command was not answered"),
    "COMMAND_REJECTED": gettext_lazy("A command was refused"),
    "OVERCURRENT": gettext_lazy("More current than allowed"),
    "SESSION_RESUMED": gettext_lazy("The session goes on after a break"),
}
BAD_EVENTS = frozenset({
    "FAULT_DETECTED", "CONTROL_PILOT_ERROR", "CONTACTOR_MISMATCH", "LOCK_FAILED", "BRIDGE_LOST",
    "BRIDGE_STALE", "COMMAND_TIMEOUT", "COMMAND_REJECTED", "OVERCURRENT",
})  # fmt: skip
PILOT_VENTILATION, PILOT_ERROR = 3, 4
_FAULTS: Mapping[int, tuple[Promise, Promise]] = {
    1: (
        gettext_lazy("A phase is missing"),
        gettext_lazy(
            "Look at the fuses of the charge point. Unplug the vehicle before you switch one on."
        ),
    ),
    2: (
        gettext_lazy("Current flows to earth"),
        gettext_lazy(
            "Do not touch cable and vehicle. Switch the charge point off at its fuse and call an "
            "electrician."
        ),
    ),
}
_UNKNOWN_FAULT = (
    gettext_lazy("The charge point reports a fault"),
    gettext_lazy(
        "Unplug the vehicle, wait a minute and plug it in again. Call service if it stays."
    ),
)
_PILOT = (
    gettext_lazy("Signal between cable and vehicle is faulty"),
    gettext_lazy("Unplug the cable on both sides and plug it in again. Try another cable."),
)
_VENTILATION = (
    gettext_lazy("The vehicle asks for ventilation"),
    gettext_lazy("It charges only where air is moved away. Open the garage or use another place."),
)
_ESTIMATES: Mapping[str, Promise] = {
    "no_meter": gettext_lazy("there is no meter in front of the connector"),
    "meter_silent": gettext_lazy("the meter was silent"),
    "meter_gap": gettext_lazy("samples of the meter are missing at the end"),
    "meter_reset": gettext_lazy("the register of the meter began anew meanwhile"),
}

_RESULTS: Mapping[str, Promise] = {
    "permitted": gettext_lazy("charging was permitted"),
    "stopped": gettext_lazy("the session was stopped"),
    "waits": gettext_lazy("waits for a vehicle"),
    "taken back": gettext_lazy("the permission was taken back"),
} | {
    found.code: found.message
    for found in vars(refusals).values()
    if isinstance(found, type) and issubclass(found, refusals.ChargingRefused)
}


def state_name(state: int | None) -> str:
    """Return the words for a state of a connector."""
    if state is None:
        return _("Never seen")
    return str(ConnectorState(state).label) if state in ConnectorState.values else str(state)


def event_name(kind: str) -> str:
    """Return the words for a kind of event; the kind itself where there are none."""
    return str(EVENT_NAMES.get(kind, kind))


def event_note(event: ChargingEvent) -> str:
    """Return what more is known of an event: the change of state, and its detail."""
    parts = []
    if event.from_state is not None and event.to_state is not None:
        parts.append(f"{state_name(event.from_state)} → {state_name(event.to_state)}")
    parts += [_detail(name, value) for name, value in sorted(event.detail.items())]
    if event.is_inferred:
        parts.append(_("concluded, nobody saw it"))
    return " · ".join(part for part in parts if part)


def trouble_of(state: int | None, fault: int, pilot: int | None) -> tuple[str, str] | None:
    """Return what is wrong at a connector and what to do about it; None: nothing."""
    found = None
    if fault or state == ConnectorState.FAULT_HARD:
        found = _FAULTS.get(fault, _UNKNOWN_FAULT)
    elif pilot == PILOT_ERROR:
        found = _PILOT
    elif pilot == PILOT_VENTILATION:
        found = _VENTILATION
    return (str(found[0]), str(found[1])) if found else None


def estimate_words(note: str) -> str:
    """Return why the energy of a session is an estimate."""
    return str(_ESTIMATES.get(note, note))


def _detail(name: str, value: Any) -> str:
    match name:
        case "limit_a" | "cable_a" | "current_a":
            return f"{value:g} A" if isinstance(value, int | float) else str(value)
        case "fault":
            return str(_FAULTS.get(value, _UNKNOWN_FAULT)[0]) if value else ""
        case "result" | "code":
            return str(_RESULTS.get(value, value))
        case "since" | "anomaly" | "command" | "before" | "pilot" | "relay" | "state":
            return ""
    return str(value) if isinstance(value, str | int | float) else ""
