"""A bridge: a port of this process, the conversation on it, and what is told of both."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable
from dataclasses import replace

from django.conf import settings
from django.db import InterfaceError, OperationalError

from charging.bridge.inbox import Inbox
from charging.bridge.lines import LineFacts, load_line
from charging.bridge.orders import Orders
from charging.bridge.readings import Readings
from charging.bridge.report import Report
from charging.esp32.conversation import Conversation
from charging.esp32.facts import Result
from charging.esp32.talk_v1 import TalkV1
from charging.esp32.talk_v2 import TalkV2
from devices.models import SerialLine, WireState
from devices.services.outbox import database_now
from devices.wires.serial.lease import RENEW_SECONDS, PortClaim, PortHeld, delete_old_leases
from devices.wires.serial.link import LinkState, SerialLink
from devices.wires.serial.ports import OpenPort, is_there, open_port

logger = logging.getLogger(__name__)

FRESH_SECONDS = 6.0  # a controller in a fault says nothing for five
ORDERS_SECONDS = 1.0  # how often to look without having been told
RELOAD_SECONDS = 5.0
DRAIN_SECONDS = 3.5
COMMAND = "run_serial_bridge"
TALKS: dict[str, Callable[[], Conversation]] = {
    SerialLine.Protocol.ESP32_V1: TalkV1,
    SerialLine.Protocol.ESP32_V2: TalkV2,
}
Opener = Callable[[LineFacts], OpenPort]


def open_line(line: LineFacts) -> OpenPort:
    """Open the port of a line. Raises: PortProblem."""
    return open_port(line.port, baudrate=line.baudrate)


class Bridge:
    """Owns one line from `start` to `stop`. `run_round` is called by one thread.

    The link has a thread of its own and knows no database: while that is away it goes on, and
    the newest of what it hears is kept for later.
    """

    def __init__(
        self, line: LineFacts, *, clock: Callable[[], dt.datetime], open_: Opener = open_line
    ) -> None:
        self.line = line
        self._clock = clock
        self._open = open_
        self._inbox = Inbox()
        self._is_wanted = self._is_started = False
        self._renew_at = self._orders_at = self._reload_at = 0.0
        self.claim = PortClaim(line.port, command=COMMAND)
        self._build(line)

    def start(self) -> None:
        """Take the port. Raises: PortHeld: another process has it."""
        self._is_wanted = True
        self.claim.hold()
        self._renew_at = time.monotonic() + RENEW_SECONDS
        self._reload_at = time.monotonic() + RELOAD_SECONDS
        if self.line.is_enabled:
            self.link.start()
        else:
            self._tell_disabled()
        self._is_started = True

    def run_round(self, *, is_told: bool = False) -> None:
        """Keep the lease, tell what was heard, take orders; start if that failed before.

        Args: is_told: the outbox said that there are new messages.

        Raises: PortHeld: the lease was lost; the port is closed already.
            django.db.Error: the database is away; call again.
        """
        now = time.monotonic()
        if self._is_wanted and not self._is_started:
            self._start_anew()
        if now >= self._renew_at:
            self._renew()
            self._renew_at = now + RENEW_SECONDS
        if now >= self._reload_at:
            self._reload_at = now + RELOAD_SECONDS
            self._reload()
        self.tell()
        if self.link.is_fresh(seconds=FRESH_SECONDS) and (is_told or now >= self._orders_at):
            self._orders_at = now + ORDERS_SECONDS
            self._orders.take()

    def tell(self) -> None:
        """Tell what was heard. Raises: django.db.Error: the rest waits."""
        while (item := self._inbox.take()) is not None:
            try:
                if isinstance(item.heard, Result):
                    self._orders.finish(item.heard, at=item.at, now=self._clock())
                else:
                    self._report.tell(item.heard, at=item.at, now=self._clock())
            except (OperationalError, InterfaceError):
                self._inbox.put_back(item)
                raise
            except Exception:
                # what cannot be kept must not keep the rest from being told
                logger.exception("%s of %s could not be kept", type(item.heard), self.line.port)
        self._report.readings.flush()

    def stop(self) -> None:
        """Let orders under way end, close the port, tell what is left, release the lease.

        At most five seconds unless the database hangs. Charging goes on.
        Raises: django.db.Error: the last of it could not be told.
        """
        self._is_wanted = False
        self._end()

    def _end(self) -> None:
        if not self._is_started:
            return
        until = time.monotonic() + DRAIN_SECONDS
        while not self.link.is_idle and time.monotonic() < until:
            time.sleep(0.05)
        self.link.stop(seconds=2.0)
        self._is_started = False
        try:
            self.tell()
        finally:
            self.claim.release()

    def _build(self, line: LineFacts) -> None:
        self.line = line
        self.talk = TALKS[line.protocol]()
        if self.claim.port != line.port:  # else it may still hold what it could not release
            self.claim = PortClaim(line.port, command=COMMAND)
        self.link = SerialLink(
            name=line.port,
            open_=lambda: self._open(line),
            is_there=lambda: is_there(line.port),
            talk=self.talk,
            tell=self._keep,
        )
        readings = Readings(
            tenant_id=line.tenant_id, device_id=line.device_id,
            redis_url=settings.REDIS_DURABLE_URL,
        )  # fmt: skip
        self._report = Report(line, readings)
        self._orders = Orders(line, self.link.ask, self._keep)

    def _keep(self, heard: object) -> None:
        self._inbox.put(heard, self._clock())

    def _renew(self) -> None:
        try:
            self.claim.hold()
        except PortHeld:
            self.link.stop(seconds=2.0)  # another one writes there
            self._is_wanted = self._is_started = False
            raise

    def _reload(self) -> None:
        """Follow what staff changed: another port, another protocol, switched off."""
        line = load_line(self.line.id)
        if line is not None and line == replace(self.line, max_current_a=line.max_current_a):
            self.line = self._orders.line = line  # a limit is no reason to close the port
            return
        logger.info("The line %s was changed", self.line.port)
        self._end()
        self._start_anew()

    def _start_anew(self) -> None:
        """Start with a new link; what is left of the one before is told first."""
        self.tell()
        line = load_line(self.line.id)
        if line is None:
            raise SystemExit(f"The line {self.line.port} was deleted.")
        self._build(line)
        self.start()

    def _tell_disabled(self) -> None:
        at = self._clock()
        self._report.tell_wire(
            WireState.OFFLINE, "disabled", "The line is switched off.", at=at, now=at
        )

    @property
    def is_open(self) -> bool:
        """Tell whether the port is open."""
        return self.link.state in {LinkState.SYNCING, LinkState.ONLINE, LinkState.STALE}


def clean_up() -> None:
    """Delete leases that nobody will ask for."""
    delete_old_leases(now=database_now())
