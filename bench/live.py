"""`./run bench live`: a thousand sockets while values flow, and a hundred that stall."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management import call_command
from numpy.typing import NDArray

from bench.conditions import describe_conditions
from bench.fleet import DatabaseInUse, Fleet, FleetDevice, seed_fleet
from bench.generator import Generator, Load
from bench.live_sockets import Crowd, Stalled
from bench.programs import NotRunning, Platform
from bench.report import percentiles
from bench.resources import take_snapshot
from energy.lib.redis import connect
from tools.web_session import LoginFailed, WebSession

WARM_UP_SECONDS = 5.0
P95_MS = 1000.0
STALLED_MIB = 64.0
CLOSED_SECONDS = 30.0
_STARTED = time.perf_counter()


@dataclass(frozen=True, slots=True)
class StalledResult:
    """What sockets that never read cost, in MiB of the web process, and when they were closed."""

    sockets: int
    mib: float
    closed_after_seconds: float | None


@dataclass(frozen=True, slots=True)
class LiveResult:
    """Ages in ms: from the time in the payload, when it was published, to the frame."""

    conditions: Mapping[str, Any]
    sockets: int
    samples_per_second: float
    ages_ms: NDArray[np.float64]
    with_stalled_ms: NDArray[np.float64]
    frames_per_second: float
    web_core: float
    stalled: StalledResult

    def targets(self) -> list[tuple[str, float, float]]:
        """Return name, value and the most that is allowed."""
        closed = self.stalled.closed_after_seconds
        return [
            ("publish to frame, p95 ms", _p95(self.ages_ms), P95_MS),
            ("the same beside stalled sockets", _p95(self.with_stalled_ms), P95_MS),
            ("memory of stalled sockets, MiB", self.stalled.mib, STALLED_MIB),
            ("all stalled sockets closed, s", closed or float("inf"), CLOSED_SECONDS),
        ]

    def as_json(self) -> dict[str, Any]:
        """Return the figures."""
        return {
            "conditions": dict(self.conditions),
            "sockets": self.sockets,
            "samples_per_s": round(self.samples_per_second),
            "publish_to_frame_ms": percentiles(self.ages_ms),
            "publish_to_frame_beside_stalled_ms": percentiles(self.with_stalled_ms),
            "frames_per_s": round(self.frames_per_second),
            "web_cores": round(self.web_core, 2),
            "stalled": {
                "sockets": self.stalled.sockets,
                "mib": round(self.stalled.mib, 1),
                "closed_after_s": self.stalled.closed_after_seconds,
            },
        }


class LiveBench:
    """The phases, over one seeded fleet."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options

    def run(self) -> LiveResult:
        """Open the sockets, publish, measure; then stall some and measure again."""
        _say("migrate and seed")
        call_command("migrate", verbosity=0, interactive=False)
        fleet = seed_fleet(devices=self.options.devices * 2, points=self.options.points)
        client = connect(os.environ["REDIS_DURABLE_URL"])
        conditions = describe_conditions(os.environ["DATABASE_URL"], client)
        with (
            tempfile.TemporaryDirectory() as logs,
            Platform(Path(logs), with_live=True, workers=1) as platform,
        ):
            session = WebSession(platform.url)
            session.log_in(fleet.viewer_email, fleet.viewer_password)
            generator = Generator(self._load(fleet))
            generator.start()
            try:
                return self._measure(platform, session, _own(fleet), conditions, generator)
            finally:
                generator.stop()

    def _measure(
        self,
        platform: Platform,
        session: WebSession,
        devices: list[FleetDevice],
        conditions: Mapping[str, Any],
        generator: Generator,
    ) -> LiveResult:
        _say(f"open {self.options.sockets} sockets")
        crowd = Crowd(platform.url, session, [str(d.id) for d in devices], self.options.sockets)
        crowd.open()
        time.sleep(WARM_UP_SECONDS)
        _say("measure")
        pid = {"web": platform.pids["web"]}
        sent, before, began = generator.sent, take_snapshot(pid), time.monotonic()
        ages, frames = crowd.watch(self.options.seconds)
        seconds = time.monotonic() - began
        rate = (generator.sent - sent) * self.options.points / seconds
        used = take_snapshot(pid).seconds["web"] - before.seconds["web"]
        _say(f"{self.options.stalled} sockets that never read")
        stalled, beside = self._stall(platform, session, crowd)
        platform.check()
        crowd.close()
        return LiveResult(
            conditions, self.options.sockets, rate, ages, beside, frames / seconds,
            used / seconds, stalled,
        )  # fmt: skip

    def _stall(
        self, platform: Platform, session: WebSession, crowd: Crowd
    ) -> tuple[StalledResult, NDArray[np.float64]]:
        """Return what the stalled cost while all are open, and the ages of the others."""
        pid = platform.pids["web"]
        stalled = Stalled(platform.url, session, self.options.stalled)
        before = stalled.resident_mib(pid)
        stalled.open()
        ages, _ = crowd.watch_while(lambda: stalled.wait_until_closed(pid, platform.url, crowd))
        result = StalledResult(
            self.options.stalled, stalled.peak_mib - before, stalled.closed_after_seconds
        )
        stalled.close()
        return result, ages

    def _load(self, fleet: Fleet) -> Load:
        return Load(
            host=os.environ["MQTT_HOST"],
            port=int(os.environ["MQTT_PORT"]),
            username=os.environ["MQTT_USERNAME"],
            password=os.environ["MQTT_PASSWORD"],
            topics=[device.topic for device in _own(fleet)],
            metrics=fleet.metrics,
            rate=self.options.samples / self.options.points,
            window=10**9,
        )


def _own(fleet: Fleet) -> list[FleetDevice]:
    """Return the devices of the tenant whose viewer signs in."""
    return [device for device in fleet.devices if device.tenant_id == fleet.devices[0].tenant_id]


def _p95(ages: NDArray[np.float64]) -> float:
    return float(np.percentile(ages, 95)) if len(ages) else float("inf")


def _print(result: LiveResult) -> None:
    rows = [
        ("sockets", f"{result.sockets:,}"),
        ("samples published", f"{result.samples_per_second:,.0f}/s"),
        ("publish to frame, ms", str(percentiles(result.ages_ms))),
        ("beside stalled sockets, ms", str(percentiles(result.with_stalled_ms))),
        ("frames", f"{result.frames_per_second:,.0f}/s"),
        ("cores of the web process", f"{result.web_core:.2f}"),
    ]
    for name, value in rows:
        print(f"  {name:<36}{value}")
    print("Targets")
    for name, value, most in result.targets():
        print(f"  {name:<36}{value:,.1f} (at most {most:,.0f}) {_verdict(value, most)}")


def _verdict(value: float, most: float) -> str:
    return "ok" if value <= most else "MISSED"


def _say(line: str) -> None:
    print(f"{time.perf_counter() - _STARTED:5.0f} s  {line}", file=sys.stderr, flush=True)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench live", description=__doc__)
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--stalled", type=int, default=100)
    parser.add_argument("--samples", type=float, default=5000.0, help="a second, of all devices")
    parser.add_argument("--devices", type=int, default=500, help="that publish, at most 500")
    parser.add_argument("--points", type=int, default=10, help="a message")
    parser.add_argument("--seconds", type=float, default=30.0, help="of the measured window")
    parser.add_argument("--quick", action="store_true", help="100 sockets, 10 stalled, 10 s")
    parser.add_argument("--json", type=Path, help="write the figures here, not to the last line")
    options = parser.parse_args(arguments)
    if options.quick:
        options.sockets, options.stalled, options.seconds = 100, 10, 10.0
    if not 1 <= options.devices <= 500:
        parser.error("--devices is 1 to 500: a socket may watch so many")
    return options


def main(arguments: list[str]) -> int:
    """Run the bench; 1 when nothing could be measured or a target is missed."""
    options = _parse(arguments)
    try:
        result = LiveBench(options).run()
    except (DatabaseInUse, NotRunning, LoginFailed, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    _print(result)
    text = json.dumps(result.as_json(), ensure_ascii=False)
    if options.json:
        options.json.write_text(text + "\n")
    else:
        print(f"\n{text}")
    return 0 if all(value <= most for _, value, most in result.targets()) else 1
