"""Ports on 127.0.0.1."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Callable
from typing import Literal

Choice = Literal["usual", "free"]

# Below the range from which the kernel takes the local ports of outgoing connections
# (32768 and up): a server that is restarted must find its port free again.
FREE_RANGE = range(20000, 32000)


def is_free(port: int) -> bool:
    """Tell whether nobody listens on the port. Another program may take it right after."""
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Ports:
    """Gives out ports, each once: the usual one if it is free, else a random free one."""

    def __init__(self, choice: Choice = "free") -> None:
        self._choice = choice
        self._given: set[int] = set()

    def take(self, usual: int) -> int:
        """Raises: RuntimeError: hardly any port is free."""
        candidates = random.sample(FREE_RANGE, 200)
        if self._choice == "usual":
            candidates.insert(0, usual)
        for port in candidates:
            if port not in self._given and is_free(port):
                self._given.add(port)
                return port
        raise RuntimeError("no free port on 127.0.0.1; stop some servers and start again")


def accepts_connections(port: int) -> Callable[[], bool]:
    """Return a probe that tells whether somebody listens on the port."""

    def probe() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), 0.3).close()
        except OSError:
            return False
        return True

    return probe
