"""The end of a process whose round hangs in a call that has no time limit of its own.

A server that is frozen, not dead, still acknowledges TCP: no socket option and no limit
kept by the server ends that wait. Nothing is lost by the hard exit: what was not
acknowledged or committed is delivered again to the next process.
"""

from __future__ import annotations

import logging
import os
import threading
import time

logger = logging.getLogger(__name__)

EXIT_CODE = 75  # EX_TEMPFAIL of sysexits.h: start it again
TICK_SECONDS = 0.5


class Watchdog:
    """Exits the process when `expect(seconds)` was not renewed in time.

    `expect_end(seconds)` sets a last limit that no later `expect` extends.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._due: float | None = None
        self._end: float | None = None
        self._is_released = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch; nothing is expected yet."""
        self._thread.start()

    def expect(self, seconds: float) -> None:
        """Demand the next call within `seconds`."""
        self._due = time.monotonic() + seconds

    def expect_end(self, seconds: float) -> None:
        """Demand the release within `seconds`; the first call counts."""
        if self._end is None:
            self._end = time.monotonic() + seconds

    def release(self) -> None:
        """Stop watching."""
        self._is_released.set()

    def _watch(self) -> None:
        while not self._is_released.wait(TICK_SECONDS):
            limits = [limit for limit in (self._due, self._end) if limit is not None]
            if limits and time.monotonic() > min(limits):
                what = "stop" if self._end is not None else "round"
                logger.critical("The %s of %s hangs, exiting with %d", what, self._name, EXIT_CODE)
                os._exit(EXIT_CODE)
