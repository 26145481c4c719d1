"""Modbus meters and a charging station of the demo, on buses and a serial line of their own."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tools.demo_programs import loop_program
from tools.embedded.ports import Ports, accepts_connections
from tools.embedded.program import Program
from tools.paths import ROOT

# a vehicle comes, is permitted by somebody, charges until it is full, leaves
SCRIPT = "plug; wait 1800; full; wait 300; unplug; wait 60"


@dataclass(frozen=True, slots=True)
class Lines:
    """Where the simulators listen."""

    workshop: int
    paint: int
    parking: int
    charger: Path

    @classmethod
    def at(cls, home: Path, ports: Ports) -> Self:
        """Choose the ports; the charger's line is a file in `home`."""
        folder = home / "lines"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(*(ports.take(usual) for usual in (5020, 5021, 5022)), folder.resolve() / "ev1")

    def variables(self) -> dict[str, str]:
        """Return what the seed and the daemons must know."""
        found = {
            "workshop": ["127.0.0.1", self.workshop],
            "paint": ["127.0.0.1", self.paint],
            "parking": ["127.0.0.1", self.parking],
            "evse": str(self.charger),
        }
        return {"DEMO_LINES": json.dumps(found), "WIRE_NETWORKS": "127.0.0.0/8"}

    def programs(self, env: Mapping[str, str]) -> list[Program]:
        """Return the simulators, and the programs that own the wires."""
        return [
            self._meters(env, "meters_workshop", self.workshop, "eastron-sdm630", "--units", "2",
                         "--nominal", "18", "--rtu-over-tcp"),
            self._meters(env, "meters_paint", self.paint, "janitza-umg", "--nominal", "30"),
            self._charger(env),
            loop_program("modbus_poller", "modbus_poller", env, "run_modbus_poller"),
            loop_program(
                *("serial_bridge", "serial_bridge", env),
                *("run_serial_bridge", "--line", str(self.charger)),
            ),
        ]  # fmt: skip

    def _meters(
        self, env: Mapping[str, str], name: str, port: int, profile: str, *options: str
    ) -> Program:
        arguments = ("modbus", "--port", str(port), "--profile", profile, *options)
        return _simulator(env, name, port, *arguments)

    def _charger(self, env: Mapping[str, str]) -> Program:
        return _simulator(
            *(env, "evse", self.parking, "evse", "--link", str(self.charger)),
            *("--meter-port", str(self.parking), "--state", f"{self.charger}.json"),
            *("--control", f"{self.charger}.words", "--script", SCRIPT, "--repeat"),
        )


def _simulator(env: Mapping[str, str], name: str, port: int, *arguments: str) -> Program:
    command = (sys.executable, "-m", "devices.simulators", *arguments)
    return Program(name, command, env=env, cwd=ROOT, ready=accepts_connections(port))
