"""A TCP proxy between a process and a server, which can stop carrying anything."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time

PIECE = 65_536
TICK_SECONDS = 0.02


class Proxy:
    """Carries connections to a port of this machine, until it is told to do worse."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._carrying = threading.Event()
        self._carrying.set()
        self._ended = threading.Event()
        self._wires: list[socket.socket] = []
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self) -> None:
        """Carry nothing more; no connection breaks, new ones are taken and hang."""
        self._carrying.clear()

    def go_on(self) -> None:
        """Carry what waits, and what comes."""
        self._carrying.set()

    def cut(self) -> None:
        """Reset all connections; what was on the way is lost."""
        wires, self._wires = self._wires, []
        for wire in wires:
            with contextlib.suppress(OSError):
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                wire.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Take no more connections and reset those that are there."""
        self._ended.set()
        self._carrying.set()
        self._door.close()
        self.cut()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                near, _ = self._door.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                continue
            self._wires += [near, far]
            threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        """Carry both directions until one end closes."""
        with near, far, selectors.DefaultSelector() as waiting, contextlib.suppress(OSError):
            waiting.register(near, selectors.EVENT_READ, far)
            waiting.register(far, selectors.EVENT_READ, near)
            while not self._ended.is_set():
                if not self._carrying.is_set():
                    time.sleep(TICK_SECONDS)
                    continue
                for key, _ in waiting.select(TICK_SECONDS):
                    data = key.fileobj.recv(PIECE)  # type: ignore[union-attr]
                    if not data:
                        return
                    self._carrying.wait()
                    key.data.sendall(data)
