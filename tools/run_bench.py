"""`./run bench …`: `python -m bench …` with servers of its own, durable as in production.

`--tier timescale` takes the PostgreSQL of TIMESCALE_DATABASE_URL, an empty database, or one
with TimescaleDB that is started; `--tier plain` the one that is always there.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass, field

from tools.embedded import NotReady, throwaway_stack
from tools.embedded.servers import TIMESCALE_VARIABLE, Timescale
from tools.foreground import run_in_foreground
from tools.open_files import allow_many_open_files
from tools.terminal import say


@dataclass(frozen=True, slots=True)
class Plan:
    """Which servers a bench needs, and what it is told."""

    arguments: list[str]
    external: dict[str, str]
    timescale: Timescale = "no"
    settings: dict[str, str] = field(default_factory=dict)


def plan_bench(arguments: list[str], given: dict[str, str]) -> Plan:
    """Take the tier out of the arguments; without one, the database is as given."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--tier", choices=("plain", "timescale"))
    options, rest = parser.parse_known_args(arguments)
    if options.tier is None:
        return Plan(rest, given)
    others = {name: value for name, value in given.items() if not name.startswith("DATABASE_URL")}
    settings = {"SAMPLE_TIER": options.tier}
    if options.tier == "plain":
        return Plan(rest, others, "no", settings)
    if url := given.get(TIMESCALE_VARIABLE):
        return Plan(rest, others | {"DATABASE_URL": url}, "no", settings)
    return Plan(rest, others, "instead", settings)


def main() -> int:
    """Return the exit code of the bench."""
    allow_many_open_files()
    plan = plan_bench(sys.argv[1:], dict(os.environ))
    try:
        with throwaway_stack(
            "bench", durable=True, external=plan.external, timescale=plan.timescale
        ) as stack:
            return run_in_foreground(["-m", "bench", *plan.arguments], stack.env | plan.settings)
    except (NotReady, RuntimeError) as error:
        say(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
