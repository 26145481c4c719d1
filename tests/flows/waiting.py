"""Waiting for programs, and stopping them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120.0


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition, a minute at most."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_SECONDS:.0f} s"
        time.sleep(0.05)


def stop(process: subprocess.Popen[bytes]) -> int:
    """Ask a program to stop; return its exit code."""
    process.terminate()
    try:
        return process.wait(12)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
