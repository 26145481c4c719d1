"""What an event of a device says about an alarm: that it begins, goes on, or is over."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# kinds of events that are alarms when they are bad enough
KINDS = frozenset({"alarm", "actuator_alert", "actuator", "device_error", "zigbee", "evse"})
_RAISES = frozenset({"warning", "error", "critical"})
_KEY_LENGTH, _HASH_LENGTH = 200, 12
_OVER = frozenset(
    {
        "clear", "cleared", "resolved", "recovered", "restored", "returned", "ended", "over",
        "closed", "gone", "ok",
    }
)  # fmt: skip
# words for the end of an alarm, which of an actuator may be its own state
_OVER_UNLESS_ACTUATOR = frozenset({"inactive", "normal", "off", "false", "0", "end"})
_STATES = ("alarm_state", "alert_state", "state", "status", "action", "transition")
_ENDINGS = ("_CLEARED", "_RESOLVED", "_RECOVERED", "_RESTORED", "_ENDED")
_MILD_ENDINGS = ("_OK", "_NORMAL", "_CLEAR")
# an event of its own that says that another is over
_PAIRS = {("zigbee", "ZIGBEE_ONLINE"): "ZIGBEE_OFFLINE"}


@dataclass(frozen=True, slots=True)
class Said:
    """That a fault of a device begins or goes on, or with `is_over` that it has ended.

    `name` tells faults of one device and kind apart: the code, or the key by which the
    device itself knows it; `part` is the actuator or connector it is about.
    """

    code: str
    name: str
    part: str
    is_over: bool


def read_event(kind: str, code: str, severity: str, detail: Mapping[str, Any]) -> Said | None:
    """Return what an event says; None when it is about no alarm."""
    if kind not in KINDS:
        return None
    part = _word(detail, "actuator") or _word(detail, "connector")
    base = _code_that_is_over(kind, code, severity)
    is_over = base is not None or _says_over(detail, bool(part))
    if not is_over and severity not in _RAISES:
        return None
    own = _word(detail, "dedupe_key") or _word(detail, "alarm_id") or _word(detail, "alert_id")
    return Said(code=base or code, name=own or base or code, part=part, is_over=is_over)


def alarm_key(device_id: object, kind: str, said: Said) -> str:
    """Return `device:<id>:<kind>:<name>[:<part>]`; a long one is cut and ends in a hash."""
    key = ":".join(filter(None, ("device", str(device_id), kind, said.name, said.part)))
    if len(key) <= _KEY_LENGTH:
        return key
    mark = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]
    return f"{key[: _KEY_LENGTH - _HASH_LENGTH - 1]}:{mark}"


def _code_that_is_over(kind: str, code: str, severity: str) -> str | None:
    """Return the fault that a code ends, such as LEAK for LEAK_CLEARED."""
    paired = _PAIRS.get((kind, code))
    if paired is not None:
        return paired
    endings = _ENDINGS if severity in _RAISES else _ENDINGS + _MILD_ENDINGS
    for ending in endings:
        if code.endswith(ending) and len(code) > len(ending):
            return code[: -len(ending)]
    return None


def _says_over(detail: Mapping[str, Any], has_part: bool) -> bool:
    if any(detail.get(name) is False for name in ("active", "is_active", "raised")):
        return True
    if any(detail.get(name) is True for name in ("cleared", "resolved", "recovered")):
        return True
    for name in _STATES:
        word = str(detail.get(name, "")).strip().lower()
        is_own = has_part and name in {"state", "status"}
        if word in _OVER and not (is_own and word in {"closed", "ok", "over"}):
            return True
        if word in _OVER_UNLESS_ACTUATOR and not is_own:
            return True
    return False


def _word(detail: Mapping[str, Any], name: str) -> str:
    value = detail.get(name)
    return str(value).strip()[:100] if isinstance(value, str | int) and value != "" else ""
