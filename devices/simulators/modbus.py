"""`python -m devices.simulators modbus`: meters that answer Modbus, from the register maps."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from devices.builtin_profiles import builtin_profiles
from devices.modbus.maps import RegisterMap, read_map
from devices.simulators.modbus_meter import Load, Meter
from devices.simulators.modbus_server import Bus, Faults, Terminal, Unit, port_of, serve_tcp


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this simulator."""
    parser.add_argument("--profile", default="eastron-sdm630", help="key of a type with a map")
    parser.add_argument("--port", type=int, default=0, help="first port; 0: any")
    parser.add_argument("--buses", type=int, default=1, help="ports, one after the other")
    parser.add_argument("--units", type=int, default=1, help="behind each port, from number 1")
    parser.add_argument("--nominal", type=float, default=8.0, metavar="KW", help="of a meter")
    parser.add_argument("--exports", action="store_true", help="power flows both ways")
    parser.add_argument("--rtu-over-tcp", action="store_true", help="RTU frames on the ports")
    parser.add_argument("--pty", type=Path, metavar="LINK", help="a terminal instead of ports")
    group = parser.add_argument_group("misbehaviour")
    group.add_argument("--late", type=float, default=0.0, metavar="S", help="answers come late")
    group.add_argument("--exception", type=int, default=0, metavar="CODE", help="of every answer")
    group.add_argument("--wrong-unit", action="store_true", help="answers name another unit")
    group.add_argument("--silent", action="store_true", help="takes requests, never answers")
    group.add_argument(
        "--silent-unit", type=int, action="append", default=[], help="is dead; repeatable"
    )
    group.add_argument(
        "--nan", action="append", default=[], metavar="METRIC", help="has no value; repeatable"
    )


def map_of(profile: str) -> RegisterMap:
    """Return the register map of a type of device.

    Raises: KeyError: there is no such type. BadRegisterMap.
    """
    return read_map(builtin_profiles()[profile].register_map)


def make_bus(options: argparse.Namespace, number: int) -> Bus:
    """Return the units behind one port."""
    found = map_of(options.profile)
    units: dict[int, Unit] = {}
    for unit in range(1, options.units + 1):
        seed = number * 251 + unit
        load = Load(seed, options.nominal, exports=options.exports)
        units[unit] = Meter(found, load, serial=f"SIM-{seed}", nan=options.nan)
    bus = Bus(units)
    bus.faults = Faults(
        late_seconds=options.late,
        exception=options.exception,
        wrong_unit=options.wrong_unit,
        is_silent=options.silent,
        silent_units=set(options.silent_unit),
    )
    return bus


def run(options: argparse.Namespace) -> int:
    """Answer until SIGTERM; the ports stand on standard output."""
    asyncio.run(_serve(options))
    return 0


async def _serve(options: argparse.Namespace) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stopping.set)
    if options.pty:
        terminal = Terminal(make_bus(options, 0), options.pty)
        terminal.start()
        _say(f"terminal {options.pty}")
        await stopping.wait()
        terminal.close()
        return
    servers = []
    for number in range(options.buses):
        bus = make_bus(options, number)
        port = options.port + number if options.port else 0
        servers.append(await serve_tcp(bus, port=port, over_tcp=options.rtu_over_tcp))
    _say(f"ports {' '.join(str(port_of(server)) for server in servers)}")
    await stopping.wait()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
