"""`./run faults`: every fault test at full length, one after another, then the long fuzz.

Arguments go to pytest and choose among the fault tests, such as `-k broker`; FUZZ_EXAMPLES is
the number of examples of each fuzz test, 0 leaves them out.
"""

from __future__ import annotations

import os
import sys

from tools.embedded import NotReady, throwaway_stack
from tools.foreground import run_in_foreground
from tools.open_files import allow_many_open_files
from tools.run_tests import worst
from tools.terminal import say

FUZZ_EXAMPLES = "500"


def main() -> int:
    """Return the exit code of pytest."""
    allow_many_open_files()
    examples = os.environ.get("FUZZ_EXAMPLES", FUZZ_EXAMPLES)
    runs = [["-m", "faults", "-rP", "tests/faults", *sys.argv[1:]]]
    if examples != "0" and not sys.argv[1:]:
        runs.append(["tests/fuzz"])
    try:
        with throwaway_stack("faults", durable=False, external={}) as stack:
            env = {**stack.env, "FUZZ_EXAMPLES": examples}
            return worst([run_in_foreground(["-m", "pytest", *run], env) for run in runs])
    except (NotReady, RuntimeError) as error:
        say(str(error))
        return 3  # pytest's number for an internal error


if __name__ == "__main__":
    sys.exit(main())
