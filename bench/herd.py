"""`./run bench herd`: thousands of devices come back at once, each with its own certificate."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from django.core.management import call_command

from bench.conditions import describe_conditions
from bench.fleet import DatabaseInUse
from bench.herd_clients import Herd, HerdProcess, Member, Rush
from bench.herd_fleet import issue_all, seed_herd, write_accounts
from bench.ledger import wait_until_empty
from bench.programs import NotRunning, Platform
from energy.lib.redis import connect
from tools.embedded import NotReady, Stack
from tools.web_session import LoginFailed, WebSession

ONLINE_SECONDS = 30.0
API_P95_MS = 1000.0
PATIENCE_SECONDS = 180.0
POLL_SECONDS = 0.1
AWAY_SECONDS = 3.0
STATISTICS_SECONDS = 2.0  # PostgreSQL counts that late
_GIVEN = ("DATABASE_URL", "REDIS_DURABLE_URL", "REDIS_EPHEMERAL_URL")

_ONLINE = """
SELECT count(*) FROM devices_device
WHERE offline_since IS NULL AND reported_status = 'online' AND reported_status_at >= %s
"""
_STORED = "SELECT count(*) FROM telemetry_sample WHERE value >= %s AND value < %s"
_WRITES = "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'devices_device'"
_COMMITS = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"


class Asker(threading.Thread):
    """Asks the API for a page of devices, over and over, as a browser would."""

    def __init__(self, session: WebSession) -> None:
        super().__init__(daemon=True)
        self._session = session
        self._stopping = threading.Event()
        self.milliseconds: list[float] = []
        self.failures = 0

    def run(self) -> None:
        """Ask until stopped."""
        while not self._stopping.wait(0.1):
            began = time.perf_counter()
            try:
                self._session.get_json("/api/v1/devices")
            except OSError:
                self.failures += 1
            self.milliseconds.append((time.perf_counter() - began) * 1000)

    def stop(self) -> None:
        """Ask no more."""
        self._stopping.set()
        self.join(30)


class HerdBench:
    """Seeds, lets the herd come once in peace, cuts every connection, lets it come again."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.url = os.environ["DATABASE_URL"]
        self.client = connect(os.environ["REDIS_DURABLE_URL"])

    def run(self) -> dict[str, Any]:
        """Measure; the figures are of the second coming."""
        conditions = describe_conditions(self.url, self.client)
        call_command("migrate", verbosity=0, interactive=False)
        now = dt.datetime.now(dt.UTC)
        devices, viewer, password = seed_herd(count=self.options.devices, now=now)
        with tempfile.TemporaryDirectory() as text:
            folder = Path(text)
            stack = Stack(folder / "broker", external={name: os.environ[name] for name in _GIVEN})
            began = time.perf_counter()
            ca_file = Path(stack.env["MQTT_CA_FILE"])
            members = issue_all(devices, folder=folder, ca_file=ca_file, now=now)
            issued = time.perf_counter() - began
            write_accounts(devices, stack)
            _say(f"{len(devices)} certificates in {issued:.1f} s")
            os.environ.update(stack.env)
            with stack, Platform(folder, with_live=True, workers=1) as platform:
                session = WebSession(platform.url)
                session.log_in(viewer.email, password)
                figures = self._rush(self._herd(members, stack), session, len(devices))
                platform.check()
        return {"conditions": conditions, "issue_seconds": issued, **figures}

    def _herd(self, members: Sequence[Member], stack: Stack) -> HerdProcess:
        return HerdProcess(
            Herd(
                stack.env["MQTT_EXTERNAL_HOST"],
                int(stack.env["MQTT_EXTERNAL_PORT"]),
                stack.env["MQTT_CA_FILE"],
                members,
                self.options.concurrency,
            )
        )

    def _rush(self, herd: HerdProcess, session: WebSession, count: int) -> dict[str, Any]:
        try:
            _say("the first coming")
            self._come(herd, round_number=1, count=count)
            _say("every connection is cut")
            herd.drop()
            time.sleep(AWAY_SECONDS)
            wait_until_empty(self.client)
            asker = Asker(session)
            asker.start()
            before = self._counts()
            rush, online = self._come(herd, round_number=2, count=count)
            asker.stop()
            time.sleep(STATISTICS_SECONDS)
            after = self._counts()
            wait_until_empty(self.client)
        finally:
            herd.close()
        stored = self._ask(_STORED, 2000, 2000 + self.options.readings)
        return _figures(rush, online, asker, before, after, count, self.options.readings, stored)

    def _come(self, herd: HerdProcess, *, round_number: int, count: int) -> tuple[Rush, float]:
        """Let all connect; return what they saw, and when the platform showed all online."""
        since = dt.datetime.now(dt.UTC)
        began = time.perf_counter()
        herd.begin(round_number=round_number, readings=self.options.readings)
        _wait(lambda: self._ask(_ONLINE, since) >= count, "all online")
        online = time.perf_counter() - began
        return herd.result(), online

    def _counts(self) -> dict[str, int]:
        return {"updates": self._ask(_WRITES), "commits": self._ask(_COMMITS)}

    def _ask(self, query: str, *values: Any) -> int:
        with psycopg.connect(self.url, autocommit=True) as connection:
            row = connection.execute(query, values).fetchone()
        return int(row[0]) if row else 0


def _figures(
    rush: Rush, online: float, asker: Asker, before: Mapping[str, int],
    after: Mapping[str, int], count: int, readings: int, stored: int,
) -> dict[str, Any]:  # fmt: skip
    milliseconds = asker.milliseconds or [0.0]
    return {
        "devices": count,
        "online_seconds": round(online, 2),
        "accepted_seconds": _spread(rush.accepted),
        "acknowledged_seconds": _spread(rush.acknowledged),
        "attempts": rush.attempts,
        "failures": rush.failures,
        "readings": count * readings,
        "stored": stored,
        "lost": count * readings - stored,
        "api_requests": len(milliseconds),
        "api_failures": asker.failures,
        "api_p95_ms": round(float(np.percentile(milliseconds, 95)), 1),
        "device_row_updates": after["updates"] - before["updates"],
        "transactions": after["commits"] - before["commits"],
    }


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    values = np.percentile(list(seconds) or [0.0], [50, 95, 100])
    return dict(zip(("p50", "p95", "max"), np.round(values, 2).tolist(), strict=True))


def is_kept(figures: Mapping[str, Any]) -> bool:
    """Tell whether everything that is promised was kept."""
    return bool(
        figures["online_seconds"] <= ONLINE_SECONDS
        and figures["lost"] == 0
        and figures["api_failures"] == 0
        and figures["api_p95_ms"] <= API_P95_MS
    )


def _print(figures: Mapping[str, Any]) -> None:
    rows = [
        ("devices online again", f"{figures['online_seconds']} s", f"<= {ONLINE_SECONDS:.0f} s"),
        ("accepted by the broker", f"{figures['accepted_seconds']['max']} s", ""),
        ("all acknowledged", f"{figures['acknowledged_seconds']['max']} s", ""),
        ("attempts, failed", f"{figures['attempts']}, {sum(figures['failures'].values())}", ""),
        ("readings lost", f"{figures['lost']} of {figures['readings']}", "0"),
        ("API p95", f"{figures['api_p95_ms']} ms", f"<= {API_P95_MS:.0f} ms"),
        ("API requests, failed", f"{figures['api_requests']}, {figures['api_failures']}", "0"),
        ("updates of device rows", f"{figures['device_row_updates']}", ""),
        ("transactions", f"{figures['transactions']}", ""),
    ]
    print(f"\n{figures['devices']:,} devices with P-256 certificates\n")
    for name, value, target in rows:
        print(f"{name:<28}{value:>18}   {target}")


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise NotRunning(f"{what}: not within {PATIENCE_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)


def _say(what: str) -> None:
    print(f"  {what} …", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 1 when a promise was not kept."""
    parser = argparse.ArgumentParser(prog="./run bench herd", description=__doc__)
    parser.add_argument("--devices", type=int, default=5000)
    parser.add_argument("--readings", type=int, default=2, help="kept by each device meanwhile")
    parser.add_argument("--concurrency", type=int, default=500, help="handshakes at once; 0: all")
    parser.add_argument("--json", metavar="FILE", help="figures as JSON into a file")
    options = parser.parse_args(arguments)
    try:
        figures = HerdBench(options).run()
    except (DatabaseInUse, NotRunning, NotReady, LoginFailed) as error:
        print(error, file=sys.stderr)
        return 2
    _print(figures)
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=1) + "\n")
    return 0 if is_kept(figures) else 1
