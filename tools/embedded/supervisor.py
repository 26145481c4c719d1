"""Keeps programs running: starts, restarts with backoff, stops in reverse order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path

from tools.embedded.program import Program, signal_tree
from tools.logs import COLOURS, ProgramLog
from tools.terminal import paint, say

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
# A program that ran this long was well; its next failure starts at the first delay.
HEALTHY_SECONDS = 60.0
SLOW_STOP_SECONDS = 3.0
START_ATTEMPTS = 3
PROBE_SECONDS = 0.1


class StartFailed(RuntimeError):
    """A program ended or was not ready in time; the message says why and where to look."""


def next_delay(delay_seconds: float, *, ran_seconds: float) -> float:
    """Return how long to wait before the restart after the one that waited `delay_seconds`."""
    if ran_seconds >= HEALTHY_SECONDS:
        return FIRST_DELAY_SECONDS
    return min(delay_seconds * 2, LONGEST_DELAY_SECONDS)


class SupervisedProgram:
    """One program and the task that keeps it running."""

    def __init__(self, program: Program, log: ProgramLog, on_change: Callable[[], None]) -> None:
        self.program = program
        self.log = log
        self.failures = 0
        self.process: Process | None = None
        self._on_change = on_change
        self._stopping = asyncio.Event()
        self.task = asyncio.create_task(self._keep_running())

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        running = self.process is not None and self.process.returncode is None
        return self.process.pid if self.process and running else None

    async def wait_until_ready(self) -> None:
        """Raises: StartFailed: it ended three times, or was not ready in time."""
        program = self.program
        deadline = asyncio.get_running_loop().time() + program.ready_seconds
        while not await self._is_ready():
            if self.failures >= START_ATTEMPTS:
                raise StartFailed(f"{program.name} {self._last_end()}")
            if asyncio.get_running_loop().time() > deadline:
                reason = f"not ready after {program.ready_seconds:.0f} s"
                raise StartFailed(f"{program.name} {reason}; its output is in {self.log.path}")
            await asyncio.sleep(PROBE_SECONDS)

    async def _is_ready(self) -> bool:
        if self.pid is None:
            return False
        return self.program.ready is None or await asyncio.to_thread(self.program.ready)

    async def stop(self) -> None:
        """Ask it to stop; after its grace time kill it with all its children."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        await self._end()
        await self.task
        if (seconds := loop.time() - began) > SLOW_STOP_SECONDS:
            say(f"{self.program.name} took {seconds:.1f} s to stop")

    async def _end(self) -> None:
        self._stopping.set()
        if self.process and self.pid:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(self.program.stop_signal)
            try:
                await asyncio.wait_for(self.process.wait(), self.program.grace_seconds)
            except TimeoutError:
                grace = f"{self.program.grace_seconds:.0f} s"
                say(paint(f"{self.program.name} did not stop within {grace}: killed", "33"))
                self.kill()

    def kill(self) -> None:
        """Kill it with all its children, now; it does not come back."""
        self._stopping.set()
        if pid := self.pid:
            signal_tree(pid, signal.SIGKILL)

    async def _keep_running(self) -> None:
        delay = FIRST_DELAY_SECONDS
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            started = loop.time()
            await self._run()
            ran = loop.time() - started
            if self._stopping.is_set():
                break
            self.failures += 1
            self._on_change()
            say(paint(f"{self.program.name} {self._last_end()}; restart in {delay:g} s", "31"))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)
            delay = next_delay(delay, ran_seconds=ran)
        self.log.close()

    async def _run(self) -> None:
        """Run it once, to its end."""
        program = self.program
        self.process = await asyncio.create_subprocess_exec(
            *program.argv, stdout=PIPE, **program.popen_options()
        )
        self._on_change()
        copying = asyncio.create_task(self._copy_output(self.process))
        await self.process.wait()
        # a grandchild may hold the pipe open, so do not wait for its end
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(copying, 0.3)

    async def _copy_output(self, process: Process) -> None:
        assert process.stdout is not None
        while chunk := await process.stdout.read(65536):
            self.log.feed(chunk)

    def _last_end(self) -> str:
        code = self.process.returncode if self.process else None
        how = (
            f"was ended by {signal.Signals(-code).name}" if code and code < 0 else f"ended ({code})"
        )
        return f"{how}: {self.log.last_line[:300] or 'no output'} [{self.log.path.name}]"


class Supervisor:
    """Starts groups of programs and keeps them running until `stop`.

    on_change: called whenever a process appears or ends, with `pids()` up to date.
    """

    def __init__(
        self, logs: Path, *, verbose: bool, on_change: Callable[[], None] = lambda: None
    ) -> None:
        self._logs = logs
        self._verbose = verbose
        self._on_change = on_change
        self._groups: list[list[SupervisedProgram]] = []

    def pids(self) -> dict[str, int]:
        """Return the running processes by program name."""
        members = [member for group in self._groups for member in group]
        return {member.program.name: member.pid for member in members if member.pid}

    async def start(self, *programs: Program) -> None:
        """Start a group at once and wait until each member is ready.

        The group is known before the wait: when a member fails or a signal comes
        meanwhile, `stop` must find the others. Raises: StartFailed.
        """
        group: list[SupervisedProgram] = []
        self._groups.append(group)
        for program in programs:
            log = self._open_log(program.name)
            group.append(SupervisedProgram(program, log, self._on_change))
        await asyncio.gather(*(member.wait_until_ready() for member in group))

    async def run(self, program: Program) -> None:
        """Run a program that ends by itself. Raises: StartFailed: its exit code is not 0."""
        log = self._open_log(program.name)
        process = await asyncio.create_subprocess_exec(
            *program.argv, stdout=PIPE, **program.popen_options()
        )
        assert process.stdout is not None
        try:
            while chunk := await process.stdout.read(65536):
                log.feed(chunk)
            code = await process.wait()
        except asyncio.CancelledError:
            signal_tree(process.pid, signal.SIGKILL)
            raise
        finally:
            log.close()
        if code != 0:
            tail = log.path.read_text(errors="replace").splitlines()[-15:]
            raise StartFailed("\n".join([f"{program.name} failed (exit code {code}):", *tail]))

    async def stop(self) -> None:
        """Stop the groups in reverse order of start, the members of a group together."""
        while self._groups:
            await asyncio.gather(*(member.stop() for member in self._groups[-1]))
            self._groups.pop()

    def kill(self) -> None:
        """Kill everything at once; a running `stop` then returns soon."""
        for group in self._groups:
            for member in group:
                member.kill()

    def _open_log(self, name: str) -> ProgramLog:
        colour = COLOURS[sum(map(ord, name)) % len(COLOURS)]
        return ProgramLog(self._logs, name, colour=colour, verbose=self._verbose)
