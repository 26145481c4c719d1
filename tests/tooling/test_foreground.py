from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.paths import ROOT

PARENT = """
import sys
from tools.foreground import run_in_foreground
child = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
code = run_in_foreground(["-c", child, sys.argv[1]], {})
print("cleaned up after", code)
"""


def wait_for(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


@pytest.fixture
def pid_file(tmp_path) -> Path:
    return tmp_path / "pid"


@pytest.fixture
def parent(pid_file):
    command = [sys.executable, "-c", PARENT, pid_file]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        wait_for(lambda: pid_file.exists() and pid_file.read_text())
        yield process


def test_sigterm_ends_the_program_first_and_the_caller_cleans_up(parent):
    parent.send_signal(signal.SIGTERM)

    assert parent.communicate(timeout=60)[0] == "cleaned up after -15\n"


def test_the_program_does_not_outlive_a_killed_parent(parent, pid_file):
    parent.kill()

    wait_for(lambda: not is_running(int(pid_file.read_text())))


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
