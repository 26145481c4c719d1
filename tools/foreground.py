"""Runs one program in the terminal's foreground while embedded servers are up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping

from tools.demo_programs import web_variables
from tools.paths import ROOT

WEB_PORT = 8000  # nothing listens there; only the variables are needed


def development_variables(env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a Django program that is not the demo."""
    return {**os.environ, **web_variables(WEB_PORT), **env}


def run_in_foreground(arguments: list[str], env: Mapping[str, str]) -> int:
    """Run Python with arguments; Ctrl-C is for it alone. Return its exit code."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        program = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=development_variables(env),
            # an ignored signal would be inherited
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        return program.wait()
    finally:
        signal.signal(signal.SIGINT, previous)
