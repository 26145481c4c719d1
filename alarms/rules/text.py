"""Texts of alarms with names in braces, such as: {device}: {value} {unit} since {since}."""

from __future__ import annotations

import re
from collections.abc import Mapping

NAMES = ("value", "unit", "limit", "device", "channel", "site", "since")
# no str.format: it would reach attributes of what is put in
_BRACES = re.compile(r"\{([^{}]*)\}")


class UnknownName(ValueError):
    """A text names what there is not; `name` as it stands in the braces."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{{{name}}}: known are {', '.join(f'{{{n}}}' for n in NAMES)}.")
        self.name = name


def check_text(text: str) -> None:
    """Refuse names that `render` does not know. Raises: UnknownName."""
    for name in _BRACES.findall(text):
        if name.strip() not in NAMES:
            raise UnknownName(name)


def render(text: str, values: Mapping[str, str]) -> str:
    """Return a text with values in place of their names.

    What a value says is put in as it is, also with braces. A known name without a value
    becomes nothing; anything else stays as it was written.

    >>> render("{device}: {value} {unit}", {"device": "Pump", "value": "7.2", "unit": "kW"})
    'Pump: 7.2 kW'
    """

    def put(found: re.Match[str]) -> str:
        name = found[1].strip()
        return values.get(name, "") if name in NAMES else found[0]

    return _BRACES.sub(put, text)
