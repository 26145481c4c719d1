"""What apps above have to say before somebody commands a device of theirs."""

from __future__ import annotations

from collections.abc import Callable, Collection

from devices.models import Device
from devices.services.commanders import Commander

Guard = Callable[[Commander, Device], bool]
_guards: dict[str, dict[Guard, None]] = {}


def register_guard(names: Collection[str], guard: Guard) -> None:
    """Let an app judge who may give commands of these names, beside `control:device`.

    The guard tells whether somebody may command a device, and says yes to devices that are not
    its concern. Registered again, it is asked once all the same.
    """
    for name in names:
        _guards.setdefault(name, {})[guard] = None


def may_pass(*, actor: Commander, device: Device, name: str) -> bool:
    """Tell whether all guards of a command let somebody give it to a device."""
    return all(guard(actor, device) for guard in _guards.get(name, ()))
