"""The embedded servers for code without an event loop: tests, bench, checks."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.embedded.ports import Choice
from tools.embedded.program import Program, process_tree, signal_tree
from tools.embedded.servers import Timescale, prepare_servers
from tools.embedded.state import throwaway_home

START_ATTEMPTS = 5


class NotReady(RuntimeError):
    """A server ended or did not answer in time; the message ends with its last output."""


class Stack:
    """PostgreSQL, Redis twice and mosquitto of one's own, on ports of one's own.

    Server names: "postgres", "redis_durable", "redis_ephemeral", "mosquitto".

        with Stack(tmp_path, durable=True) as stack:
            subprocess.run(argv, env={**os.environ, **stack.env})
            stack.kill("redis_durable")
            stack.restart("redis_durable")

    Args:
        state: folder for data, secrets, certificates and logs; made if missing. A second
            Stack on the same folder, after the first has stopped, finds the data again.
            As root the servers run as nobody, with their data below /var/lib.
        durable: False trades crash safety of PostgreSQL for speed. Redis and mosquitto
            are the same in both.
        ports: "free" takes random free ports, "usual" 5432, 6379, 6380, 1883, 8883 where
            those are free. A server keeps its port over `restart`.
        external: variables of servers that exist elsewhere, such as `os.environ`; a server
            whose DATABASE_URL, REDIS_DURABLE_URL, REDIS_EPHEMERAL_URL or MQTT_HOST is in
            there is not started. Empty by default: the caller's environment is ignored.
        timescale: "beside": one more server, "timescale", whose URL is
            TIMESCALE_DATABASE_URL, if the machine has one or apt offers it; "instead": the
            server "postgres" is that one.

    Use it from the main thread: the kernel stops the servers when the thread that
    started them ends. They do not outlive a killed Python process.

    Attributes, from `start` on:
        env: ENVIRONMENT, SECRET_KEY, DATABASE_URL, REDIS_DURABLE_URL, REDIS_EPHEMERAL_URL,
            MQTT_HOST, MQTT_PORT, MQTT_USERNAME, MQTT_PASSWORD, MQTT_TLS, MQTT_CA_FILE,
            MQTT_EXTERNAL_HOST, MQTT_EXTERNAL_PORT, MQTT_EXTERNAL_TLS.
        authority: the CA whose client certificates the TLS listener accepts.
        log: folder with one log file per server.
    """

    def __init__(
        self,
        state: Path,
        *,
        durable: bool = True,
        ports: Choice = "free",
        external: Mapping[str, str] | None = None,
        timescale: Timescale = "no",
    ) -> None:
        self._servers = prepare_servers(
            state,
            durable=durable,
            ports=ports,
            external=external or {},
            now=dt.datetime.now(dt.UTC),
            timescale=timescale,
        )
        self.env: dict[str, str] = self._servers.env
        self.authority = self._servers.authority
        self.log = self._servers.state.log
        self._programs = {program.name: program for program in self._servers.programs}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Stack:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start what is not running, all at once, and wait until each is ready.

        Raises: NotReady: one is not; all are stopped again.
        """
        try:
            absent = [name for name in self._programs if self.pid(name) is None]
            for name in absent:
                self._spawn(name)
            for name in absent:
                self._wait_until_ready(name)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything in reverse order of start; the data stays."""
        for name in reversed(self._programs):
            self.stop_one(name)

    def stop_one(self, name: str) -> None:
        """Ask a server to stop and wait; after its grace time kill it. Idempotent."""
        process = self._running.pop(name, None)
        if process is None or process.poll() is not None:
            return
        signal_tree(process.pid, signal.SIGCONT)
        process.send_signal(self._programs[name].stop_signal)
        try:
            process.wait(self._programs[name].grace_seconds)
        except subprocess.TimeoutExpired:
            signal_tree(process.pid, signal.SIGKILL)
            process.wait()

    def pid(self, name: str) -> int | None:
        """Return the main process of a server; None if it does not run."""
        process = self._running.get(name)
        return process.pid if process and process.poll() is None else None

    def folder(self, name: str) -> Path:
        """Return a folder of a server's own, made if missing."""
        return self._servers.state.server_folder(name)

    def kill(self, name: str) -> None:
        """Kill a server with SIGKILL, as a crash would: main process, then its children.

        Returns when all are gone. It stays down until `restart`.
        """
        process = self._running.pop(name)
        tree = process_tree(process.pid)
        for member in tree:
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + 5
        while any(map(_is_alive, tree)) and time.monotonic() < deadline:
            time.sleep(0.005)

    def restart(self, name: str) -> None:
        """Stop a server if it runs, start it and wait until it is ready, recovery included.

        Raises: NotReady.
        """
        self.stop_one(name)
        self._spawn(name)
        self._wait_until_ready(name)

    def freeze(self, name: str) -> None:
        """Stop a server and its children with SIGSTOP: connections hang, none breaks."""
        signal_tree(self._running[name].pid, signal.SIGSTOP)

    def cont(self, name: str) -> None:
        """Let a frozen server go on."""
        signal_tree(self._running[name].pid, signal.SIGCONT)

    def _spawn(self, name: str) -> None:
        program = self._programs[name]
        with self._log_file(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                program.argv, stdout=log, **program.popen_options()
            )

    def _wait_until_ready(self, name: str) -> None:
        """An early end is tried again: a server killed before may not be quite gone."""
        program = self._programs[name]
        deadline = time.monotonic() + program.ready_seconds
        attempts = 1
        while program.ready and not program.ready():
            process = self._running[name]
            if process.poll() is not None:
                if attempts == START_ATTEMPTS:
                    raise self._not_ready(program, f"ended with exit code {process.returncode}")
                attempts += 1
                time.sleep(0.3)
                self._spawn(name)
            if time.monotonic() > deadline:
                raise self._not_ready(program, f"not ready after {program.ready_seconds:.0f} s")
            time.sleep(0.01)

    def _not_ready(self, program: Program, reason: str) -> NotReady:
        tail = self._log_file(program.name).read_text(errors="replace")[-1500:]
        return NotReady(f"{program.name}: {reason}\n{tail}")

    def _log_file(self, name: str) -> Path:
        return self.log / f"{name}.log"


def _is_alive(pid: int) -> bool:
    """Zombies count as gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextlib.contextmanager
def throwaway_stack(
    purpose: str,
    *,
    durable: bool,
    external: Mapping[str, str] | None = None,
    timescale: Timescale = "no",
) -> Iterator[Stack]:
    """Yield a running Stack on free ports; stop it and delete its state afterwards."""
    with (
        throwaway_home(purpose) as home,
        Stack(home, durable=durable, external=external, timescale=timescale) as stack,
    ):
        yield stack
