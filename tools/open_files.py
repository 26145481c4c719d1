"""How many files and sockets a process may have open."""

from __future__ import annotations

import resource

WANTED = 65_536


def allow_many_open_files() -> None:
    """Raise our own limit, which the programs inherit, as far as the machine permits.

    The usual 1024 ends a web process at a thousand WebSockets.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ceiling = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < ceiling:
        resource.setrlimit(resource.RLIMIT_NOFILE, (ceiling, hard))
