"""`./run test [pytest arguments]`: the tests with real servers, on free ports, thrown away."""

from __future__ import annotations

import os
import sys

from tools.embedded import NotReady, throwaway_stack
from tools.foreground import run_in_foreground
from tools.open_files import allow_many_open_files
from tools.terminal import say


def pytest_arguments(given: list[str]) -> list[str]:
    """Return the arguments of pytest: in parallel unless the caller decides otherwise."""
    decided = any(argument.startswith(("-n", "--numprocesses")) for argument in given)
    if decided or "no:xdist" in " ".join(given):
        return given
    return ["-n", "auto", "--dist", "loadfile", *given]


def main() -> int:
    """Return the exit code of pytest."""
    allow_many_open_files()
    try:
        with throwaway_stack("test", durable=False, external=os.environ) as stack:
            arguments = ["-m", "pytest", *pytest_arguments(sys.argv[1:])]
            return run_in_foreground(arguments, stack.env)
    except (NotReady, RuntimeError) as error:
        say(str(error))
        return 3  # pytest's number for an internal error


if __name__ == "__main__":
    sys.exit(main())
