"""Runs one program in the terminal's foreground while embedded servers are up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping

from tools.demo_programs import web_variables
from tools.embedded.program import tie_to_parent
from tools.paths import ROOT

WEB_PORT = 8000  # nothing listens there; only the variables are needed


def development_variables(env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a Django program that is not the demo."""
    return {**os.environ, **web_variables(WEB_PORT), **env}


def run_in_foreground(arguments: list[str], env: Mapping[str, str]) -> int:
    """Run Python with arguments; return its exit code.

    Ctrl-C reaches the program from the terminal, SIGTERM is passed on to it: in both cases
    it ends first, and the caller can stop the servers afterwards.
    """
    program = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=development_variables(env),
        preexec_fn=tie_to_parent(signal.SIGTERM),
    )
    previous = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: program.terminate()),
    }
    try:
        return program.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
