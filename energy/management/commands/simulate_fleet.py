"""Play the gateways and devices of the demo over real MQTT."""

from __future__ import annotations

import logging
import re
import time
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from devices.demo.extra import add_extra_meters
from devices.demo.passwords import read_demo_file
from devices.wires.publisher import BrokerEndpoint
from devices.wires.simulated_fleet import FleetOptions, SimulatedFleet
from energy.lib.process import ProcessCommand

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 3.0
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def duration_seconds(text: str) -> float:
    """Read a duration such as 90s, 30m, 24h or 7d; a bare number is seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if not match:
        raise ArgumentTypeError(f"{text!r} is no duration; write 90s, 30m, 24h or 7d.")
    return float(match[1]) * _UNITS[match[2] or "s"]


class Command(ProcessCommand):
    """Publish live values of every demo device, and beside them the history they lack."""

    help = "Simulate the gateways and devices of a demo file over MQTT, with their credentials."
    process_name = "simulate_fleet"
    fleet: SimulatedFleet | None = None

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the flags of this command."""
        super().add_arguments(parser)
        parser.add_argument("--from", dest="demo_file", required=True, help="The demo file.")
        parser.add_argument("--interval", type=duration_seconds, default=5.0, help="Default 5s.")
        parser.add_argument(
            "--history",
            type=duration_seconds,
            default=86_400.0,
            help="How far back to fill what was never sent; default 24h, 0 for nothing.",
        )
        parser.add_argument("--history-rate", type=float, default=60.0,
                            help="History messages per second; 0 for no limit.")  # fmt: skip
        parser.add_argument("--count", type=int, default=0, help="Extra meters to add.")
        parser.add_argument("--seed", type=int, default=1, help="Another seed, other values.")
        parser.add_argument("--state", help="Default: sim_state.json beside the demo file.")
        parser.add_argument("--tls", action="store_true", help="Use certificates, not passwords.")

    def open(self, **options: Any) -> None:
        """Connect every client and find out which history is missing."""
        path = Path(options["demo_file"])
        demo = read_demo_file(path)
        if not demo.get("gateways"):
            raise CommandError(f"{path} names no gateways. Run: manage.py seed_demo --out {path}")
        if options["count"]:
            demo = add_extra_meters(demo, count=options["count"])
        self.fleet = SimulatedFleet(
            demo,
            FleetOptions(
                endpoint=_endpoint(demo, tls=options["tls"]),
                state_file=Path(options["state"] or path.with_name("sim_state.json")),
                interval_seconds=options["interval"],
                history_seconds=options["history"],
                history_rate=options["history_rate"],
                seed=options["seed"],
            ),
            now=time.time(),
        )
        self._wait_for_broker(self.fleet)

    def _wait_for_broker(self, fleet: SimulatedFleet) -> None:
        """Give the connections a moment, so that the first values are not sent late."""
        deadline = time.monotonic() + CONNECT_SECONDS
        while not fleet.is_connected() and not self.stopping.wait(0.05):
            if time.monotonic() > deadline:
                logger.warning("Not every client is connected yet; they go on trying")
                return

    def work(self) -> bool:
        """Publish when a tick is due."""
        if self.fleet is None:
            return False
        self.idle_seconds = self.fleet.tick(now=time.time())
        return False

    def close(self) -> None:
        """Let the broker take what is queued, remember the counters, say offline."""
        if self.fleet is not None:
            self.fleet.close(deadline=time.monotonic() + 5.0)


def _endpoint(demo: dict[str, Any], *, tls: bool) -> BrokerEndpoint:
    mqtt = demo.get("mqtt")
    if not mqtt:
        raise CommandError('The file has no "mqtt" section with host, port, tls_port and ca_file.')
    if not tls:
        return BrokerEndpoint(mqtt["host"], mqtt["port"])
    if not all(gateway["cert_file"] for gateway in demo["gateways"]):
        raise CommandError("The gateways have no certificates; start without --tls.")
    return BrokerEndpoint(mqtt["host"], mqtt["tls_port"], mqtt["ca_file"])
