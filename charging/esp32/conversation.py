"""What both versions of the protocol have in common: orders under way, and what was heard.

An order is a generator: it yields until when it waits, is sent what is heard meanwhile, or None
when that time is over, and returns its verdict.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from charging.esp32.facts import (
    CHARGE_START,
    CHARGE_STOP,
    COMMANDS,
    LOCK,
    UNLOCK,
    Ask,
    Heard,
    Look,
    Note,
    NoteKind,
    Result,
    Verdict,
)

MAX_WAITING = 16
REBOOT_SECONDS = 5.0  # lines of one banner come within
Ending = tuple[Verdict, str, str]  # verdict, code, detail
Order = Generator[float, Any, Ending]
TOO_LATE: Ending = (Verdict.REFUSED, "too_late", "Its time was over before it could be written.")
SILENT: Ending = (Verdict.NO_ANSWER, "silent", "The controller does not say in what state it is.")
STOPPED_FIRST: Ending = (Verdict.REFUSED, "stopped", "An order to stop came after it.")


@dataclass(slots=True)
class _Run:
    ask: Ask
    order: Order
    until: float = 0.0
    is_written: bool = False


class Conversation:
    """One controller's end of a link. Subclasses speak a version of the protocol.

    Call `receive` and `tick` with times that never go back; `tick` at least when `next_tick`
    says so. Then write what `take_outgoing` returns, and pass on what `take_heard` returns.
    `frames` counts what was understood, `damaged` what was not; `is_synced`: its state is known.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.damaged = 0
        self.look: Look | None = None
        self.is_synced = False
        self._now = 0.0
        self._out = bytearray()
        self._heard: list[Heard] = []
        self._waiting: deque[Ask] = deque()
        self._running: dict[str, _Run] = {}
        self._rebooted_at = float("-inf")

    def opened(self, now: float) -> None:
        """Begin anew on a link that was just opened."""
        self._now = now
        self.is_synced = False
        self._out.clear()

    def closed(self, now: float, *, code: str, detail: str) -> None:
        """End all orders: the link is gone, and nothing of them is kept for the next one."""
        self._now = now
        for ask in self._waiting:
            self._end(ask, (Verdict.REFUSED, code, detail))
        self._waiting.clear()
        for lane in list(self._running):
            run = self._running.pop(lane)
            verdict = Verdict.NO_ANSWER if run.is_written else Verdict.REFUSED
            self._end(run.ask, (verdict, code, detail))
        self._out.clear()

    def receive(self, chunk: bytes, now: float) -> None:
        """Read what came in, at most some kilobytes."""
        raise NotImplementedError

    def tick(self, now: float) -> None:
        """Do what is due."""
        self._now = now
        for lane, run in list(self._running.items()):
            if run.until <= now and self._running.get(lane) is run:
                self._advance(lane, None)
        for ask in [ask for ask in self._waiting if ask.deadline <= now]:
            self._waiting.remove(ask)
            self._end(ask, TOO_LATE)

    def next_tick(self) -> float:
        """Return when `tick` has something to do."""
        times = [run.until for run in self._running.values()]
        return min([*times, *(ask.deadline for ask in self._waiting)], default=float("inf"))

    def ask(self, ask: Ask, now: float) -> None:
        """Begin an order, or let it wait for those before it of its kind; to stop goes first."""
        self._now = now
        if ask.name not in COMMANDS:
            self._end(ask, (Verdict.REFUSED, "unknown_command", ask.name))
            return
        if ask.name == CHARGE_STOP:  # however many wait
            self._drop_permissions()
        elif len(self._waiting) >= MAX_WAITING:
            self._end(ask, (Verdict.REFUSED, "busy", "Too many orders wait."))
            return
        self._waiting.append(ask)
        self._begin_waiting()

    def refusal(self, ask: Ask, *, code: str, detail: str) -> Result:
        """Return what is told of an order that is not begun; from any thread."""
        return Result(ask.key, Verdict.REFUSED, code, detail)

    @property
    def is_idle(self) -> bool:
        """Tell whether no order is under way."""
        return not self._running and not self._waiting

    def take_outgoing(self) -> bytes:
        """Return the bytes to write now."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def take_heard(self) -> list[Heard]:
        """Return what was heard and became of orders since the last call."""
        heard, self._heard = self._heard, []
        return heard

    def _order(self, ask: Ask) -> Order:
        raise NotImplementedError

    def _tell(self, heard: Heard) -> None:
        self._heard.append(heard)

    def _note_reboot(self, text: str) -> None:
        """Tell of it once: its banner has many lines."""
        if self._now - self._rebooted_at > REBOOT_SECONDS:
            self._tell(Note(NoteKind.REBOOTED, text))
        self._rebooted_at = self._now

    def _offer(self, event: object) -> None:
        """Let every order see what was heard."""
        for lane, run in list(self._running.items()):
            if self._running.get(lane) is run:
                self._advance(lane, event)

    def _write_for(self, name: str, data: bytes) -> None:
        """Write a command; from now on nobody can say that it was never written."""
        run = self._running.get(_lane(name))
        if run is not None:
            run.is_written = True
        self._out += data

    def _begin_waiting(self) -> None:
        for ask in list(self._waiting):
            lane = _lane(ask.name)
            if lane not in self._running:
                self._waiting.remove(ask)
                self._running[lane] = _Run(ask, self._order(ask))
                self._advance(lane, None)

    def _advance(self, lane: str, event: object) -> None:
        run = self._running[lane]
        try:
            run.until = run.order.send(event)
        except StopIteration as ended:
            if self._running.get(lane) is run:
                del self._running[lane]
            self._end(run.ask, ended.value)
            self._begin_waiting()

    def _drop_permissions(self) -> None:
        """End permissions under way; one that was written is what the stop undoes."""
        for ask in [ask for ask in self._waiting if ask.name == CHARGE_START]:
            self._waiting.remove(ask)
            self._end(ask, STOPPED_FIRST)
        run = self._running.pop(CHARGE_START, None)
        if run is not None:
            verdict = Verdict.NO_ANSWER if run.is_written else Verdict.REFUSED
            self._end(run.ask, (verdict, *STOPPED_FIRST[1:]))
            self._stop_undoes(run.is_written)

    def _stop_undoes(self, was_written: bool) -> None:
        """Hear that a permission may have been written just before a stop."""

    def _end(self, ask: Ask, ending: Ending) -> None:
        verdict, code, detail = ending
        self._tell(Result(ask.key, verdict, code, detail))

    def _await(self, until: float, is_it: Callable[[Any], bool]) -> Generator[float, Any, Any]:
        """Wait for something to be heard; None when it was not in time."""
        while True:
            event = yield until
            if event is not None and is_it(event):
                return event
            if self._now >= until:
                return None


def _lane(name: str) -> str:
    """Return what only one order at a time may be under way for."""
    return LOCK if name == UNLOCK else name
