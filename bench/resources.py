"""CPU seconds and memory of processes, read from /proc."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.embedded.program import process_tree

_TICK = os.sysconf("SC_CLK_TCK")
_LISTEN = "0A"


class NotLocal(RuntimeError):
    """A server runs elsewhere, so its CPU and memory cannot be read."""


@dataclass(frozen=True, slots=True)
class CpuSnapshot:
    """CPU seconds used so far: of each named process with its children, and of all."""

    seconds: Mapping[str, float]
    busy: float
    stolen: float


def find_listener(port: int) -> int:
    """Return the process that listens on a local port. Raises: NotLocal."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    owners = [int(d.name) for d in Path("/proc").glob("[0-9]*") if _holds(d, inodes)]
    if not owners:
        raise NotLocal(f"nobody on this machine listens on port {port}")
    return min(owners)  # children inherit the socket; the parent came first


def _holds(process: Path, inodes: set[str]) -> bool:
    try:
        return any(str(entry.readlink()) in inodes for entry in (process / "fd").iterdir())
    except OSError:
        return False


def take_snapshot(pids: Mapping[str, int]) -> CpuSnapshot:
    """Read the CPU seconds of processes, dead children included."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
    user, nice, system, _, _, irq, softirq, steal, *_ = fields
    return CpuSnapshot(
        {name: tree_seconds(pid) for name, pid in pids.items()},
        (user + nice + system + irq + softirq) / _TICK,
        steal / _TICK,
    )


def tree_seconds(pid: int) -> float:
    """Return utime + stime of the tree, and of children that were waited for."""
    ticks = 0
    for member in process_tree(pid):
        try:
            stat = Path(f"/proc/{member}/stat").read_text()
        except OSError:
            continue
        ticks += sum(map(int, stat.rpartition(")")[2].split()[11:15]))
    return ticks / _TICK


def peak_mib(pid: int) -> float:
    """Return the largest resident size so far (VmHWM)."""
    return _status_kib(pid, "VmHWM") / 1024


def largest_private_mib(pid: int) -> float:
    """Return the private memory (RssAnon) of the largest member of a tree, now.

    For PostgreSQL: the shared buffers, which VmHWM counts again for each backend that
    touched them, are left out.
    """
    return max(_status_kib(member, "RssAnon") for member in process_tree(pid)) / 1024


def _status_kib(pid: int, name: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # ended meanwhile
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)
