"""`./run check`: what must hold before a commit. Runs every step, then prints a table."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tools.embedded import throwaway_stack
from tools.foreground import development_variables
from tools.paths import ROOT, VENV
from tools.terminal import paint, say

# The slowest first: two run at a time.
STEPS: dict[str, tuple[str, ...]] = {
    "mypy": ("mypy", "."),
    "manage.py check": ("python", "manage.py", "check", "--fail-level", "WARNING"),
    "migrations": ("python", "manage.py", "makemigrations", "--check", "--dry-run"),
    "lint-imports": ("lint-imports",),
    "ruff check": ("ruff", "check", "."),
    "ruff format": ("ruff", "format", "--check", "."),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one step went."""

    name: str
    passed: bool
    seconds: float
    output: str


def run_step(name: str, env: Mapping[str, str]) -> Outcome:
    """Run a step to its end, with its output kept."""
    program, *arguments = STEPS[name]
    started = time.monotonic()
    done = subprocess.run(
        [str(VENV / "bin" / program), *arguments],
        cwd=ROOT,
        env=dict(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Outcome(name, done.returncode == 0, time.monotonic() - started, done.stdout)


def table(outcomes: list[Outcome]) -> str:
    """Return one line per step."""
    lines = []
    for outcome in outcomes:
        word = paint("passed", "32") if outcome.passed else paint("FAILED", "31")
        lines.append(f"  {outcome.name:<18}{word}  {outcome.seconds:6.1f} s")
    return "\n".join(lines)


def main() -> int:
    """Return 1 if any step failed."""
    with throwaway_stack("check", durable=False) as stack:
        env = development_variables(stack.env)
        with ThreadPoolExecutor(max_workers=2) as pool:
            outcomes = list(pool.map(lambda name: run_step(name, env), STEPS))
    for outcome in outcomes:
        if not outcome.passed:
            say(f"{paint(outcome.name, '31')}\n{outcome.output}")
    say(table(outcomes))
    return 0 if all(outcome.passed for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
