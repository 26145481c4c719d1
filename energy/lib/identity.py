"""Who a process is, so that another one can tell that it is gone."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def own_identity() -> str:
    """Return a name that no other process has or will have."""
    return _identity(os.getpid())


def is_gone(identity: str) -> bool:
    """Tell whether that process has certainly ended: it ran here, and nobody has its place.

    False where this cannot be known, as for processes of other machines and containers.
    """
    where, _, rest = identity.rpartition("/")
    pid = rest.partition("-")[0]
    if where != _whereabouts() or not pid.isdigit():
        return False
    return _identity(int(pid)) != identity


def _identity(pid: int) -> str:
    return f"{_whereabouts()}/{pid}-{_started(pid)}"


def _whereabouts() -> str:
    """Return the machine and the space of process numbers: containers have their own."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = "?"
    return f"{socket.gethostname()}/{space}"


def _started(pid: int) -> str:
    """Return when a process began, in ticks since boot; nothing for none and for the dead."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
