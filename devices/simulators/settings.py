"""The configuration of a box, as the box itself checks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# pins of an ESP32 that hold its flash, or can only be read
_RESERVED_PINS = frozenset(range(6, 12))
_INPUT_PINS = frozenset(range(34, 40))
_RANGES = {"report_interval_s": (1, 3600), "link_loss_timeout_s": (5, 3600)}


class BadSettings(ValueError):
    """A configuration that the box does not take; `code` says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def check_settings(settings: Mapping[str, Any]) -> None:
    """Refuse what the hardware cannot do. What it does not know it keeps and reports.

    Raises: BadSettings.
    """
    for name, (lowest, highest) in _RANGES.items():
        value = settings.get(name, lowest)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadSettings("INVALID_PAYLOAD_FORMAT", f"{name} must be a number")
        if not lowest <= value <= highest:
            raise BadSettings("VALUE_OUT_OF_RANGE", f"{name} is {value}")
    channels = settings.get("channels", [])
    if not isinstance(channels, list):
        raise BadSettings("INVALID_PAYLOAD_FORMAT", "channels must be a list")
    _check_pins([channel.get("gpio") for channel in channels if isinstance(channel, dict)])


def _check_pins(pins: list[Any]) -> None:
    for pin in pins:
        if not isinstance(pin, int) or pin in _RESERVED_PINS | _INPUT_PINS or not 0 <= pin < 40:
            raise BadSettings("INVALID_GPIO_PIN", f"pin {pin}")
    if len(pins) != len(set(pins)):
        raise BadSettings("GPIO_CONFLICT", "a pin is used twice")
