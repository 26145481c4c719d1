"""Real processes, small ones."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.embedded.program import Program
from tools.embedded.supervisor import StartFailed, Supervisor, next_delay
from tools.paths import ROOT


def sleeper(name: str, before: str = "pass", after: str = "pass") -> Program:
    """Return a program that runs `before`, waits for SIGTERM and runs `after`."""
    wait = f"{before}\ntry:\n    time.sleep(60)\nfinally:\n    {after}"
    code = (
        "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n" + wait
    )
    return Program(name, (sys.executable, "-c", code), grace_seconds=1)


@pytest.fixture
async def supervisor(tmp_path):
    running = Supervisor(tmp_path, verbose=False)
    yield running
    await running.stop()


async def wait_for(condition, seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("delay", "ran", "expected"),
    [(0.5, 0, 1.0), (1.0, 5, 2.0), (16, 0, 30.0), (30, 0, 30.0), (30, 61, 0.5)],
)
def test_the_delay_doubles_up_to_half_a_minute(delay, ran, expected):
    assert next_delay(delay, ran_seconds=ran) == expected


async def test_groups_stop_in_reverse_order_of_start(supervisor, tmp_path):
    record = tmp_path / "stopped"
    for name in ("first", "second"):
        await supervisor.start(
            sleeper(name, "print('up', flush=True)", f"open({str(record)!r}, 'a').write('{name} ')")
        )
        await wait_for(lambda name=name: "up" in (tmp_path / f"{name}.log").read_text())

    await supervisor.stop()

    assert record.read_text().split() == ["second", "first"]


async def test_a_crashed_program_comes_back_and_the_reason_is_shown(supervisor, capsys):
    await supervisor.start(sleeper("fragile", "print('last words', flush=True)"))
    before = supervisor.pids()["fragile"]
    await wait_for(lambda: (supervisor._logs / "fragile.log").read_text() != "")

    os.kill(before, signal.SIGKILL)
    await wait_for(lambda: supervisor.pids().get("fragile", before) != before)

    shown = capsys.readouterr().out
    assert "fragile was ended by SIGKILL: last words" in shown
    assert "restart in 0.5 s" in shown


async def test_a_program_that_cannot_start_is_given_up_with_its_last_line(supervisor):
    broken = Program(
        "broken", (sys.executable, "-c", "exit('no such setting')"), ready=lambda: False
    )

    with pytest.raises(StartFailed, match="no such setting"):
        await supervisor.start(broken)


async def test_a_program_that_ignores_the_signal_is_killed_with_its_children(supervisor, tmp_path):
    child = (
        "import subprocess, sys; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True)"
    )
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    await supervisor.start(sleeper("deaf", f"{deaf}; {child}"))
    log = tmp_path / "deaf.log"
    await wait_for(lambda: log.read_text().strip() != "")

    await supervisor.stop()

    await wait_for(lambda: not is_running(int(log.read_text())))


async def test_a_forced_end_restarts_nothing(supervisor, capsys):
    await supervisor.start(sleeper("one"), sleeper("two"))

    supervisor.kill()
    await supervisor.stop()

    assert supervisor.pids() == {}
    assert "restart" not in capsys.readouterr().out


async def test_a_failed_one_time_program_tells_its_output(supervisor):
    failing = Program("prepare", (sys.executable, "-c", "print('why'); exit(4)"))

    with pytest.raises(StartFailed, match=r"prepare failed \(exit code 4\):\nwhy"):
        await supervisor.run(failing)


def test_no_program_outlives_a_killed_supervisor(tmp_path):
    script = f"""
import asyncio, os, signal, sys
from pathlib import Path
from tools.embedded.program import Program
from tools.embedded.supervisor import Supervisor
async def main():
    supervisor = Supervisor(Path({str(tmp_path)!r}), verbose=False)
    await supervisor.start(Program("child", ("sleep", "60")))
    print(supervisor.pids()["child"], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )

    deadline = time.monotonic() + 60
    while is_running(int(done.stdout)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(int(done.stdout))


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
