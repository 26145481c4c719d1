"""Daphne and the live reactor as processes of their own, on private servers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import websockets
from redis import Redis

from telemetry.ingest.batch import SAMPLE_DTYPE, StoredBatch, encode_stored
from tools.embedded import Stack
from tools.embedded.ports import Ports, accepts_connections
from tools.embedded.program import Program
from tools.paths import ROOT

SESSIONS = 20
UPDATE_LATEST = """
UPDATE telemetry_latestvalue SET value = %s, time = to_timestamp(%s) WHERE channel_id = %s
"""


class Process:
    """A Python program that can be killed and started again."""

    def __init__(self, *arguments: str, env: Mapping[str, str], log: Path) -> None:
        self._program = Program(arguments[-1], (sys.executable, *arguments), env=env, cwd=ROOT)
        self._process: subprocess.Popen[bytes] | None = None
        self._log = log

    def start(self) -> None:
        """Start it unless it runs."""
        if self._process is None or self._process.poll() is not None:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._program.argv, stdout=log, **self._program.popen_options()
                )

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; return the exit code."""
        assert self._process is not None
        self.send(number)
        return self._process.wait(15)

    def status(self, name: str) -> int:
        """Return a number of /proc/PID/status, such as VmRSS in KiB."""
        assert self._process is not None
        text = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE)[1])  # type: ignore[index]

    def cpu_seconds(self) -> float:
        """Return the processor time it has used."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def output(self) -> str:
        """Return the end of what it has written."""
        return self._log.read_text(errors="replace")[-4000:]


class Site:
    """Two tenants, a web process and a live reactor; tests publish stored batches."""

    def __init__(self, home: Path) -> None:
        self.stack = Stack(home, durable=False, external={"MQTT_HOST": "127.0.0.1"})
        self.port = Ports().take(0)

    def start(self) -> None:
        """Start servers, migrate, seed, start both processes."""
        self.stack.start()
        self.env = {
            **self.stack.env,
            "REDIS_KEY_PREFIX": "",
            "LOG_FORMAT": "console",
            "NO_COLOR": "1",
            "DJANGO_SETTINGS_MODULE": "energy.settings",
            "PUBLIC_URL": self.origin,
        }
        self._run("manage.py", "migrate", "--verbosity", "0")
        sessions = str(SESSIONS + 1)  # one to end
        tenants = json.loads(self._run("-m", "tests.live.seed_site", sessions))
        self.red, self.blue = tenants["red"], tenants["blue"]
        arguments = ("-m", "daphne", "-b", "127.0.0.1", "-p", str(self.port))
        self.web = self._process(
            "web", *arguments, "--websocket_timeout", "-1", "energy.asgi:application"
        )
        self.reactor = self._process("reactor", "manage.py", "run_reactor", "live")
        self.samples = self.redis("DURABLE")
        self.database = psycopg.connect(self.env["DATABASE_URL"], autocommit=True)
        self.start_processes()

    def start_processes(self) -> None:
        """Start what does not run and wait until both are at work."""
        since = time.time()
        beats = self.redis("EPHEMERAL")
        self.web.start()
        self.reactor.start()
        self.wait_for_web()
        while float(beats.hget("heartbeats", "reactor_live:1") or 0) < since:
            assert time.time() < since + 120, self.reactor.output()
            time.sleep(0.05)

    def wait_for_web(self) -> None:
        """Wait until daphne listens."""
        deadline = time.monotonic() + 120
        while not accepts_connections(self.port)():
            assert time.monotonic() < deadline, self.web.output()
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop everything."""
        for process in (self.web, self.reactor):
            with contextlib.suppress(ProcessLookupError):
                process.end(signal.SIGKILL)
        self.stack.stop()

    @property
    def origin(self) -> str:
        """Where our pages come from."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The address of live values."""
        return f"ws://127.0.0.1:{self.port}/ws/v1/live"

    def redis(self, name: str) -> Redis:
        """Return a client of the DURABLE or the EPHEMERAL Redis."""
        return Redis.from_url(self.env[f"REDIS_{name}_URL"], socket_timeout=5)

    def publish(self, values: Mapping[int, float], *, latest: bool = False) -> None:
        """Hand in values by channel key as the ingest worker does, measured now.

        Args: latest: also move the latest values in the database, which snapshots show.
        """
        now_us = time.time_ns() // 1000
        rows = [(channel, now_us, value, 0) for channel, value in sorted(values.items())]
        if latest:
            with self.database.cursor() as cursor:
                moved = [(value, now_us / 1e6, channel) for channel, value in values.items()]
                cursor.executemany(UPDATE_LATEST, moved)
        batch = StoredBatch(np.array(rows, dtype=SAMPLE_DTYPE).tobytes(), b"\1" * len(rows), now_us)
        self.samples.xadd("samples", {b"b": encode_stored(batch)}, maxlen=200, approximate=True)

    def connect(self, tenant: Mapping[str, Any], number: int = 0, **options: Any) -> Any:
        """Return a connection of one of the tenant's members, to be entered or awaited."""
        cookie = tenant["cookies"][number % SESSIONS]
        headers = {"Cookie": f"sessionid={cookie}"}
        options = {"compression": None, "open_timeout": 60, "ping_interval": None} | options
        return websockets.connect(
            self.url, origin=self.origin, additional_headers=headers, **options
        )

    @contextlib.asynccontextmanager
    async def subscribed(
        self, tenant: Mapping[str, Any], number: int = 0, **target: Any
    ) -> AsyncIterator[LiveClient]:
        """Yield a client that has its snapshot."""
        async with self.connect(tenant, number) as socket:
            client = LiveClient(socket)
            await client.say("sub", id="a", **(target or {"tenant": True}))
            await client.hear("snapshot")
            yield client

    def sockets_open(self) -> float:
        """Return how many sockets the web process says it has."""
        with urllib.request.urlopen(f"{self.origin}/metrics", timeout=60) as answer:
            found = re.search(r"^energy_live_sockets (\S+)", answer.read().decode(), re.MULTILINE)
        assert found
        return float(found[1])

    def new_reactor(self, instance: str) -> Process:
        """Return a further copy of the reactor, not started."""
        name = f"reactor-{instance}"
        return self._process(name, "manage.py", "run_reactor", "live", "--instance", instance)

    def _process(self, name: str, *arguments: str) -> Process:
        return Process(*arguments, env=self.env, log=self.stack.log / f"{name}.log")

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            env={**os.environ, **self.env},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout


class LiveClient:
    """Speaks the protocol over a real connection and acknowledges frames."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket

    async def say(self, type_: str, **fields: Any) -> None:
        """Send a message."""
        await self.socket.send(json.dumps({"type": type_, **fields}))

    async def hear(self, *types: str, seconds: float = 60.0) -> dict[str, Any]:
        """Return the next message of one of these types."""
        async with asyncio.timeout(seconds):
            while True:
                message: dict[str, Any] = json.loads(await self.socket.recv())
                if "seq" in message:
                    await self.say("ack", n=message.get("frame", message["seq"]))
                if message["type"] in types:
                    return message

    async def see(self, value: float, *, seconds: float = 60.0) -> dict[str, Any]:
        """Return the first frame with a point of this value."""
        async with asyncio.timeout(seconds):
            while True:
                message = await self.hear("data", "snapshot", seconds=seconds)
                if any(point[3] == value for point in message["points"]):
                    return message
