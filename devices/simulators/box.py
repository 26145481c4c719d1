"""A box, from the carton to the day it is shut out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from devices.simulators.carton import Carton
from devices.simulators.faults import Faults
from devices.simulators.firmware import start_firmware
from devices.simulators.label import hide_label
from devices.simulators.memory import Memory
from devices.simulators.owned import End, Habits, OwnedBox

logger = logging.getLogger(__name__)

FIRST_FIRMWARE = "1.4.0"


@dataclass(frozen=True, slots=True)
class Setup:
    """What a box was made with.

    door: `mqtt://user:password@host:port`, or the platform's address for HTTPS. web: where
    people claim. authority: PEM to trust the door by. model: a profile's key or model.
    """

    folder: Path
    door: str
    web: str
    authority: str = ""
    model: str = "relay-board"
    firmware_version: str = FIRST_FIRMWARE
    habits: Habits = field(default_factory=Habits)


class Box:
    """One box; `run` is its life while it has power."""

    def __init__(self, setup: Setup, faults: Faults) -> None:
        self._setup = setup
        self._faults = faults
        self.memory = Memory(
            setup.folder, model=setup.model, firmware_version=setup.firmware_version
        )

    @property
    def is_owned(self) -> bool:
        """Tell whether somebody claimed it."""
        return self.memory.state.identity is not None

    def run(self, stopping: threading.Event, *, on_owned: Callable[[], None] = lambda: None) -> End:
        """Wait for an owner, then work; through restarts, until stopped or shut out."""
        end = End.RESTART
        while end == End.RESTART and not stopping.is_set():
            if not self.is_owned and not self._carton().wait_for_owner(stopping):
                return End.STOPPED
            hide_label(self.memory)
            on_owned()
            end = self._boot().work(stopping)
            logger.info("%s: %s", self.memory.state.hardware_id, end)
        return end if end != End.RESTART else End.STOPPED

    def _carton(self) -> Carton:
        setup = self._setup
        return Carton(
            self.memory, self._faults, door=setup.door, web=setup.web, authority=setup.authority
        )

    def _boot(self) -> OwnedBox:
        state = self.memory.state
        assert state.identity is not None  # noqa: S101
        state.boots += 1
        self.memory.save()
        start_firmware(self.memory, self._faults)
        return OwnedBox(self.memory, state.identity, self._faults, self._setup.habits)
