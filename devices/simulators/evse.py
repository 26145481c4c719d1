"""A charging point as a program: its controller on a line, its meter, and a vehicle.

It charges on whether anybody listens or not. What happens to it is told in words, on standard
input or in lines that are added to a file:

    plug [A] · unplug · request · pause · air · full · card UID · fault earth|phase|cable
    clear · reset · block S · cut S · lose-ack N · garbage N · flood N · set FAULT P
    stick · loosen · wait S · quit
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from devices.simulators.evse_hardware import Hardware
from devices.simulators.evse_meter import Meter, registers_of
from devices.simulators.evse_v1 import ControllerV1
from devices.simulators.evse_v2 import ControllerV2
from devices.simulators.evse_wire import Line, LineFaults, Wire

ROUND_SECONDS = 0.005
SAVE_SECONDS = 1.0
Controller = ControllerV1 | ControllerV2
PROTOCOLS: dict[str, type[ControllerV1] | type[ControllerV2]] = {
    "v1": ControllerV1,
    "v2": ControllerV2,
}


@dataclass(frozen=True, slots=True)
class Setup:
    """How a simulated charging point is made. `speed`: seconds of it in one of the clock."""

    open_wire: Callable[[], Wire]
    protocol: str = "v1"
    speed: float = 1.0
    seed: int = 0
    phases: int = 3
    script: str = ""
    repeats: bool = False
    state_file: Path | None = None
    control_file: Path | None = None


@dataclass(slots=True)
class _Orders:
    """Words that wait, and until when."""

    waiting: deque[str] = field(default_factory=deque)
    not_before: float = 0.0
    read_bytes: int = 0

    def add(self, words: str) -> None:
        self.waiting.extend(word.strip() for word in words.split(";"))


class Evse:
    """The charging point; `run` goes on until `stop` or the word `quit`."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.hardware = Hardware(phases=setup.phases)
        chance = random.Random(setup.seed)  # noqa: S311  # repeatable on purpose
        self.line = Line(setup.open_wire(), LineFaults(chance=chance))
        kind = PROTOCOLS[setup.protocol]
        self.controller: Controller = kind(self.hardware, self.line.send)
        self.meter: Meter | None = None
        self._start_kwh = self._remembered()
        self._orders, self._script = _Orders(), _Orders()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._began = time.monotonic()
        self._deaf_until = 0.0
        self._plug_in_at = float("inf")
        self._saved_at = 0.0
        self._script.add(setup.script)

    @property
    def is_stopped(self) -> bool:
        """Tell whether `run` ends or has ended."""
        return self._stopping.is_set()

    @property
    def now(self) -> float:
        """Seconds of the simulation."""
        return (time.monotonic() - self._began) * self.setup.speed

    @property
    def meter_kwh(self) -> float:
        """What the meter shows."""
        return self._start_kwh + self.hardware.energy_kwh

    def serve_meter(self, port: int) -> int:
        """Let the meter be read over Modbus TCP; return its port."""
        self.meter = Meter(port, lambda: registers_of(self.hardware, start_kwh=self._start_kwh))
        return self.meter.port

    def tell(self, words: str) -> None:
        """Let something happen, whatever the script waits for; `;` between several."""
        with self._lock:
            self._orders.add(words)

    def stop(self) -> None:
        """End `run` soon; from any thread."""
        self._stopping.set()

    def run(self) -> None:
        """Do rounds until stopped."""
        last = self.now
        try:
            while not self._stopping.is_set():
                now = self.now
                self.hardware.pass_time(now - last)
                last = now
                self._round(now)
                self._stopping.wait(ROUND_SECONDS)
        finally:
            self._remember()
            self.line.unplug()
            if self.meter is not None:
                self.meter.close()

    def _round(self, now: float) -> None:
        self._read_control_file()
        self._obey(now)
        if self.line.wire is None and now >= self._plug_in_at:
            self.line.wire = self.setup.open_wire()
        self.controller.receive(self.line.run())
        if now >= self._deaf_until:
            self._deaf_until = now + self.controller.loop(now)
        if now - self._saved_at > SAVE_SECONDS * self.setup.speed:
            self._saved_at = now
            self._remember()

    def _obey(self, now: float) -> None:
        if self.setup.repeats and not self._script.waiting:
            self._script.add(self.setup.script)
        with self._lock:
            for orders in (self._orders, self._script):
                while orders.waiting and now >= orders.not_before:
                    word, *rest = orders.waiting.popleft().split() or [""]
                    if word == "wait":
                        orders.not_before = now + float(rest[0])
                    elif word:
                        self._do(word, rest, now)

    def _do(self, word: str, rest: list[str], now: float) -> None:
        vehicle, line = self.hardware.vehicle, self.line
        number = float(rest[0]) if rest and rest[0].replace(".", "", 1).isdigit() else 0.0
        acts: dict[str, Callable[[], object]] = {
            "plug": lambda: self.hardware.plug_in(cable_amps=int(number) or 32),
            "unplug": self.hardware.pull_out,
            "card": lambda: self.controller.show_card(rest[0]),
            "reset": lambda: self._be_deaf(now, self.controller.reset()),
            "block": lambda: self._be_deaf(now, number),
            "cut": lambda: self._cut(now, number),
            "garbage": lambda: line.send_raw(line.faults.chance.randbytes(int(number))),
            "flood": lambda: line.send_raw(b"<" * int(number)),
            "quit": self.stop,
        }
        if word in acts:
            acts[word]()
        elif word in {"request", "pause", "air", "full"}:
            vehicle.wants_energy = word != "pause"
            vehicle.wants_air = word == "air"
            if word == "full":
                vehicle.charged_kwh = vehicle.capacity_kwh
        elif word in {"stick", "loosen"}:
            self.hardware.is_lock_stuck = word == "stick"
        elif word in {"fault", "clear"}:
            self._break(rest[0] if word == "fault" else "")
        elif word == "lose-ack":
            line.faults.lost_acks = int(number)
        elif word == "set":
            setattr(line.faults, rest[0], float(rest[1]))
        else:
            print(f"{word}?", file=sys.stderr)  # noqa: T201  # a program's answer

    def _break(self, what: str) -> None:
        self.hardware.board_fault = {"phase": 1, "earth": 2}.get(what, 0)
        if what == "cable":
            self.controller.firmware.is_cable_broken = True
            self.controller.firmware.state = 8

    def _be_deaf(self, now: float, seconds: float) -> None:
        self._deaf_until = max(self._deaf_until, now + seconds)

    def _cut(self, now: float, seconds: float) -> None:
        self.line.unplug()
        self._plug_in_at = now + seconds

    def _read_control_file(self) -> None:
        path = self.setup.control_file
        if path is None:
            return
        with contextlib.suppress(OSError):
            if path.stat().st_size > self._orders.read_bytes:
                with path.open("rb") as file:
                    file.seek(self._orders.read_bytes)
                    words = file.read()
                whole = words[: words.rfind(b"\n") + 1]
                self._orders.read_bytes += len(whole)
                self.tell(whole.decode(errors="replace").replace("\n", ";"))

    def _remembered(self) -> float:
        """Return what the meter had counted before: it is not a part of the controller."""
        if self.setup.state_file is not None:
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                return float(json.loads(self.setup.state_file.read_text())["kwh"])
        return 0.0

    def _remember(self) -> None:
        if self.setup.state_file is not None:
            fresh = self.setup.state_file.with_suffix(f".{os.getpid()}")
            fresh.write_text(json.dumps({"kwh": self.meter_kwh}))
            fresh.replace(self.setup.state_file)
