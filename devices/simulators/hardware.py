"""Relays, with the limits that hold whatever becomes of program, platform and network."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

LONGEST_RUN_SECONDS = 300.0
LINK_LOSS_SECONDS = 30.0
_ROUND_SECONDS = 0.02

Stopped = Callable[[str, str], None]  # actuator, reason


class InEmergency(RuntimeError):
    """Nothing may be switched on until somebody cleared the emergency at the box."""


@dataclass(slots=True)
class _Output:
    value: float
    until: float


class Hardware:
    """Outputs that end by themselves. Everything is off after power-on.

    `check` does the ending; `start` runs it in a thread of its own, which needs nothing of the
    rest of the box. `on_stop` is told from that thread. Times are those of `clock`, in seconds.
    """

    def __init__(self, on_stop: Stopped, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.longest_run = LONGEST_RUN_SECONDS
        self.link_loss = LINK_LOSS_SECONDS
        self.is_emergency = False
        self._on_stop = on_stop
        self._clock = clock
        self._outputs: dict[str, _Output] = {}
        self._known: set[str] = set()
        self._link_lost_at: float | None = clock()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hardware", daemon=True)

    def start(self) -> None:
        """Watch the limits from now on."""
        self._thread.start()

    def close(self) -> None:
        """Cut the power."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2)
        self._outputs.clear()

    def switch_on(self, actuator: str, *, value: float = 1.0, seconds: float | None = None) -> None:
        """Switch on for some seconds; without a number, or with a larger one, for the longest run.

        Raises: InEmergency.
        """
        with self._lock:
            if self.is_emergency:
                raise InEmergency
            self._known.add(actuator)
            run = min(seconds or self.longest_run, self.longest_run)
            self._outputs[actuator] = _Output(value, self._clock() + run)

    def switch_off(self, actuator: str) -> None:
        """Switch off; what is off stays so."""
        with self._lock:
            self._known.add(actuator)
            self._outputs.pop(actuator, None)

    def press_emergency(self) -> None:
        """Switch everything off and keep it so until `clear_emergency`."""
        with self._lock:
            self.is_emergency = True
            ended = list(self._outputs)
            self._outputs.clear()
        for actuator in ended:
            self._on_stop(actuator, "emergency_stop")

    def clear_emergency(self) -> None:
        """Let things be switched on again."""
        self.is_emergency = False

    def note_link(self, *, is_up: bool) -> None:
        """Know whether the box is connected."""
        with self._lock:
            if is_up:
                self._link_lost_at = None
            elif self._link_lost_at is None:
                self._link_lost_at = self._clock()

    def states(self) -> dict[str, bool | float]:
        """Return each output that was ever used: on or off, or its value."""
        with self._lock:
            return {
                name: (_plain(self._outputs[name].value) if name in self._outputs else False)
                for name in sorted(self._known)
            }

    def check(self) -> None:
        """End what has run long enough, and everything when the link is lost for too long."""
        with self._lock:
            now = self._clock()
            lost = self._link_lost_at is not None and now - self._link_lost_at >= self.link_loss
            ended = {
                name: "link_loss" if lost else "runtime_protection"
                for name, output in self._outputs.items()
                if lost or now >= output.until
            }
            for name in ended:
                del self._outputs[name]
        for name, reason in ended.items():
            self._on_stop(name, reason)

    def _run(self) -> None:
        while not self._stopping.wait(_ROUND_SECONDS):
            self.check()


def _plain(value: float) -> bool | float:
    return True if value == 1.0 else value
