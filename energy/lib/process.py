"""The loop of every long-running command."""

from __future__ import annotations

import logging
import signal
import threading
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import close_old_connections, connection

from energy.lib import heartbeat
from energy.lib.metrics import serve_metrics
from energy.lib.watchdog import Watchdog

logger = logging.getLogger(__name__)

STOP_SECONDS = 9.0  # supervisors kill after ten


class ProcessCommand(BaseCommand):
    """Call `work()` until SIGTERM or SIGINT, then `close()`.

    Subclasses set `process_name` and implement `work`, which returns True when more
    work is waiting and the loop should go on at once. A call inside `work` must not
    block longer than one second, or SIGTERM waits for it. A round that raises is logged
    and the loop goes on after `error_seconds`. A round of more than `stall_seconds` ends
    the process with 75, and so does a stop of more than nine seconds.
    """

    process_name = "process"
    idle_seconds = 1.0
    error_seconds = 1.0
    stall_seconds = 30.0
    # they load every page of the product: a third of a start, and recovery is measured in starts;
    # who deploys runs `manage.py check`
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the flags that every loop has."""
        parser.add_argument("--once", action="store_true", help="Do one round and exit.")
        parser.add_argument("--instance", default="1", help="Name of this copy of the process.")
        parser.add_argument(
            "--metrics-port", type=int, default=0, help="Serve Prometheus metrics here; 0: off."
        )

    def open(self, **options: Any) -> None:
        """Connect to ports and brokers. Called once, inside the guarded block."""

    def work(self) -> bool:
        """Do one round. Return True when more work is waiting."""
        raise NotImplementedError

    def close(self) -> None:
        """Drain and release ports and brokers. Called once, also after an error."""

    def handle(self, *, once: bool, instance: str, metrics_port: int, **options: Any) -> None:
        """Run rounds until a signal arrives.

        With `--once` an error is raised, so that tests and operators see it.
        """
        self.stopping = threading.Event()
        self.instance = instance
        self.watchdog = Watchdog(self.process_name)
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._stop)
        serve_metrics(metrics_port)
        if not once:
            _connect_without_pool()
            self.watchdog.start()
        try:
            self.open(**options)
            while not self.stopping.is_set():
                self.watchdog.expect(self.stall_seconds)
                wait_seconds = self._round(once=once)
                if once:
                    return
                if wait_seconds:
                    self.watchdog.expect(wait_seconds + self.stall_seconds)
                    self.stopping.wait(wait_seconds)
        finally:
            self.watchdog.expect_end(STOP_SECONDS)
            try:
                self.close()
            finally:
                self.watchdog.release()

    def _round(self, *, once: bool) -> float:
        """Do one guarded round; return how long to wait before the next."""
        if not connection.in_atomic_block:  # inside a transaction only under tests
            close_old_connections()
        try:
            more = self.work()
            heartbeat.beat(self.process_name, self.instance, now=time.time())
        except Exception:
            if once:
                raise
            logger.exception("Round of %s failed, going on", self.process_name)
            return self.error_seconds
        return 0.0 if more else self.idle_seconds

    def _stop(self, signum: int, frame: object) -> None:
        logger.info("%s received, stopping %s", signal.Signals(signum).name, self.process_name)
        self.stopping.set()
        self.watchdog.expect_end(STOP_SECONDS)


def _connect_without_pool() -> None:
    """Give this process one connection that stays open.

    A loop has one thread. After an outage a pool tries again at ever longer intervals, a
    connection at the next round.
    """
    connection.close()  # before it forgets that it came from a pool
    connection.settings_dict["OPTIONS"].pop("pool", None)
    connection.settings_dict["CONN_MAX_AGE"] = None
