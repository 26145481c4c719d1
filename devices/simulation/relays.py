"""Relays of a simulated device: they do what commands say, each once, and end by themselves."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from devices.simulators.faults import Faults
from devices.simulators.hardware import Hardware
from devices.simulators.orders import Orders

REMEMBERED = 200


@dataclass
class _Done:
    commands: dict[str, dict[str, Any]] = field(default_factory=dict)


class _Memory:
    """Forgets when the program ends, as its relays do."""

    def __init__(self) -> None:
        self.state = _Done()

    def remember_command(self, command_id: str, told: dict[str, Any]) -> None:
        self.state.commands[command_id] = told
        while len(self.state.commands) > REMEMBERED:
            self.state.commands.pop(next(iter(self.state.commands)))


class Relays:
    """The outputs of one device."""

    def __init__(self) -> None:
        self._hardware = Hardware(lambda _actuator, _reason: None)
        self._hardware.note_link(is_up=True)
        self._orders = Orders(_Memory(), self._hardware, Faults())

    def obey(self, payload: bytes, *, now: float) -> list[str]:
        """Do what a command says; return the answers, as JSON. `now`: since 1970."""
        self._hardware.check()
        return [json.dumps(answer) for answer in self._orders.obey(payload, now=now).answers]
