"""Words of the shipped types of device, in the reader's language.

They are rows of the database, or files, and so English; what a customer named stays as it is.
"""

from __future__ import annotations

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

# names of makers and protocols are the same in every language
PROPER_NAMES = frozenset({
    "ABB B23", "Carlo Gavazzi EM24", "Carlo Gavazzi EM24-E1", "Eastron SDM120", "Eastron SDM630",
    "Janitza UMG", "Schneider PM5100", "Schneider iEM3000", "Siemens PAC2200",
    "ESPHome", "Fronius Solar API", "Home Assistant statestream", "OpenEnergyMonitor",
    "OpenMQTTGateway", "Sparkplug B", "Tasmota", "Victron GX", "wmbusmeters",
})  # fmt: skip
_TYPES = (
    _("Charging point on a serial line"), _("Charging point with an ESP32 controller"),
    _("Cold store sensor"), _("DSMR smart meter (P1)"),
    _("Deye inverter"), _("Dosing pump"), _("ESP32 node"), _("EV charger meter"),
    _("Gateway health"), _("Generic device"), _("Grid connection meter"), _("Heat pump"),
    _("M-Bus meter"), _("PV inverter"), _("Relay board, four channels"),
    _("Room climate sensor"), _("SML meter"), _("Shelly, first generation"),
    _("Shelly, second generation and later"), _("Sparkplug B device"),
    _("SunSpec inverter"), _("SunSpec meter"),
    _("Teleinfo of a Linky meter"), _("ThingsBoard gateway"), _("Three-phase submeter"),
    _("Water meter"), _("Zigbee device on battery"), _("Zigbee device on mains"),
    _("Zigbee switch"), _("Zigbee switch, several outputs"), _("Zigbee2MQTT behind a bridge"),
)  # fmt: skip
_COMMANDS = (
    _("Dose"), _("End charging"), _("Lift the power limit"), _("Limit the current"),
    _("Limit the power"), _("Lock the plug"),
    _("Permit charging"), _("Read the state now"), _("Report state now"), _("Restart"),
    _("Stop"), _("Switch off"), _("Switch on"), _("Test sensor"), _("Unlock the plug"),
)  # fmt: skip
_PARAMETERS = (
    _("Actuators"), _("Brought to 25 °C"), _("Calculated on the server"), _("Calculation"),
    _("Change per kelvin"), _("Channels"), _("Constant"), _("Contact"), _("Current"),
    _("Factor of raw"), _("Factor of raw²"), _("Factor of raw³"), _("For"),
    _("Heartbeat interval"), _("Interval"),
    _("Log level"), _("Longest run"), _("Method"), _("Name"), _("Offset"), _("Output"),
    _("Pin"), _("Pin of the temperature"), _("Polling interval"), _("Raw at the high point"),
    _("Raw at the low point"), _("Relay"), _("Reporting interval"),
    _("Safe state after losing the link"), _("Sensors"), _("Share of the rated power"),
    _("Shortest pause"), _("Slope"),
    _("Time server"), _("Type"), _("Unit"), _("Value at the high point"),
    _("Value at the low point"), _("Volume"),
)  # fmt: skip
_WORDS = frozenset({*_TYPES, *_COMMANDS, *_PARAMETERS})


def shipped_word(text: str) -> str:
    """Return a name or label of a shipped type in the active language, any other as it is.

    >>> shipped_word("Boiler of the Yıldız family")
    'Boiler of the Yıldız family'
    """
    return gettext(text) if text in _WORDS else text
