"""A private stack with the real listener and worker, to be killed at will."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import psycopg
from redis import Redis

from tests.faults.ledger import Fleet, LedgerPublisher
from tools.embedded import Stack
from tools.embedded.program import Program
from tools.paths import ROOT

FLEETS = 64
POLL_SECONDS = 0.05
STREAM = "ingest.0"
GROUP = "ingest"


class Daemon:
    """One of our long-running commands as a process of its own."""

    def __init__(self, command: str, *arguments: str, env: Mapping[str, str], log: Path) -> None:
        argv = (sys.executable, "manage.py", command, *arguments)
        self._program = Program(command, argv, env=env, cwd=ROOT)
        self._process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.log = log

    @property
    def pid(self) -> int | None:
        """The process; None when it does not run."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process else None

    def start(self) -> None:
        """Start the process unless it runs."""
        if self.pid is None:
            self.started_at = time.time()
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._program.argv, stdout=log, **self._program.popen_options()
                )

    def kill(self) -> None:
        """End it as a crash would."""
        assert self.pid is not None, f"{self._program.name} ended by itself:\n{self.output()}"
        self.signal(signal.SIGKILL)
        self.wait(60)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, seconds: float) -> int:
        """Wait for the end; return the exit code."""
        assert self._process is not None
        return self._process.wait(seconds)

    def stop(self) -> None:
        """Ask it to end; no matter how."""
        if self.pid is not None:
            self.signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.wait(30)
        if self.pid is not None:
            self.kill()

    def starved_seconds(self) -> float:
        """Return how long its main thread was ready to run while others had the processors.

        0 where the kernel does not count this.
        """
        try:
            figures = Path(f"/proc/{self.pid}/schedstat").read_text().split()
        except OSError:
            return 0.0
        return int(figures[1]) / 1e9

    def output(self) -> str:
        """Return the end of what it has written."""
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds on the clock, and without those that our processes waited for a processor.

    Bars in seconds hold for `own` (see `tests.pace`): on a busy machine a process may wait
    for longer than it works.
    """

    clock: float
    own: float

    def __str__(self) -> str:
        return f"{self.clock:.1f} s ({self.own:.1f} s own)"


class Stopwatch:
    """Measures from now on until something is committed; make it after a kill."""

    def __init__(self, *daemons: Daemon) -> None:
        self._starved = {daemon: daemon.starved_seconds() for daemon in daemons}
        self.started_at = time.time()

    def stop(self, at: float) -> Took:
        """Return what passed until `at`, in seconds since 1970."""
        starved = max(
            (daemon.starved_seconds() - before for daemon, before in self._starved.items()),
            default=0.0,
        )
        passed = at - self.started_at
        return Took(passed, max(0.0, passed - starved))


class Plant:
    """Servers, one listener and one worker; tests publish into it and read its tables."""

    def __init__(self, home: Path) -> None:
        self.stack = Stack(home / "stack", durable=True)
        self._fleets: Iterator[Fleet] = iter(())
        self._clients = self._daemons = 0

    def start(self) -> None:
        """Start the servers, migrate, save fleets."""
        self.stack.start()
        self.env = {
            **self.stack.env,
            "REDIS_KEY_PREFIX": "",
            "LOG_FORMAT": "console",
            "NO_COLOR": "1",
            "DJANGO_SETTINGS_MODULE": "energy.settings",
        }
        self.run("manage.py", "migrate", "--verbosity", "0")
        fleets = self.step("fleets", str(FLEETS))
        self._fleets = (Fleet(f["tenant"], f["gateway"], tuple(f["devices"])) for f in fleets)
        self.listener = self.daemon("run_mqtt_listener")
        self.worker = self.daemon("run_ingest_worker")
        # before the first subscription the broker keeps nothing for the platform
        self.ensure_running()
        wait_until(lambda: "Connected to the broker" in self.listener.output(), 60, "no session")

    def stop(self) -> None:
        """Stop everything."""
        for daemon in (self.listener, self.worker):
            daemon.stop()
        self.stack.stop()

    def ensure_running(self) -> None:
        """Start listener and worker unless they run; wait until both are at work."""
        daemons = {"listener:1": self.listener, "ingest:1": self.worker}
        for daemon in daemons.values():
            daemon.start()
        for name, daemon in daemons.items():
            self.wait_until_at_work(name, daemon)

    def wait_until_at_work(self, name: str, daemon: Daemon) -> None:
        """Wait for the first round of a process that was started; `name` is process:instance."""
        wait_until(lambda: self._heartbeat(name) >= daemon.started_at, 120, f"{name} did not start")

    def _heartbeat(self, name: str) -> float:
        """Return when a process last finished a round, in seconds since 1970."""
        return float(self.redis("EPHEMERAL").hget("heartbeats", name) or 0)

    def run(self, *arguments: str) -> str:
        """Run Python with the plant's environment; return what it prints."""
        done = subprocess.run(
            [sys.executable, *arguments],
            env=self.process_env(),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    def process_env(self, **more: str) -> dict[str, str]:
        """Return the variables of a process of the plant."""
        return {**os.environ, **self.env, **more}

    def step(self, *arguments: str) -> Any:
        """Do what people do in the database; return the answer (see `steps`)."""
        return json.loads(self.run("-m", "tests.faults.steps", *arguments))

    def daemon(self, command: str, *arguments: str, **env: str) -> Daemon:
        """Return a process of ours, not started; `env` is added to the plant's."""
        self._daemons += 1
        log = self.stack.log / f"{command}-{self._daemons}.log"
        return Daemon(command, *arguments, env={**self.env, **env}, log=log)

    def take_fleet(self) -> Fleet:
        """Return a fleet that no other test has."""
        return next(self._fleets)

    def publisher(self) -> LedgerPublisher:
        """Return a publisher with a session of its own."""
        self._clients += 1
        return LedgerPublisher(self.env, client_id=f"ledger-{self._clients}")

    def forget_session(self, client_id: str) -> None:
        """Let the broker forget a session and what it keeps for it."""
        client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True
        )
        client.username_pw_set(self.env["MQTT_USERNAME"], self.env["MQTT_PASSWORD"])
        client.connect(self.env["MQTT_HOST"], int(self.env["MQTT_PORT"]))
        client.loop_start()
        wait_until(client.is_connected, 60, "the broker does not answer")
        client.disconnect()
        client.loop_stop()

    def database(self) -> psycopg.Connection:
        """Return a new connection to the database, in autocommit."""
        return psycopg.connect(self.env["DATABASE_URL"], autocommit=True)

    def redis(self, name: str = "DURABLE") -> Redis:
        """Return a client of the durable or the EPHEMERAL Redis."""
        return Redis.from_url(self.env[f"REDIS_{name}_URL"], socket_timeout=5)

    def latest_commit(self, fleet: Fleet) -> float:
        """Return when the fleet's newest point was committed, in seconds since 1970; 0: never.

        It moves only when a row is stored that was not there before.
        """
        with self.database() as connection:
            [moment] = connection.execute(_LATEST_COMMIT, [list(fleet.devices)]).fetchone()
        return moment or 0.0

    def wait_for_commit(self, fleet: Fleet, *, since: float, patience: float = 60) -> float:
        """Wait for the first new row after `since`; return when it was committed.

        Both in seconds since 1970.
        """
        wait_until(lambda: self.latest_commit(fleet) > since, patience, "no new row")
        return self.latest_commit(fleet)

    def newest_entry(self) -> str:
        """Return the id of the newest entry ever appended to the ingest stream."""
        newest: bytes = self.redis().xinfo_stream(STREAM)["last-generated-id"]
        return newest.decode()

    def backlog(self) -> int:
        """Return the number of entries in the ingest stream."""
        return int(self.redis().xlen(STREAM))


_LATEST_COMMIT = """
SELECT extract(epoch FROM max(l.received_at))::float8
FROM telemetry_latestvalue l
JOIN devices_channel c ON c.id = l.channel_id
JOIN devices_device d ON d.id = c.device_id
WHERE d.uid = ANY(%s)
"""


def memory_of(pid: int | None, figure: str) -> int:
    """Return the bytes a process holds: VmRSS now, VmHWM at most."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [line] = [line for line in lines if line.startswith(f"{figure}:")]
    return int(line.split()[1]) * 1024


def wait_until(condition: Callable[[], object], seconds: float, reason: str) -> float:
    """Poll until the condition holds; return how long that took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, f"{reason} within {seconds:g} s"
        time.sleep(POLL_SECONDS)
    return time.monotonic() - started
