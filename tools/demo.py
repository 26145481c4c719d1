"""`./run demo`: everything on this machine, by one command."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from devices.simulators.image import make_vendor_key
from devices.simulators.label import ADDRESS_FILE
from tools.banner import banner
from tools.demo_file import addresses, merge_demo, read_demo
from tools.demo_lines import Lines
from tools.demo_programs import (
    background_programs,
    boxes_program,
    core_programs,
    database_program,
    fleet_program,
    web_variables,
)
from tools.embedded.ports import Choice
from tools.embedded.servers import VARIABLE_OF, prepare_servers
from tools.embedded.state import State
from tools.embedded.supervisor import StartFailed, Supervisor
from tools.lock_file import AlreadyRuns, demo_lock
from tools.open_files import allow_many_open_files
from tools.paths import VAR
from tools.prepared import fingerprint
from tools.terminal import paint, say

HISTORY_DAYS = 430  # the whole last month has the same one a year before


class Demo:
    """Embedded servers plus the platform's programs, under one supervisor."""

    def __init__(
        self,
        home: Path,
        *,
        ports: Choice,
        external: Mapping[str, str],
        verbose: bool,
        history_days: int = HISTORY_DAYS,
    ) -> None:
        now = dt.datetime.now(dt.UTC)
        self._servers = prepare_servers(home, durable=True, ports=ports, external=external, now=now)
        self.web_port = self._servers.ports.take(8000)
        self.env = {
            **self._servers.env,
            **web_variables(self.web_port),
            "EMAIL_URL": _mail_folder(home),
        }
        self._lines = Lines.at(home, self._servers.ports)
        self.env |= self._lines.variables()
        self.file = home / "demo.json"
        self.boxes = home / "boxes"
        # images signed with it count for every tenant, and the boxes were made with it
        self.env["FIRMWARE_KEYS"] = f"demo:{make_vendor_key(self.boxes)}"
        (self.boxes / ADDRESS_FILE).unlink(missing_ok=True)  # of an earlier run
        self._history_days = history_days
        self._seeded = False
        logs = self._servers.state.log
        self.supervisor = Supervisor(logs, verbose=verbose, on_change=self._write_pids)

    async def start(self, *, with_fleet: bool) -> None:
        """Start servers, migrate and seed, start the programs. Raises: StartFailed."""
        with _timed("servers"):
            await self.supervisor.start(*self._servers.programs)
        merge_demo(self.file, addresses(self.env))
        await self._prepare_database()
        self._seeded = True
        with _timed("platform"):
            await self.supervisor.start(
                *core_programs(self.env, self.web_port), boxes_program(self.env, self.boxes)
            )
        await self.supervisor.start(*background_programs(self.env))
        await self.supervisor.start(*self._lines.programs(self.env))
        if with_fleet:
            await self.supervisor.start(fleet_program(self.env, self.file))

    async def _prepare_database(self) -> None:
        """Migrate and seed unless the same code did it before in these very servers."""
        stamp = self._servers.state.servers / "prepared"  # goes with the data
        wanted = f"{fingerprint()} {self.env['DEMO_LINES']}"
        is_own = self._own_servers() == VARIABLE_OF.keys()
        if is_own and stamp.exists() and stamp.read_text() == wanted and self._has_users():
            return
        with _timed("database"):
            # another broker has another authority
            folder = self._servers.authority.folder if "mosquitto" in self._own_servers() else None
            program = database_program(self.env, self.file, folder, history_days=self._history_days)
            await self.supervisor.run(program)
        stamp.write_text(wanted)

    def _own_servers(self) -> set[str]:
        return {program.name for program in self._servers.programs}

    def _has_users(self) -> bool:
        return bool(read_demo(self.file).get("users"))

    async def stop(self) -> None:
        """Stop everything in reverse order."""
        await self.supervisor.stop()
        self._write_pids()

    def _write_pids(self) -> None:
        if self._seeded:  # until then the file belongs to seed_demo
            merge_demo(self.file, {"pids": self.supervisor.pids()})


def _mail_folder(home: Path) -> str:
    """Make the folder of sent mails; return it as Django's mail backend is told."""
    folder = home / "mail"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return f"filemail:///{folder.resolve()}"  # with the slash of the path, four


@contextlib.contextmanager
def _timed(what: str) -> Iterator[None]:
    """Tell when a stage of the start is done, so that nobody waits in the dark."""
    began = time.monotonic()
    yield
    say(f"{what} ready ({time.monotonic() - began:.1f} s)")


async def run_until_signal(demo: Demo, started: float) -> int:
    """Run the demo until Ctrl-C or SIGTERM; return the exit code."""
    stopping = asyncio.Event()
    stop_on_signals(stopping, demo.supervisor)
    starting = asyncio.create_task(demo.start(with_fleet=True))
    waiting = asyncio.create_task(stopping.wait())
    code = 0
    try:
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            seconds = time.monotonic() - started
            box = (demo.boxes / ADDRESS_FILE).read_text().strip()
            say(banner(read_demo(demo.file), seconds=seconds, box=box))
            await waiting
    except StartFailed as error:
        say(paint(str(error), "31"))
        code = 1
    finally:
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError, StartFailed):
            await starting
        began = time.monotonic()
        say("stopping … (Ctrl-C again: at once)")
        await demo.stop()
        say(f"stopped in {time.monotonic() - began:.1f} s")
    return code


def stop_on_signals(stopping: asyncio.Event, supervisor: Supervisor) -> None:
    """First signal: stop in order. Second: kill."""

    def on_signal() -> None:
        if stopping.is_set():
            supervisor.kill()
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)


def reset() -> None:
    """Delete what the demo of this checkout ever wrote; downloads stay."""
    State(VAR).remove()
    for name in ("demo.json", "sim_state.json"):
        (VAR / name).unlink(missing_ok=True)
    shutil.rmtree(VAR / "boxes", ignore_errors=True)


def parse_arguments() -> argparse.Namespace:
    """Return the options of `./run demo`."""
    parser = argparse.ArgumentParser(prog="./run demo", description=__doc__)
    parser.add_argument("--reset", action="store_true", help="delete the demo's data first")
    parser.add_argument("--verbose", action="store_true", help="show all output of all programs")
    parser.add_argument(
        "--check",
        action="store_true",
        help="start a second, empty demo, follow one reading from MQTT to the browser, "
        "claim a box and revoke it, stop",
    )
    return parser.parse_args()


def main() -> int:
    """Run the demo or its check; return the exit code."""
    started = time.monotonic()
    options = parse_arguments()
    allow_many_open_files()
    if options.check:
        from tools.demo_check import run_check

        return run_check(verbose=options.verbose)
    try:
        with demo_lock():
            if options.reset:
                reset()
            demo = Demo(VAR, ports="usual", external=os.environ, verbose=options.verbose)
            return asyncio.run(run_until_signal(demo, started))
    except (AlreadyRuns, RuntimeError) as error:
        say(paint(str(error), "31"))
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
