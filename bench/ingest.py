"""`./run bench ingest`: the path of a reading under load, and what it costs."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import psycopg
from django.core.management import call_command
from numpy.typing import NDArray

from bench.conditions import describe_conditions
from bench.fleet import DatabaseInUse, Fleet, seed_fleet
from bench.generator import Generator, Load
from bench.ledger import audit, make_poison, wait_until_empty
from bench.load import LoadWindow, NothingCommitted, run_load, start_generator
from bench.observer import CommitObserver
from bench.packets import METRICS
from bench.programs import NotRunning, Platform, server_pids
from bench.raw_copy import measure_raw_copy
from bench.report import Result, print_result
from bench.resources import peak_mib
from bench.websocket import NoFrames, Viewer, ages_on_arrival
from energy.lib.redis import connect
from telemetry.ingest.chunk import MAX_MESSAGES
from tools.web_session import LoginFailed, WebSession

RAW_ROWS = 1_000_000
SETTLE_SECONDS = 1.0
_STARTED = time.perf_counter()
_PUBLISHED = """
SELECT (extract(epoch FROM time) * 1000)::bigint FROM telemetry_sample
WHERE channel_id = (SELECT min(id) FROM devices_channel WHERE device_id = %s)
AND time > to_timestamp(%s) AND time <= to_timestamp(%s) ORDER BY 1
"""


class IngestBench:
    """The phases of the bench, over one seeded fleet."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.url = os.environ["DATABASE_URL"]
        self.client = connect(os.environ["REDIS_DURABLE_URL"])
        self.observer = CommitObserver(self.client)
        self.generators: list[Generator] = []

    def run(self) -> Result:
        """Measure everything, in the order in which it must be quiet."""
        _say("migrate and seed")
        call_command("migrate", verbosity=0, interactive=False)
        fleet = seed_fleet(devices=self.options.devices, points=self.options.points)
        conditions = describe_conditions(self.url, self.client)
        _say("raw COPY")
        raw = measure_raw_copy(
            self.url,
            channels=len(fleet.devices) * len(fleet.metrics),
            batch_rows=MAX_MESSAGES * len(fleet.metrics),
            rows=self.options.raw_rows,
            now=dt.datetime.now(dt.UTC),
        )
        with (
            tempfile.TemporaryDirectory() as logs,
            Platform(
                Path(logs),
                with_live=self.options.live,
                workers=self.options.workers,
                listeners=self.options.listeners,
            ) as platform,
        ):
            self.observer.start()
            pids = {**platform.pids, **server_pids()}
            load = self._load(fleet)
            self._prove_and_warm(load, fleet)
            _say("full load")
            full = self._measure(load, pids, self.options.seconds)
            half_rate = self.options.rate or full.messages_per_second / 2
            _say(f"half load, {half_rate:,.0f} messages/s")
            half, shown, unseen = self._measure_half(load, half_rate, platform, fleet, pids)
            platform.check()
            memory = _memory(pids, full, half)
            _say("ledger")
            ledger = audit(self.url, self.client, fleet, self.generators, self.options.points)
            self.observer.stop()
        return Result(conditions, raw, full, half, half_rate, shown, unseen, memory, ledger)

    def _load(self, fleet: Fleet) -> Load:
        return Load(
            host=os.environ["MQTT_HOST"],
            port=int(os.environ["MQTT_PORT"]),
            username=os.environ["MQTT_USERNAME"],
            password=os.environ["MQTT_PASSWORD"],
            topics=fleet.topics,
            metrics=fleet.metrics,
            window=self.options.window,
        )

    def _prove_and_warm(self, load: Load, fleet: Fleet) -> None:
        """Publish a bounded number of messages, a thousandth of them poison."""
        _say("readings with poison among them")
        count = self.options.ledger_messages
        poison = make_poison(fleet, max(5, count // 1000))
        generator = start_generator(
            replace(load, limit=count, poison=poison), self.observer, self.options.points
        )
        self.generators.append(generator)
        generator.wait()
        self._settle()

    def _settle(self) -> None:
        """Wait until all is stored; the listener may still hold what the broker has."""
        expected = sum(generator.sent for generator in self.generators) * self.options.points
        deadline = time.monotonic() + 60
        while self.observer.rows < expected and time.monotonic() < deadline:
            time.sleep(0.05)
        wait_until_empty(self.client)
        self._checkpoint()
        time.sleep(SETTLE_SECONDS)

    def _checkpoint(self) -> None:
        """Recycle the log of the phase before, so that no window pays for it.

        Which phase the next checkpoint falls into would be chance; its cost is 0.3 to 0.5 s
        of late commits, once per `max_wal_size`.
        """
        with (
            suppress(psycopg.errors.InsufficientPrivilege),
            psycopg.connect(self.url, autocommit=True) as connection,
        ):
            connection.execute("CHECKPOINT")

    def _measure(self, load: Load, pids: Mapping[str, int], seconds: float) -> LoadWindow:
        window, generator = run_load(
            load,
            seconds=seconds,
            points=self.options.points,
            observer=self.observer,
            client=self.client,
            pids=pids,
        )
        self.generators.append(generator)
        self._settle()
        return window

    def _measure_half(
        self, load: Load, rate: float, platform: Platform, fleet: Fleet, pids: Mapping[str, int]
    ) -> tuple[LoadWindow, NDArray[np.float64], int]:
        """Return the window, the ages of readings on the screen, and how many never came."""
        paced = replace(load, rate=rate, window=10**9, seed=1)
        viewer = _open_viewer(platform, fleet) if self.options.live else None
        window = self._measure(paced, pids, self.options.seconds)
        if viewer is None:
            return window, np.empty(0), 0
        viewer.stop()
        published = _published_ms(self.url, fleet, window)
        ages = ages_on_arrival(viewer.arrivals, published)
        return window, ages, len(published) - len(ages)


def _open_viewer(platform: Platform, fleet: Fleet) -> Viewer | None:
    session = WebSession(platform.url)
    try:
        session.log_in(fleet.viewer_email, fleet.viewer_password)
        viewer = Viewer(platform.url, session, fleet.devices[0].id)
        viewer.start()
    except (LoginFailed, NoFrames, OSError) as error:
        _say(f"no WebSocket, its latency is not measured: {error}")
        return None
    return viewer


def _published_ms(url: str, fleet: Fleet, window: LoadWindow) -> list[int]:
    """Return the publication times of the watched device in the window."""
    span = [window.start_ms / 1000, window.end_ms / 1000]
    with psycopg.connect(url) as connection:
        rows = connection.execute(_PUBLISHED, [fleet.devices[0].id, *span]).fetchall()
    return [row[0] for row in rows]


def _memory(pids: Mapping[str, int], *windows: LoadWindow) -> dict[str, float]:
    """Return the peak MiB of each process; for PostgreSQL of its largest, without shared."""
    sizes = {name: peak_mib(pid) for name, pid in pids.items() if name != "postgres"}
    if "postgres" in pids:
        sizes["postgres"] = max(window.postgres_mib for window in windows)
    return sizes


def _say(line: str) -> None:
    print(f"{time.perf_counter() - _STARTED:5.0f} s  {line}", file=sys.stderr, flush=True)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench ingest", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measured window")
    parser.add_argument("--devices", type=int, default=1_000)
    parser.add_argument("--points", type=int, default=10, help=f"a message, 1 to {len(METRICS)}")
    parser.add_argument("--rate", type=float, help="messages/s at half load, if not half")
    parser.add_argument("--window", type=int, default=24_000, help="messages not yet committed")
    parser.add_argument("--workers", type=int, default=1, help="copies of the ingest worker")
    parser.add_argument("--listeners", type=int, default=1, help="that share the subscription")
    parser.add_argument("--raw-rows", type=int, default=RAW_ROWS)
    parser.add_argument("--ledger-messages", type=int, default=20_000)
    parser.add_argument("--json", type=Path, help="write the figures here, not to the last line")
    parser.add_argument(
        "--no-live", dest="live", action="store_false", help="without reactor and web server"
    )
    parser.add_argument("--quick", action="store_true", help="windows of 5 s")
    options = parser.parse_args(arguments)
    if options.quick:
        options.seconds = min(options.seconds, 5.0)
    if not 1 <= options.points <= len(METRICS):
        parser.error(f"--points is 1 to {len(METRICS)}")
    return options


def main(arguments: list[str]) -> int:
    """Run the bench; 1 when a message is unaccounted for or nothing could be measured."""
    options = _parse(arguments)
    try:
        result = IngestBench(options).run()
    except (DatabaseInUse, NotRunning, NothingCommitted) as error:
        print(error, file=sys.stderr)
        return 1
    print_result(result)
    text = json.dumps(result.as_json(), ensure_ascii=False)
    if options.json:
        options.json.write_text(text + "\n")
    else:
        print(f"\n{text}")
    return 0 if result.ledger.is_balanced else 1
