"""Words for what happens to commands; rows and programs know codes only."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from devices.models.command import STATE_NAMES
from devices.safety import REASONS
from devices.services import command_refusals
from devices.services.command_refusals import BadParams, Refusal

PUBLIC_NAMES: Mapping[str, Promise] = {
    "queued": _("Queued"),
    "sent": _("Sent"),
    "delivered": _("Delivered"),
    "acked": _("Accepted by the device"),
    "succeeded": _("Done"),
    "failed": _("Failed"),
    "expired": _("Expired"),
    "cancelled": _("Cancelled"),
    "rejected": _("Refused"),
}
CHECK_NAMES: Mapping[str, Promise] = {
    "life_cycle": _("Life cycle"),
    "maintenance": _("Maintenance"),
    "emergency_stop": _("Emergency stop"),
    "zone_lease": _("Control of the zone"),
    "interlock": _("Interlock"),
    "dose": _("Dose"),
    "value": _("Value"),
    "runtime": _("Run time"),
    "rest": _("Rest"),
}
_ACTORS: Mapping[str, Promise] = {
    "device": _("Device"),
    "broker": _("Broker"),
    "clock": _("Clock"),
    "emergency_stop": _("Emergency stop"),
}
_CODES: Mapping[str, Promise] = {
    "received": _("Has arrived at the device."),
    "expired": _("Could not be sent in time."),
    "no_answer": _("The device did not answer in time."),
    "emergency_stop": _("An emergency stop was pressed."),
    "unsendable": _("The broker does not take it."),
    "unusable_topic": _("The device cannot be reached under its name."),
}
_REFUSALS: Mapping[str, Promise | str] = {
    found.code: found.message
    for found in vars(command_refusals).values()
    if isinstance(found, type) and issubclass(found, Refusal) and found not in {Refusal, BadParams}
}


def state_name(state: str) -> str:
    """Return the words for a state of the course; the state itself where there are none."""
    return str(dict(STATE_NAMES).get(state, state))  # type: ignore[call-overload]


def actor_name(by: str) -> str:
    """Return the words for what moved a command; people and keys keep their names."""
    return str(_ACTORS.get(by, by))


def step_reason(code: str, detail: str) -> str:
    """Return why a command was moved: our words for the code, and what the device said."""
    words = str(_CODES.get(code, "" if code in _ACTORS else code))
    return " ".join(part for part in (words, detail) if part)


def skip_reason(code: str, detail: str) -> str:
    """Return why a device was skipped, in the active language where the code says it all.

    The row's own text has the numbers and names, in the language of who asked.
    """
    words = _REFUSALS.get(code) or REASONS.get(code)
    return str(words) if words and "%(" not in str(words) else detail or code
