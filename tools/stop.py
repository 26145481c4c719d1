"""`./run stop`: stop the demo of this checkout from another terminal. Standard library only."""

from __future__ import annotations

import os
import signal
import sys
import time

from tools.lock_file import running_demo_pid
from tools.terminal import say

PATIENCE_SECONDS = 40


def main() -> int:
    """Return 0 when no demo runs any more."""
    pid = running_demo_pid()
    if pid is None:
        say("no demo of this checkout runs")
        return 0
    os.kill(pid, signal.SIGTERM)
    started = time.monotonic()
    while running_demo_pid() is not None:
        if time.monotonic() - started > PATIENCE_SECONDS:
            say(
                f"the demo (pid {pid}) still runs after {PATIENCE_SECONDS} s; kill -9 {pid} is safe"
            )
            return 1
        time.sleep(0.05)
    say(f"demo stopped in {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
