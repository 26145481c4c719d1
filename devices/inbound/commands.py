"""Answers to commands, actuators that tell their state, alerts and errors."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from collections.abc import Mapping
from typing import Any

from devices.inbound import presence
from devices.inbound.message import BadMessage, Inbound, read_object
from devices.models import Device, Gateway, Severity
from devices.services.command_answers import Answer, UnknownAnswer, apply_answer, note_actuator
from devices.services.command_safety import make_safe
from devices.services.device_events import record_device_event
from devices.services.presence import own_device

_IDS = ("cmd_id", "req_id", "command_id", "correlation_id", "request_id", "id")
_WORDS = ("status", "state", "result", "outcome", "success")
_DETAILS = ("detail", "message", "error", "error_message", "reason", "error_code")
_SEVERITIES = {
    "debug": Severity.DEBUG, "info": Severity.INFO, "information": Severity.INFO,
    "notice": Severity.INFO, "warn": Severity.WARNING, "warning": Severity.WARNING,
    "minor": Severity.WARNING, "error": Severity.ERROR, "major": Severity.ERROR,
    "high": Severity.ERROR, "fatal": Severity.CRITICAL, "critical": Severity.CRITICAL,
    "emergency": Severity.CRITICAL, "alarm": Severity.CRITICAL,
}  # fmt: skip
# after these an actuator must not run on
DANGERS = {
    "hardware_error", "actuator_fault", "safety_violation", "over_temperature", "over_current",
    "overcurrent", "overtemperature", "short_circuit", "dry_run", "leak",
}  # fmt: skip
# by these a device says that it has switched off itself
STOPPED = {"runtime_protection", "emergency_stop", "link_loss", "max_runtime", "timeout"}
FUTURE = dt.timedelta(minutes=5)


def handle_answer(message: Inbound, now: dt.datetime) -> None:
    """Move the command that a device answers."""
    sender = _sender(message)
    if _is_presence(message):
        presence.handle_status(message, now)
        return
    content = read_object(message)
    gpio = message.route.captures.get("gpio") or message.route.captures.get("channel", "")
    answer = Answer(
        word=_word(content),
        command_id=_command_id(content),
        actuator=gpio,
        detail=_text(content, _DETAILS),
        content=_details(content),
    )
    try:
        apply_answer(sender=sender, answer=answer, at=message.received_at, device=message.device)
    except UnknownAnswer as error:
        raise BadMessage(error.code, str(error)) from error


def handle_actuator_status(message: Inbound, now: dt.datetime) -> None:
    """Keep the state of an actuator: `{"ts": …, "gpio": 5, "state": true, "pwm": 0}`."""
    device = message.known_device()
    content = read_object(message)
    actuator = message.route.captures.get("gpio", "")
    is_on, value = _read_state(content)
    note_actuator(
        device=device, actuator=actuator, is_on=is_on, value=value, at=message.received_at
    )
    emergency = str(content.get("emergency", "normal")).lower()
    if emergency not in {"normal", "none", "false", ""}:
        record_device_event(
            device=device, kind="actuator", code=f"EMERGENCY_{emergency}",
            severity=Severity.CRITICAL, at=_instant(content, message.received_at),
            detail={"actuator": actuator},
        )  # fmt: skip


def handle_alert(message: Inbound, now: dt.datetime) -> None:
    """Keep an alert; when it says danger, switch off what it is about."""
    device = _device(message)
    content = read_object(message)
    word = _text(content, ("alert_type", "code", "type", "alarm", "error_code", "event"))
    if not word:
        raise BadMessage("bad_payload", "An alert needs alert_type or code.")
    actuator = message.route.captures.get("gpio") or _text(content, ("actuator", "channel"))
    record_device_event(
        device=device,
        kind="actuator_alert" if actuator else "alarm",
        code=word,
        severity=_severity(content, Severity.WARNING),
        message=_text(content, ("message", "detail", "text")),
        detail={"actuator": actuator, **_details(content)},
        at=_instant(content, message.received_at),
    )
    plain = word.lower().replace("-", "_").replace(" ", "_")
    if actuator and plain in STOPPED:
        note_actuator(device=device, actuator=actuator, is_on=False, at=message.received_at)
    if plain in DANGERS:
        make_safe(device=device, actuator=actuator, code=plain, now=now)


def handle_error(message: Inbound, now: dt.datetime) -> None:
    """Keep an error: `{"level": "ERROR", "component": …, "error_code": …, "message": …}`."""
    content = read_object(message)
    record_device_event(
        device=_device(message),
        kind="device_error",
        code=_text(content, ("error_code", "code")) or "UNKNOWN",
        severity=_severity(content, Severity.ERROR),
        message=_text(content, ("message", "error", "detail")),
        detail=_details(content),
        at=_instant(content, message.received_at),
    )


def _sender(message: Inbound) -> Gateway | Device:
    """Return the box whose topic it is; it may speak for the devices behind it."""
    return message.gateway if message.gateway is not None else message.known_device()


def _device(message: Inbound) -> Device:
    if message.device is None and message.gateway is not None and not message.route.device_uid:
        found = own_device(gateway=message.gateway)
        if found is not None:
            return found
    return message.known_device()


def _is_presence(message: Inbound) -> bool:
    """Tell whether a direct device uses `devices/{id}/status` for its presence."""
    if message.route.family != "device":
        return False
    text = message.payload.strip().lower()
    if not text.startswith(b"{"):
        return True
    content = read_object(message)
    return _command_id(content) is None and str(content.get("status", "")).lower() in {
        "online",
        "offline",
    }


def _word(content: Mapping[str, Any]) -> str:
    for name in _WORDS:
        value = content.get(name)
        if isinstance(value, bool):
            return "success" if value else "failed"
        if isinstance(value, str) and value.strip():
            return value.strip().lower()
    raise BadMessage("bad_payload", "An answer needs status.")


def _command_id(content: Mapping[str, Any]) -> uuid.UUID | None:
    for name in _IDS:
        given = content.get(name)
        if given not in (None, ""):
            try:
                return uuid.UUID(str(given))
            except ValueError as error:
                raise BadMessage("unknown_command", f"{name} is no id of ours.") from error
    return None


def _read_state(content: Mapping[str, Any]) -> tuple[bool, float | None]:
    """Return whether an actuator runs, and its value."""
    value = next(
        (
            float(content[name])
            for name in ("value", "pwm", "position", "percent")
            if isinstance(content.get(name), int | float) and not isinstance(content[name], bool)
        ),
        None,
    )
    if value is not None and not math.isfinite(value):
        value = None
    state = content.get("state", content.get("is_on", content.get("on")))
    if isinstance(state, bool):
        return state, value
    if isinstance(state, int | float):
        return state != 0, value
    word = str(state or "").strip().lower()
    if word in {"on", "true", "1", "running", "open", "active"}:
        return True, value
    if word in {"off", "false", "0", "stopped", "closed", "idle", "inactive"}:
        return False, value
    if value is not None and state is None:
        return value != 0, value
    raise BadMessage("bad_payload", "An actuator says state: true or false.")


def _severity(content: Mapping[str, Any], otherwise: Severity) -> Severity:
    word = _text(content, ("severity", "level", "priority")).lower()
    return _SEVERITIES.get(word, otherwise)


def _details(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a device says besides, as far as it is small and can be stored."""
    found: dict[str, Any] = {}
    for name, value in list(content.items())[:40]:
        if name in _IDS or (isinstance(value, float) and not math.isfinite(value)):
            continue
        found[name[:64]] = value[:500].replace("\0", "") if isinstance(value, str) else value
    return found


def _text(content: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = content.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value).replace("\0", "")[:1000]
    return ""


def _instant(content: Mapping[str, Any], received_at: dt.datetime) -> dt.datetime:
    """Return the device's time in s, ms or µs, or that of receipt when it cannot be right.

    A message that comes twice has the same time, so it is kept once.
    """
    given = content.get("ts", content.get("timestamp"))
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        return received_at
    for factor in (1, 1_000, 1_000_000):
        if given / factor < 1e11:
            seconds = given / factor
            break
    else:
        return received_at
    at = dt.datetime.fromtimestamp(max(seconds, 0), dt.UTC)
    return at if received_at - dt.timedelta(days=366) <= at <= received_at + FUTURE else received_at
