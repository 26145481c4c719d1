"""What a supervised program is, and how its process is made and signalled."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.embedded.state import demotion

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Program:
    """One program to keep running.

    ready: a short probe, asked until it says yes; None means ready once started.
    as_server: as root, run under the unprivileged account of the servers.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = Path("/")
    ready: Callable[[], bool] | None = None
    ready_seconds: float = 30
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 10
    as_server: bool = False

    def popen_options(self) -> dict[str, Any]:
        """Return the arguments for `Popen`. Fork from the main thread: see `tie_to_parent`."""
        return {
            "stdin": subprocess.DEVNULL,
            "stderr": subprocess.STDOUT,
            "env": {**os.environ, **self.env},
            "cwd": self.cwd,
            "start_new_session": True,  # Ctrl-C in the terminal is for the supervisor only
            "preexec_fn": tie_to_parent(self.stop_signal),
            **(demotion() if self.as_server else {}),
        }


def tie_to_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """Return what a child runs before exec, so that it cannot outlive its parent.

    The kernel sends the signal when the *thread* that forked ends, even by kill -9.
    """
    parent = os.getpid()

    def in_child() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:  # the parent died before prctl
            os._exit(1)

    return in_child


def process_tree(pid: int) -> list[int]:
    """Return a process and all its descendants, parents first."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # the name in parentheses may itself contain spaces and parentheses
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    tree = [pid]
    for member in tree:
        tree.extend(children.get(member, []))
    return tree


def signal_tree(pid: int, number: signal.Signals) -> None:
    """Signal a process and all its descendants, parents first."""
    for member in process_tree(pid):
        try:
            os.kill(member, number)
        except ProcessLookupError:
            continue
