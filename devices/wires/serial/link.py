"""One thread that owns a serial port: opens it, reads it alone, and never gives up."""

from __future__ import annotations

import contextlib
import logging
import random
import socket
import termios
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from devices.wires.serial.ports import OpenPort, PortProblem
from devices.wires.serial.talk import Talk

logger = logging.getLogger(__name__)

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 30.0
STALE_SECONDS = 20.0
REOPEN_SECONDS = 30.0
LOOK_FOR_PATH_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 0.5
MOST_ASKS = 100  # while the link's thread stands still, such as in an open that hangs


class LinkState(StrEnum):
    """Where a link stands."""

    CLOSED = "closed"
    OPENING = "opening"
    SYNCING = "syncing"
    ONLINE = "online"
    STALE = "stale"
    BACKOFF = "backoff"


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The link entered a state; `code` and `detail` say why, blank where all is well."""

    state: LinkState
    code: str = ""
    detail: str = ""


class Backoff:
    """Waits of 0.5, 1, 2 … 30 s, each up to a quarter shorter, for ever."""

    def __init__(self) -> None:
        self._next = FIRST_BACKOFF_SECONDS

    def reset(self) -> None:
        """Begin with the shortest again."""
        self._next = FIRST_BACKOFF_SECONDS

    def take(self) -> float:
        """Return how long to wait now, in seconds."""
        wait, self._next = self._next, min(LONGEST_BACKOFF_SECONDS, self._next * 2)
        return wait * random.uniform(0.75, 1.0)  # noqa: S311  # not a secret


class SerialLink:
    """The owner of one port.

    Everything that is heard or changes goes to `tell`, called by the link's thread, and of an
    order that there is no room for by that of `ask`; it must not wait for anything. Orders that
    come while nobody answers are refused, never kept.

    Args: open_: opens the port or raises PortProblem. is_there: whether the port could be
        opened just now; a port that comes back is tried at once.
    """

    def __init__(
        self,
        *,
        name: str,
        open_: Callable[[], OpenPort],
        is_there: Callable[[], bool],
        talk: Talk,
        tell: Callable[[object], None],
    ) -> None:
        self.name = name
        self.state = LinkState.CLOSED
        self.opens = 0
        self.heard_at = float("-inf")  # monotonic: the last valid frame
        self._open = open_
        self._is_there = is_there
        self._talk = talk
        self._tell = tell
        self._backoff = Backoff()
        self._asks: deque[Any] = deque()
        self._stopping = threading.Event()
        self._told: LinkChanged | None = None
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        self._thread = threading.Thread(target=self._run, name=f"link {name}"[:60], daemon=True)

    def start(self) -> None:
        """Begin; the port need not be there."""
        self._thread.start()

    def stop(self, *, seconds: float = 5.0) -> None:
        """Close the port at once; orders under way end as not answered."""
        self._stopping.set()
        self._wake()
        if self._thread.is_alive():
            self._thread.join(timeout=seconds)
        else:
            self._close_wake()

    def ask(self, ask: Any) -> None:
        """Give an order; what becomes of it is told. Called by one thread."""
        if len(self._asks) >= MOST_ASKS:
            self._tell(self._talk.refusal(ask, code="busy", detail="Too many orders wait."))
            return
        self._asks.append(ask)
        self._wake()

    @property
    def is_idle(self) -> bool:
        """Tell whether no order is under way."""
        return not self._asks and self._talk.is_idle

    def is_fresh(self, *, seconds: float) -> bool:
        """Tell whether the other end was heard so recently that orders make sense."""
        is_recent = time.monotonic() - self.heard_at <= seconds
        return self.state == LinkState.ONLINE and is_recent

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                problem = self._run_once()
                if not self._stopping.is_set():
                    self._wait_before_next(problem)
            self._change(LinkState.CLOSED, "stopped", "The bridge was stopped.")
        finally:
            self._refuse_asks()
            self._close_wake()

    def _run_once(self) -> PortProblem:
        """Open, work until something is wrong, close; return what was wrong."""
        self._change(LinkState.OPENING)
        try:
            port = self._open()
        except PortProblem as found:
            return found
        self.opens += 1
        why = PortProblem("stopped", "The bridge was stopped.")
        try:
            self._work(port)
        except PortProblem as found:
            why = found
        except (OSError, termios.error) as error:
            why = PortProblem("disconnected", f"{error}"[:300])
        except Exception as error:
            logger.exception("The link to %s failed, opening it again", self.name)
            why = PortProblem("failed", f"{error}"[:300])
        finally:
            port.close()
            self._talk.closed(time.monotonic(), code=why.code, detail=why.detail)
            self._pass_on()
        return why

    def _work(self, port: OpenPort) -> None:
        """Read and write until told to stop.

        Raises: PortProblem, OSError, termios.error.
        """
        now = opened_at = time.monotonic()
        last_frame_at = opened_at
        self._talk.opened(now)
        self._change(LinkState.SYNCING)
        while not self._stopping.is_set():
            self._begin_asks(now)
            self._talk.tick(now)
            if data := self._talk.take_outgoing():
                port.write(data)
            self._pass_on()
            port.wait(
                self._wake_reader.fileno(), min(LONGEST_WAIT_SECONDS, self._talk.next_tick() - now)
            )
            self._drain_wake()
            chunk, now = port.read(), time.monotonic()
            if chunk:
                frames = self._talk.frames
                self._talk.receive(chunk, now)
                if self._talk.frames > frames:
                    last_frame_at = self.heard_at = now
            self._judge(now - last_frame_at)

    def _judge(self, silence: float) -> None:
        """Enter the state that the silence means.

        Raises: PortProblem: nothing was heard for so long that the port is opened anew.
        """
        detail = f"Nothing was heard for {silence:.0f} s."
        if silence >= REOPEN_SECONDS:
            raise PortProblem("silent", detail)
        if silence >= STALE_SECONDS:
            self._change(LinkState.STALE, "silent", detail)
        elif self._talk.is_synced:
            self._backoff.reset()
            self._change(LinkState.ONLINE)

    def _wait_before_next(self, problem: PortProblem) -> None:
        """Wait; a device file that comes back, or is made anew, ends the wait."""
        self._change(LinkState.BACKOFF, problem.code, problem.detail)
        until = time.monotonic() + self._backoff.take()
        was_there = self._is_there()
        while (left := until - time.monotonic()) > 0 and not self._stopping.is_set():
            self._refuse_asks()
            self._stopping.wait(min(left, LOOK_FOR_PATH_SECONDS))
            is_there = self._is_there()
            if is_there and not was_there:
                self._backoff.reset()
                return
            was_there = is_there

    def _begin_asks(self, now: float) -> None:
        while self._asks:
            # first into the talk, so that it never looks as if nothing were under way
            self._talk.ask(self._asks[0], now)
            self._asks.popleft()

    def _refuse_asks(self) -> None:
        """Refuse orders that came while the port was not open: nobody keeps them."""
        now = time.monotonic()
        self._begin_asks(now)
        self._talk.closed(now, code="offline", detail="The controller is not connected.")
        self._pass_on()

    def _change(self, state: LinkState, code: str = "", detail: str = "") -> None:
        self.state = state
        changed = LinkChanged(state, code, detail)
        if self._told is None or (self._told.state, self._told.code) != (state, code):
            self._told = changed
            self._tell(changed)

    def _pass_on(self) -> None:
        for heard in self._talk.take_heard():
            self._tell(heard)

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # full: it is awake already; closed: it has ended
            self._wake_writer.send(b"!")

    def _drain_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake_reader.recv(4096)

    def _close_wake(self) -> None:
        self._wake_reader.close()
        self._wake_writer.close()
