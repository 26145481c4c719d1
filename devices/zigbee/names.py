"""Friendly names of Zigbee devices: they stand in topics, with slashes and blanks."""

from __future__ import annotations

import re

LONGEST = 200
IEEE = re.compile(r"0x[0-9a-f]{16}")
_ENDS_IN_NUMBER = re.compile(r"/\d*$")
# Zigbee2MQTT's own levels
_RESERVED_FIRST = frozenset({"bridge"})
_RESERVED_LAST = frozenset({"set", "get", "availability"})


def is_friendly_name(name: str) -> bool:
    """Tell whether a name can stand in topics and means one device.

    >>> is_friendly_name("Kitchen/Fridge plug"), is_friendly_name("a/+/b"), is_friendly_name("../x")
    (True, False, False)
    """
    if not 0 < len(name) <= LONGEST or not name.isprintable() or name != name.strip():
        return False
    levels = name.split("/")
    if levels[0] in _RESERVED_FIRST or levels[-1] in _RESERVED_LAST:
        return False
    if _ENDS_IN_NUMBER.search(name):
        return False
    return all(level and "#" not in level and "+" not in level and ".." not in level
               for level in levels)  # fmt: skip


def is_ieee_address(text: object) -> bool:
    """Tell whether this is the address of a radio, such as 0x00158d0001abcdef."""
    return isinstance(text, str) and IEEE.fullmatch(text) is not None


def split_attribute(name: str) -> tuple[str, str]:
    """Split a topic of attribute output into device and attribute.

    >>> split_attribute("Kitchen/Fridge plug/energy")
    ('Kitchen/Fridge plug', 'energy')
    """
    device, _slash, attribute = name.rpartition("/")
    return device, attribute
