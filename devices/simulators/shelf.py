"""A shelf on which there is always a box that nobody has claimed."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from pathlib import Path

from devices.simulators.box import Box, Setup
from devices.simulators.faults import Faults
from devices.simulators.label import ADDRESS_FILE, PICTURE_FILE
from devices.simulators.memory import replace_file
from devices.simulators.owned import End

logger = logging.getLogger(__name__)

MOST_BOXES = 20
# a box that was shut out would fill the broker's log with its tries
GIVE_UP_SECONDS = 30.0
_ROUND_SECONDS = 0.3


class Shelf:
    """Boxes in folders `box-1`, `box-2` …; the label of the unclaimed one is also beside them."""

    def __init__(self, setup: Setup) -> None:
        habits = setup.habits
        if habits.give_up_after is None:
            habits = replace(habits, give_up_after=GIVE_UP_SECONDS)
        self._setup = replace(setup, habits=habits)
        self._stopping = threading.Event()
        self._boxes: list[Box] = []
        self._threads: list[threading.Thread] = []

    def run(self, stopping: threading.Event) -> None:
        """Play the boxes that are there, and put another one on the shelf when all are claimed."""
        for folder in sorted(self._setup.folder.glob("box-*/")):
            self._play(folder)
        while not stopping.wait(_ROUND_SECONDS):
            if all(box.is_owned for box in self._boxes) and len(self._boxes) < MOST_BOXES:
                self._play(self._setup.folder / f"box-{len(self._boxes) + 1}")
            self._copy_label()
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=5)

    def _play(self, folder: Path) -> None:
        box = Box(replace(self._setup, folder=folder), Faults())
        thread = threading.Thread(target=self._live, args=[box], name=folder.name, daemon=True)
        self._boxes.append(box)
        self._threads.append(thread)
        thread.start()

    def _live(self, box: Box) -> None:
        if box.run(self._stopping) == End.REFUSED:
            logger.info("%s is out for good", box.memory.state.hardware_id)

    def _copy_label(self) -> None:
        for name in (ADDRESS_FILE, PICTURE_FILE):
            shown = [box.memory.folder / name for box in self._boxes if not box.is_owned]
            target = self._setup.folder / name
            try:
                content = shown[0].read_bytes() if shown else b""
            except FileNotFoundError:  # not drawn yet
                continue
            if content and (not target.exists() or target.read_bytes() != content):
                replace_file(target, content)
