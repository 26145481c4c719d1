"""Own one serial port: hear the charger behind it, and give it the commands of the outbox."""

from __future__ import annotations

from typing import Any

import psycopg
from django.core.management.base import CommandParser
from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone

from charging.bridge.bridge import Bridge, clean_up
from charging.bridge.lines import LineFacts, NoSuchLine, find_line
from charging.bridge.registry import bridge_of, stop_bridge
from devices.services import outbox
from devices.wires.serial.lease import PortHeld
from energy.lib.process import ProcessCommand

EXIT_HELD = 75  # EX_TEMPFAIL: whoever started it may try again later
WAIT_SECONDS = 0.25


class Command(ProcessCommand):
    """One process for each port; a second one says who has it and exits with 75."""

    help = "Own the serial port of a charger. Ends with 75 when another process has it."
    process_name = "serial_bridge"
    idle_seconds = 0.0  # a round waits for notices by itself
    error_seconds = 0.5

    def add_arguments(self, parser: CommandParser) -> None:
        """Add which port."""
        super().add_arguments(parser)
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--line", default="", help="Id or port of a serial line.")
        which.add_argument("--charger", default="", help="Id or name of a charge point.")

    def open(self, **options: Any) -> None:
        """Note which line; the database may be away just now."""
        self._which = {"line": options["line"], "charger": options["charger"]}
        self._line: LineFacts | None = None
        self._bridge: Bridge | None = None
        self._listening: Any = None

    def work(self) -> bool:
        """Do one round, then wait for a notice of the outbox, at most a quarter of a second."""
        try:
            if self._bridge is None:
                self._begin()
            assert self._bridge is not None  # noqa: S101  # begun above
            self._bridge.run_round(is_told=self._wait())
        except NoSuchLine as error:
            self.stderr.write(str(error))
            raise SystemExit(1) from error
        except PortHeld as error:
            self.stderr.write(str(error))
            raise SystemExit(EXIT_HELD) from error
        return True

    def close(self) -> None:
        """End what is under way, and let the port go; charging goes on."""
        if self._line is None:
            return
        try:
            stop_bridge(self._line.id)
        except DatabaseError as error:
            self.stderr.write(f"Could not be told any more: {error}")

    def _begin(self) -> None:
        line = self._line or find_line(**self._which)
        clean_up()
        self._line, self._bridge = line, bridge_of(line.id, clock=timezone.now)
        self.stdout.write(f"Owns {line.port}.")

    def _wait(self) -> bool:
        """Wait on the connection that hears of new messages; tell whether there are any."""
        if connection.in_atomic_block:  # only under tests: nothing is heard in a transaction
            return True
        connection.ensure_connection()
        wire: Any = connection.connection
        try:
            if wire is not self._listening:
                wire.execute(f"LISTEN {outbox.CHANNEL}")
                self._listening = wire
                return True
            return next(wire.notifies(timeout=WAIT_SECONDS, stop_after=1), None) is not None
        except psycopg.Error:
            connection.close()  # the driver was asked directly: nobody else would notice
            raise
