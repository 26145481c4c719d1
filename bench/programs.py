"""The platform's processes, as the demo starts them, and their pids."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from bench.resources import NotLocal, find_listener
from tools.demo_programs import core_programs, web_variables
from tools.embedded.ports import Ports
from tools.embedded.program import Program

PATIENCE_SECONDS = 30.0
LIVE_PROGRAMS = ("web", "reactor_live")


class NotRunning(RuntimeError):
    """A process of the platform ended; the message tells where its output is."""


class Platform:
    """Listener and ingest workers, with live reactor and web server, in a `with` block."""

    def __init__(self, logs: Path, *, with_live: bool, workers: int, listeners: int = 1) -> None:
        self._logs = logs
        self.web_port = Ports().take(8000)
        self.url = f"http://127.0.0.1:{self.web_port}"
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        env = {**os.environ, **web_variables(self.web_port), "LOG_LEVEL": "WARNING"}
        if listeners > 1:
            env["MQTT_SHARE_GROUP"] = "bench"
        self._programs = [
            program
            for program in core_programs(env, self.web_port)
            if with_live or program.name not in LIVE_PROGRAMS
        ]
        for name, copies in (("ingest_worker", workers), ("mqtt_listener", listeners)):
            first = next(program for program in self._programs if program.name == name)
            self._programs += [
                replace(
                    first,
                    name=f"{name}_{number}",
                    argv=(*first.argv, "--instance", str(number)),
                )
                for number in range(2, copies + 1)
            ]

    def __enter__(self) -> Platform:
        for program in self._programs:
            with (self._logs / f"{program.name}.log").open("wb") as log:
                self._running[program.name] = subprocess.Popen(
                    program.argv, stdout=log, **program.popen_options()
                )
        for program in self._programs:
            self._wait_until_ready(program)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _wait_until_ready(self, program: Program) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while program.ready and not program.ready() and time.monotonic() < deadline:
            self.check()
            time.sleep(0.1)
        self.check()

    def check(self) -> None:
        """Raises: NotRunning."""
        for name, process in self._running.items():
            if process.poll() is not None:
                output = (self._logs / f"{name}.log").read_text(errors="replace")[-2000:]
                raise NotRunning(f"{name} ended with {process.returncode}:\n{output}")

    @property
    def pids(self) -> dict[str, int]:
        """The platform's processes by name."""
        return {name: process.pid for name, process in self._running.items()}


def server_pids() -> dict[str, int]:
    """Return the servers that run on this machine, found by their ports."""
    ports = {
        "mosquitto": int(os.environ["MQTT_PORT"]),
        "redis_durable": urlsplit(os.environ["REDIS_DURABLE_URL"]).port or 6379,
        "redis_ephemeral": urlsplit(os.environ["REDIS_EPHEMERAL_URL"]).port or 6379,
        "postgres": urlsplit(os.environ["DATABASE_URL"]).port or 5432,
    }
    found = {}
    for name, port in ports.items():
        try:
            found[name] = find_listener(port)
        except NotLocal:
            continue
    return found
