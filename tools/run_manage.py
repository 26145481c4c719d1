"""`./run manage …`: manage.py with the environment of the running demo."""

from __future__ import annotations

import os
import sys

from tools.demo_file import read_demo
from tools.lock_file import running_demo_pid
from tools.paths import DEMO_FILE, ROOT
from tools.terminal import say


def main() -> None:
    """Become manage.py; exit with 1 when there is nothing to connect to."""
    env = dict(os.environ)
    if "DATABASE_URL" not in env:
        if running_demo_pid() is None:
            say("No demo of this checkout runs. Start one in another terminal: ./run demo")
            say("Or set DATABASE_URL and its kin (see .env.example) for another installation.")
            sys.exit(1)
        demo = read_demo(DEMO_FILE)
        if "env" not in demo:
            say("The demo is still starting; try again when it has printed its addresses.")
            sys.exit(1)
        env |= demo["env"]
    os.chdir(ROOT)
    os.execve(sys.executable, [sys.executable, "manage.py", *sys.argv[1:]], env)


if __name__ == "__main__":
    main()
