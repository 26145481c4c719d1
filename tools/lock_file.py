"""At most one demo per checkout."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from tools.paths import LOCK_FILE


class AlreadyRuns(RuntimeError):
    """Another process of this checkout holds the lock."""


@contextlib.contextmanager
def demo_lock() -> Iterator[None]:
    """Hold the lock of the demo; the kernel frees it however this process ends.

    Raises: AlreadyRuns.
    """
    LOCK_FILE.parent.mkdir(exist_ok=True)
    with LOCK_FILE.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRuns(
                f"A demo of this checkout already runs (pid {running_demo_pid()}). "
                "Its addresses are in var/demo.json; stop it with ./run stop"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
        file.truncate(0)


def running_demo_pid() -> int | None:
    """Return the supervisor of the running demo of this checkout; None if there is none."""
    try:
        file = LOCK_FILE.open()
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(file.read() or 0) or None
    return None
