"""Rules to begin with: what sites want most, to be filled in with their own devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_noop as _


@dataclass(frozen=True, slots=True)
class Template:
    """A rule without a place; texts are English message ids, which the page translates.

    when, if_: rows of the builder. metrics: the first that there is a channel of is looked at.
    effect: a command with this effect is proposed. more: what stands around the rows, lengths
    in seconds.
    """

    code: str
    name: str
    about: str
    when: Mapping[str, Any]
    metrics: tuple[str, ...] = ()
    if_: Mapping[str, Any] | None = None
    effect: str = ""
    tells: bool = False
    more: Mapping[str, int] = field(default_factory=dict)


def _value(**limits: float) -> dict[str, Any]:
    return {"kind": "value", **limits}


_DAY = {"kind": "week", "start": "06:00", "end": "20:00"}

TEMPLATES = {
    one.code: one
    for one in (
        Template(
            "water_when_dry", _("Water when dry"),
            _("The soil is drier than 20 percent for five minutes by day: water, rest an hour."),
            _value(below=20.0, clear=30.0), ("soil_moisture", "moisture"), _DAY, "on",
            more={"lasting": 300, "cooldown": 3600},
        ),
        Template(
            "heat_below", _("Heat when cold"),
            _("It is colder than 5 °C for five minutes: heat until it is warmer than 7 °C."),
            _value(below=5.0, clear=7.0), ("air_temp", "temperature"), None, "on",
            more={"lasting": 300, "cooldown": 600},
        ),
        Template(
            "ventilate_above", _("Ventilate when warm"),
            _("It is warmer than 28 °C for five minutes: switch the fan on."),
            _value(above=28.0, clear=25.0), ("air_temp", "temperature"), None, "on",
            more={"lasting": 300, "cooldown": 600},
        ),
        Template(
            "export_surplus", _("Charge with surplus"),
            _("More than 2 kW are exported for five minutes: let the charger use them."),
            _value(above=2.0, clear=0.5), ("active_power_export",), None, "set",
            more={"lasting": 300, "cooldown": 900},
        ),
        Template(
            "stop_when_full", _("Stop the pump when the tank is full"),
            _("The tank is fuller than 90 percent: stop the pump and tell somebody."),
            _value(above=90.0, clear=80.0), ("tank_level", "level", "water_level"), None, "off",
            tells=True,
        ),
        Template(
            "off_at_night", _("Switch off at night"),
            _("Every day at 22:00: switch something off."),
            {"kind": "time", "times": "22:00"}, effect="off",
        ),
        Template(
            "light_at_sunset", _("Light at sunset"),
            _("When the sun sets: switch the light on. The site needs coordinates."),
            {"kind": "sun", "event": "sunset"}, effect="on",
        ),
        Template(
            "tell_offline", _("Tell when a device goes offline"),
            _("A device goes offline during working hours: tell somebody."),
            {"kind": "device", "presence": "offline"},
            if_={"kind": "week", "start": "08:00", "end": "18:00", "days": [1, 2, 3, 4, 5]},
            tells=True, more={"cooldown": 900},
        ),
        Template(
            "stop_on_alarm", _("Switch off when there is a critical alarm"),
            _("An alarm is critical: switch something off and tell somebody."),
            {"kind": "alarm", "alarm": "raised", "severity": "critical"}, effect="off", tells=True,
        ),
    )
}  # fmt: skip
