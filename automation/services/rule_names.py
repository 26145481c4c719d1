"""What a definition names: channels, devices, sites, zones, targets, schedules, alarm rules.

Works on definitions as they are stored, so that those of other organisations, in which names
stand instead of keys, are read by the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple


class Kind(StrEnum):
    """What is named."""

    CHANNEL = "channel"
    DEVICE = "device"
    SITE = "site"
    ZONE = "zone"
    TARGET = "target"
    SCHEDULE = "schedule"
    RULE = "rule"


class Named(NamedTuple):
    """One mention. key: as it stands there. place: such as `then[0].device`."""

    kind: Kind
    key: Any
    place: str


Swap = Callable[[Named], Any]
_ALONE = {
    kind.value: kind
    for kind in (Kind.CHANNEL, Kind.DEVICE, Kind.SITE, Kind.ZONE, Kind.TARGET, Kind.RULE)
}


def names_in(definition: Mapping[str, Any]) -> list[Named]:
    """Return all that a definition names, in order."""
    found: list[Named] = []

    def note(named: Named) -> Any:
        found.append(named)
        return named.key

    swap_names(definition, note)
    return found


def swap_names(definition: Mapping[str, Any], swap: Swap) -> dict[str, Any]:
    """Return a definition in which each name is what `swap` makes of it.

    Raises: RecursionError: it is nested too deep. What `swap` raises.
    """
    return _members(definition, "", swap)


def _walk(node: Any, place: str, swap: Swap) -> Any:
    if isinstance(node, Mapping):
        return _members(node, place, swap)
    if isinstance(node, list | tuple):
        return [_walk(one, f"{place}[{number}]", swap) for number, one in enumerate(node)]
    return node


def _members(node: Mapping[str, Any], place: str, swap: Swap) -> dict[str, Any]:
    kind = node.get("kind")
    return {
        name: _member(name, inner, f"{place}.{name}" if place else name, kind, swap)
        for name, inner in node.items()
    }


def _member(name: str, inner: Any, where: str, kind: Any, swap: Swap) -> Any:
    if name == "params" or inner is None:
        return inner  # what a device is told is no business of ours
    if name == "inputs" and isinstance(inner, Mapping):
        return {
            variable: swap(Named(Kind.CHANNEL, key, f"{where}.{variable}"))
            for variable, key in inner.items()
        }
    if name == "targets" and isinstance(inner, list | tuple):
        return [
            swap(Named(Kind.TARGET, key, f"{where}[{number}]")) for number, key in enumerate(inner)
        ]
    if name == "schedule" and kind == "schedule":
        return swap(Named(Kind.SCHEDULE, inner, where))
    if name in _ALONE:
        return swap(Named(_ALONE[name], inner, where))
    return _walk(inner, where, swap)
