"""How a box may misbehave, for tests and demonstrations."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

STAGES = (
    "hello", "claim-ready", "delivered", "connected", "owned", "command-begun", "command-done",
    "configured", "downloading", "downloaded", "rebooting",
)  # fmt: skip


@dataclass(slots=True)
class Faults:
    """What goes wrong.

    lose_answers: so many answers to commands are never sent. lose_readings: so many readings,
    unless they are asked for. late_seconds: answers come that late. has_wrong_hash: an image
    arrives damaged. is_bad_image: it does not start, the box falls back. clock_skew: the box's
    clock is off, in seconds. die_at: kill -9 at a stage.
    """

    lose_answers: int = 0
    lose_readings: int = 0
    spared_readings: int = 8
    late_seconds: float = 0.0
    has_wrong_hash: bool = False
    is_bad_image: bool = False
    clock_skew: float = 0.0
    die_at: str = ""

    def lose_answer(self) -> bool:
        """Tell whether the next answer is lost."""
        if self.lose_answers <= 0:
            return False
        self.lose_answers -= 1
        return True

    def lose_reading(self) -> bool:
        """Tell whether the next reading is lost; the first eight are not."""
        if self.spared_readings > 0:
            self.spared_readings -= 1
            return False
        if self.lose_readings <= 0:
            return False
        self.lose_readings -= 1
        return True

    def reach(self, stage: str) -> None:
        """End at once if the box is to die here, as by a power cut."""
        if self.die_at == stage:
            os.kill(os.getpid(), signal.SIGKILL)
