"""What a poller reads from the database and writes to it: in one thread, never on a bus's time."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
import queue
import select
import socket
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

import psycopg
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, close_old_connections, connection

from devices.models import Wire
from devices.queries_modbus import load_buses, read_change_marks
from devices.services import outbox
from devices.services.modbus_states import write_notes
from devices.services.wire_commands import WireOrder, answer_order, take_orders
from devices.wires.modbus.config import BusConfig
from devices.wires.modbus.orders import Outcome
from devices.wires.modbus.seen import Notes

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5  # orders whose notice was missed are taken this late
LOOK_SECONDS = 2.0
RELOAD_SECONDS = 60.0  # whatever the marks say
NOTES_SECONDS = 1.0
AGAIN_SECONDS = 1.0
STOP_SECONDS = 2.0
MOST_WAITING_ORDERS = 200  # of one bus; then it gets no more until some are done


class Side(Protocol):
    """What the thread tells the poller; may be called from any thread."""

    def apply(self, buses: Mapping[uuid.UUID, BusConfig]) -> None:
        """Drive these buses from now on."""

    def order(self, orders: Sequence[tuple[WireOrder, float]]) -> None:
        """Do these; each with the monotonic time at which its own is over."""

    def take_notes(self) -> Notes:
        """Return what is to be written down; it is not returned again."""

    def waiting_orders(self) -> Mapping[uuid.UUID, int]:
        """Return how many orders wait on each bus."""


class Records:
    """A thread that owns the poller's connection to the database."""

    def __init__(self, side: Side, *, poller: str) -> None:
        self._side = side
        self._poller = poller
        self._stopping = threading.Event()
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
        self._answers: deque[tuple[WireOrder, Outcome]] = deque()
        self._notes = Notes()
        self._lines: list[uuid.UUID] = []
        self._marks: tuple[int, ...] = ()
        self._listening: Any = None
        self._looked_at = self._loaded_at = self._noted_at = float("-inf")
        self._turned_at = time.monotonic()
        self._takes_no_more = threading.Event()
        self._pipe_lock = threading.Lock()
        self._bell, self._ringer = os.pipe()
        os.set_blocking(self._ringer, False)
        os.set_blocking(self._bell, False)
        self._thread = threading.Thread(target=self._run, name="modbus-records", daemon=True)

    def start(self) -> None:
        """Begin to load, to listen and to write."""
        self._thread.start()

    @property
    def silent_seconds(self) -> float:
        """How long the thread has waited for the database, or for nothing at all."""
        return time.monotonic() - self._turned_at

    def hang_up(self) -> None:
        """End its connection from outside, so that it makes another; from any other thread."""
        wire = self._listening
        if wire is None:
            return
        try:
            with socket.socket(fileno=os.dup(wire.fileno())) as end:
                end.shutdown(socket.SHUT_RDWR)
        except (OSError, psycopg.Error) as error:  # it has none any more
            logger.warning("The connection of the poller's records is gone: %s", error)

    def take_no_more(self) -> None:
        """Leave the orders that are due to whoever polls next."""
        self._takes_no_more.set()

    def stop(self) -> None:
        """Write what is left and end, within two seconds."""
        self._stopping.set()
        self._ring()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)
        if not self._thread.is_alive():
            self._close_pipe()

    def call(self, function: Callable[[], Any]) -> Future[Any]:
        """Run something in this thread; from any other."""
        future: Future[Any] = Future()
        self._calls.put((function, future))
        self._ring()
        return future

    def answer(self, order: WireOrder, outcome: Outcome) -> None:
        """Say what became of an order; kept until the database took it."""
        self._answers.append((order, outcome))
        self._ring()

    def _ring(self) -> None:
        with self._pipe_lock, contextlib.suppress(BlockingIOError, OSError):
            if self._ringer >= 0:
                os.write(self._ringer, b"!")

    def _close_pipe(self) -> None:
        with self._pipe_lock:
            ends, self._ringer, self._bell = (self._ringer, self._bell), -1, -1
        for end in ends:
            if end >= 0:
                os.close(end)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._turned_at = time.monotonic()
            try:
                close_old_connections()
                wire = self._listen()  # before looking, so that no notice falls in between
                self._do_calls()
                self._write()
                self._look()
                self._take()
                self._wait(wire)
            except (DatabaseError, psycopg.Error, OSError) as error:
                logger.warning("The poller's records wait: %s", error)
                self._forget_connection()
            except Exception:
                logger.exception("A round of the poller's records failed, going on")
                self._forget_connection()
        self._end()

    def _look(self) -> None:
        """Load everything again when somebody changed something."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        marks = read_change_marks()
        if marks == self._marks and now - self._loaded_at < RELOAD_SECONDS:
            return
        buses = load_buses(poller=self._poller)
        self._marks, self._loaded_at = marks, now
        self._lines = list(buses)
        self._side.apply(buses)

    def _take(self) -> None:
        if self._takes_no_more.is_set():
            return
        busy = self._side.waiting_orders()
        full = [line for line in self._lines if busy.get(line, 0) >= MOST_WAITING_ORDERS]
        lines = [line for line in self._lines if line not in full]
        orders = take_orders(wire=Wire.MODBUS, lines=full, at_least=outbox.URGENT)
        orders += take_orders(wire=Wire.MODBUS, lines=lines)
        if not orders:
            return
        # the clock of the database says how much time they have, this one's how it passes
        now, clock = outbox.database_now(), time.monotonic()
        self._side.order(
            [(one, clock + (one.expires_at - now).total_seconds()) for one in orders]
        )  # fmt: skip

    def _write(self) -> None:
        while self._answers:
            order, outcome = self._answers[0]
            self._answer_one(order, outcome)
            self._answers.popleft()
        now = time.monotonic()
        if now - self._noted_at < NOTES_SECONDS:
            return
        self._noted_at = now
        self._notes = self._notes.older_than(self._side.take_notes())
        if self._notes:
            write_notes(self._notes)
            self._notes = Notes()

    def _answer_one(self, order: WireOrder, outcome: Outcome) -> None:
        """Store an answer; one that the database will never take is logged and dropped."""
        try:
            answer_order(
                order=order, state=outcome.state, code=outcome.code, detail=outcome.detail,
                content=outcome.content, at=dt.datetime.fromtimestamp(outcome.at, dt.UTC),
            )  # fmt: skip
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("The answer to command %s was not stored: %s", order.id, outcome)

    def _do_calls(self) -> None:
        while not self._calls.empty():
            function, future = self._calls.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(function())
            except BaseException as error:  # noqa: BLE001 (whoever asked is told)
                future.set_exception(error)

    def _wait(self, wire: Any) -> None:
        """Wait for a notice of the database or for the bell."""
        ready, _, _ = select.select([wire.fileno(), self._bell], [], [], TICK_SECONDS)
        if self._bell in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._bell, 4096)
        if wire.fileno() in ready:
            for _notice in wire.notifies(timeout=0):
                pass

    def _listen(self) -> Any:
        connection.ensure_connection()
        wire: Any = connection.connection
        if wire is not self._listening:
            wire.execute(f"LISTEN {outbox.CHANNEL}")
            self._listening = wire
        return wire

    def _forget_connection(self) -> None:
        connection.close()
        self._fail_calls()
        self._stopping.wait(AGAIN_SECONDS)

    def _fail_calls(self) -> None:
        while not self._calls.empty():
            _function, future = self._calls.get()
            if future.set_running_or_notify_cancel():
                future.set_exception(OperationalError("The database does not answer."))

    def _end(self) -> None:
        self._noted_at = float("-inf")
        try:
            self._do_calls()
            self._write()
        except (DatabaseError, psycopg.Error, OSError) as error:
            logger.warning("%d answers were not stored: %s", len(self._answers), error)
        self._fail_calls()
        connection.close()
