"""`python -m devices.simulators evse`: a charging point as a program of its own."""

from __future__ import annotations

import argparse
import logging
import select
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from devices.simulators.evse import PROTOCOLS, Evse, Setup
from devices.simulators.evse_wire import PtyWire, TcpWire, Wire

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    line = parser.add_mutually_exclusive_group(required=True)
    line.add_argument("--link", type=Path, help="name of a pseudo terminal to make")
    line.add_argument("--tcp", type=int, metavar="PORT", help="serve the line on this port")
    parser.add_argument("--protocol", choices=sorted(PROTOCOLS), default="v1")
    parser.add_argument("--seed", type=int, default=0, help="of everything left to chance")
    parser.add_argument("--speed", type=float, default=1.0, help="seconds in one of the clock")
    parser.add_argument("--phases", type=int, choices=(1, 3), default=3)
    parser.add_argument(
        "--faults", default="", help="such as split=0.5,noise=0.1,lose=0.1,twice=0.1,swap=0.1"
    )
    parser.add_argument("--script", default="", help="what happens, such as 'plug; wait 60; full'")
    parser.add_argument("--repeat", action="store_true", help="begin the script again at its end")
    parser.add_argument("--control", type=Path, help="file to whose end words are added")
    parser.add_argument("--state", type=Path, help="file in which the meter is kept")
    parser.add_argument(
        "--meter-port", type=int, help="serve the meter over Modbus TCP on this port"
    )


def main(options: argparse.Namespace, stopping: threading.Event) -> int:
    """Run until stopped."""
    evse = Evse(setup_of(options))
    for fault in filter(None, options.faults.split(",")):
        evse.tell("set " + fault.replace("=", " "))
    if options.meter_port is not None:
        logger.info("Meter on port %d", evse.serve_meter(options.meter_port))
    threading.Thread(target=_listen, args=(evse,), daemon=True).start()
    threading.Thread(target=_stop_with, args=(evse, stopping), daemon=True).start()
    logger.info("Line on %s", options.link or options.tcp)
    evse.run()
    return 0


def setup_of(options: argparse.Namespace) -> Setup:
    """Return what a charging point is made with."""
    return Setup(
        open_wire=wire_at(options.link, options.tcp),
        protocol=options.protocol,
        speed=options.speed,
        seed=options.seed,
        phases=options.phases,
        script=options.script,
        repeats=options.repeat,
        state_file=options.state,
        control_file=options.control,
    )


def wire_at(link: Path | None, tcp_port: int) -> Callable[[], Wire]:
    """Return how the line is opened: a pseudo terminal of that name, or a server."""
    return (lambda: PtyWire(link)) if link is not None else (lambda: TcpWire(tcp_port))


def _stop_with(evse: Evse, stopping: threading.Event) -> None:
    stopping.wait()
    evse.stop()


def _listen(evse: Evse) -> None:
    """Obey lines of standard input until it ends."""
    while not evse.is_stopped:
        ready, _, _ = select.select([sys.stdin], [], [], 0.2)
        if ready:
            line = sys.stdin.readline()
            if not line:
                return
            evse.tell(line)
