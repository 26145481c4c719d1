"""Which kinds of live events there are, and who may see them."""

from __future__ import annotations

from collections.abc import Callable

from django.db import models
from django.utils.translation import gettext_lazy as _


class EventType(models.TextChoices):
    """What an event is about. `logic_execution` and `charging` are kept free."""

    DEVICE_STATUS = "device_status", _("Device status")
    GATEWAY_STATUS = "gateway_status", _("Gateway status")
    ALARM = "alarm", _("Alarm")
    ACTUATOR_STATUS = "actuator_status", _("Actuator status")
    ACTUATOR_RESPONSE = "actuator_response", _("Answer of an actuator")
    ACTUATOR_ALERT = "actuator_alert", _("Alert of an actuator")
    ESP_HEALTH = "esp_health", _("Health of a device")
    CONFIG_RESPONSE = "config_response", _("Answer to a configuration")
    COMMAND = "command", _("Command")
    EMERGENCY_STOP = "emergency_stop", _("Emergency stop")
    CLAIM = "claim", _("Claim of a box")
    DEVICE_EVENT = "device_event", _("Device event")
    LOGIC_EXECUTION = "logic_execution", _("Rule")
    CHARGING = "charging", _("Charging")


# what one must be allowed to see; the others need "read:device"
_CODES: dict[EventType, str] = {
    EventType.ALARM: "read:alarm",
    EventType.COMMAND: "read:command",
    EventType.ACTUATOR_RESPONSE: "read:command",
    EventType.EMERGENCY_STOP: "read:command",
    EventType.LOGIC_EXECUTION: "read:automation",
    EventType.CHARGING: "read:charger",
}
# Guests see values and presence of what is shared: not who commands it, nor what it reports.
GUEST_TYPES = frozenset({EventType.DEVICE_STATUS.value})


def code_of_type(event_type: str) -> str:
    """Return the permission that shows events of a type."""
    return _CODES.get(EventType(event_type), "read:device")


def visible_types(may: Callable[[str], bool]) -> frozenset[str]:
    """Return the types of events that somebody may see; `may` answers for a permission."""
    allowed = {code: may(code) for code in {"read:device", *_CODES.values()}}
    return frozenset(found.value for found in EventType if allowed[code_of_type(found)])
