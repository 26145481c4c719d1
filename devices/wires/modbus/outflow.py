"""Hands readings on to the pipeline from a thread of its own, so that no bus waits for it.

What is not accepted stays here, up to a bound; beyond it the buses leave cycles out until there
is room again. Nothing here has been acknowledged to anybody.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

logger = logging.getLogger(__name__)

BATCH = 500
MOST_WAITING = 20_000
GATHER_SECONDS = 0.1  # one entry and one fsync of the buffer for so much time
AGAIN_SECONDS = 0.5
DRAIN_SECONDS = 2.0


class Reading(NamedTuple):
    """Values of one device at one instant: `payload` is the message for the pipeline.

    received_at: µs since 1970 UTC.
    """

    tenant_id: UUID
    device_id: UUID
    payload: bytes
    received_at: int


class NotTaken(RuntimeError):
    """The pipeline does not take readings now; the same ones may be given again."""


Deliver = Callable[[list[Reading]], None]


class Outflow:
    """A bounded queue with a thread behind it.

    Args: deliver: makes readings durable; raises NotTaken where it cannot. To give the same
        readings again must be harmless.
    """

    def __init__(self, deliver: Deliver, *, most_waiting: int = MOST_WAITING) -> None:
        self._deliver = deliver
        self._most = most_waiting
        self._waiting: deque[Reading] = deque()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modbus-outflow", daemon=True)
        self.delivered = 0
        self.is_blocked = False

    @property
    def has_room(self) -> bool:
        """Tell whether another cycle may be read."""
        return len(self._waiting) < self._most

    @property
    def waiting(self) -> int:
        """How many readings nobody has taken yet."""
        return len(self._waiting)

    def add(self, reading: Reading) -> None:
        """Take a reading; called from the loop, never blocks."""
        self._waiting.append(reading)

    def start(self) -> None:
        """Begin to hand on."""
        self._thread.start()

    def stop(self) -> None:
        """Hand on what waits, for at most two seconds; the rest was never accepted."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(DRAIN_SECONDS)
        if self._waiting:
            logger.warning("%d Modbus readings were not taken and are lost", len(self._waiting))

    def _run(self) -> None:
        while True:
            is_last = self._stopping.wait(AGAIN_SECONDS if self.is_blocked else GATHER_SECONDS)
            while self._waiting and self._hand_on():
                pass
            if is_last:
                return

    def _hand_on(self) -> bool:
        """Hand on one batch; False when it was not taken."""
        batch = [self._waiting[at] for at in range(min(BATCH, len(self._waiting)))]
        try:
            self._deliver(batch)
        except NotTaken as error:
            if not self.is_blocked:
                logger.warning("Readings wait, the pipeline does not take them: %s", error)
            self.is_blocked = True
            return False
        except Exception:
            logger.exception("Readings could not be handed on, trying again")
            self.is_blocked = True
            return False
        for _ in batch:
            self._waiting.popleft()
        self.delivered += len(batch)
        self.is_blocked = False
        return True
