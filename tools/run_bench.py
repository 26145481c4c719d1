"""`./run bench …`: `python -m bench …` with servers of its own, durable as in production."""

from __future__ import annotations

import os
import sys

from tools.embedded import NotReady, throwaway_stack
from tools.foreground import run_in_foreground
from tools.open_files import allow_many_open_files
from tools.terminal import say


def main() -> int:
    """Return the exit code of the bench."""
    allow_many_open_files()
    try:
        with throwaway_stack("bench", durable=True, external=os.environ) as stack:
            return run_in_foreground(["-m", "bench", *sys.argv[1:]], stack.env)
    except (NotReady, RuntimeError) as error:
        say(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
