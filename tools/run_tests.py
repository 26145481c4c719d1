"""`./run test [pytest arguments]`: the tests with real servers, on free ports, thrown away."""

from __future__ import annotations

import os
import sys

from tools.embedded import NotReady, throwaway_stack
from tools.foreground import run_in_foreground
from tools.open_files import allow_many_open_files
from tools.terminal import say

NO_TESTS = 5  # pytest's exit code when nothing was collected


def pytest_runs(given: list[str]) -> list[list[str]]:
    """Return the arguments of each run of pytest.

    Fault tests measure how fast things recover, so they run after the others, two at a time:
    they mostly wait. The longest are for `./run faults`. A caller who says how gets one run.
    """
    words = " ".join(given)
    if any(word.startswith(("-n", "-m", "-k", "--")) for word in given) or "no:xdist" in words:
        return [given]
    return [
        ["-n", "auto", "--dist", "loadfile", "-m", "not faults", *given],
        ["-n", "2", "--dist", "loadfile", "-m", "faults and not long", *given],
    ]


def worst(codes: list[int]) -> int:
    """Return the exit code of all runs: of the first that failed, else whether tests ran."""
    failed = [code for code in codes if code not in (0, NO_TESTS)]
    return failed[0] if failed else min(codes)


def main() -> int:
    """Return the exit code of pytest."""
    allow_many_open_files()
    try:
        with throwaway_stack(
            "test", durable=False, external=os.environ, timescale="beside"
        ) as stack:
            return worst(
                [
                    run_in_foreground(["-m", "pytest", *arguments], stack.env)
                    for arguments in pytest_runs(sys.argv[1:])
                ]
            )
    except (NotReady, RuntimeError) as error:
        say(str(error))
        return 3  # pytest's number for an internal error


if __name__ == "__main__":
    sys.exit(main())
