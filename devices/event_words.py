"""Sentences for events of devices; rows hold codes, and what devices said in their words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.queries_campaigns import reason_of

if TYPE_CHECKING:
    from devices.models import DeviceEvent

_PRESENCE: Mapping[str, Promise] = {
    "ONLINE": gettext_lazy("It reports again."),
    "OFFLINE": gettext_lazy("It does not report any more."),
    "ZIGBEE_ONLINE": gettext_lazy("The Zigbee network is reachable again."),
    "ZIGBEE_OFFLINE": gettext_lazy("The Zigbee network cannot be reached."),
    "RUNTIME_EXCEEDED": gettext_lazy("The run time is over; the server switches it off."),
    "ATTRIBUTES": gettext_lazy("It told attributes of its own."),
}
_KINDS: Mapping[str, Promise] = {
    "presence": gettext_lazy("presence"),
    "gateway_presence": gettext_lazy("presence of the gateway"),
    "actuator": gettext_lazy("actuator"),
    "actuator_alert": gettext_lazy("alert of an actuator"),
    "alarm": gettext_lazy("alert"),
    "device_error": gettext_lazy("error of the device"),
    "campaign": gettext_lazy("campaign"),
    "certificate": gettext_lazy("certificate"),
    "configuration": gettext_lazy("configuration"),
    "telemetry": gettext_lazy("measurements"),
    "attributes": gettext_lazy("attributes"),
    "zigbee": "Zigbee",  # type: ignore[dict-item]
}
_CERTIFICATE = re.compile(r"CERTIFICATE_ENDS_(\d+)D")
_OUR_KINDS = frozenset({"presence", "gateway_presence", "actuator", "attributes", "zigbee"})


def kind_name(kind: str) -> str:
    """Return the words for a kind of event."""
    return str(_KINDS.get(kind, kind))


def describe_event(event: DeviceEvent) -> str:
    """Say in the active language what happened; what a device said stays as it said it."""
    detail: Mapping[str, Any] = event.detail or {}
    if event.kind in _OUR_KINDS and event.code in _PRESENCE:
        return str(_PRESENCE[event.code])
    if event.kind == "telemetry" and "missing" in detail:
        return _("%(number)s readings did not come and will not.") % {"number": detail["missing"]}
    if event.kind == "configuration":
        return _configuration(event, detail)
    if event.kind == "certificate" and (found := _CERTIFICATE.fullmatch(event.code)):
        return _("The certificate %(serial)s ends within %(days)s days: renew it.") % {
            "serial": detail.get("serial", ""), "days": found[1],
        }  # fmt: skip
    if event.kind == "campaign":
        words = _("The campaign is done.") if event.code == "DONE" else _reason(event.code)
        return " ".join(part for part in (words, event.message) if part)
    return event.message


def _reason(code: str) -> str:
    plain = code.lower()
    words = reason_of(plain)
    return "" if words == plain else words


def _configuration(event: DeviceEvent, detail: Mapping[str, Any]) -> str:
    if event.code == "DRIFT":
        return _("It runs with other settings than it was given: %s") % event.message
    if event.code == "REFUSED":
        words = _("It refused revision %s of its settings.") % detail.get("revision", "")
        return f"{words} {event.message}".strip()
    return event.message
