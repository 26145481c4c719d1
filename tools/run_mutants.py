"""`./run mutants`: remove each wall between tenants in turn; the tests must notice."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from types import FrameType
from typing import TypeVar

from tools.embedded import NotReady, throwaway_stack
from tools.foreground import development_variables
from tools.mutants import AREAS, MUTANTS
from tools.mutants.bench import (
    BASELINE_SECONDS,
    PASSED,
    TESTS_FAILED,
    Databases,
    Ran,
    Verdict,
    Worker,
    copy_checkout,
)
from tools.mutants.mutant import Mutant
from tools.mutants.report import as_lines, as_markdown, progress
from tools.open_files import allow_many_open_files
from tools.paths import ROOT
from tools.terminal import say

WORKERS = 2
FAILED, REFUSED, INTERRUPTED = 1, 2, 130
Result = TypeVar("Result")


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="./run mutants", description=__doc__)
    parser.add_argument("--list", action="store_true", help="name the mutants and end")
    parser.add_argument("--only", metavar="ID,…", default="", help="these mutants")
    parser.add_argument(
        "--area", choices=AREAS, action="append", help="those of a part of the product; repeatable"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument("--workers", type=int, default=WORKERS, help="runs of pytest at once")
    return parser.parse_args(given)


def chosen(options: argparse.Namespace) -> list[Mutant]:
    """Return the mutants of the command line.

    Raises: ValueError: there is none of some id.
    """
    ids = [id_ for id_ in options.only.split(",") if id_]
    unknown = set(ids) - {mutant.id for mutant in MUTANTS}
    if unknown:
        raise ValueError(f"no such mutant: {', '.join(sorted(unknown))}; see --list")
    return [
        mutant
        for mutant in MUTANTS
        if (not ids or mutant.id in ids) and mutant.area in (options.area or AREAS)
    ]


def split_tests(mutants: Sequence[Mutant], parts: int) -> list[list[str]]:
    """Return all tests of the mutants in parts, the tests of a file together."""
    tests = {test for mutant in mutants for test in mutant.tests}
    whole = {test for test in tests if "::" not in test}
    kept = sorted(t for t in tests if t in whole or t.partition("::")[0] not in whole)
    files = list(dict.fromkeys(test.partition("::")[0] for test in kept))
    found = [
        [test for test in kept if test.partition("::")[0] in files[part::parts]]
        for part in range(parts)
    ]
    return [part for part in found if part]


def refuse_red(mutants: Sequence[Mutant], failures: Sequence[str]) -> list[Verdict]:
    """Return a verdict for each mutant one of whose tests fails without it: it proves nothing."""
    found = []
    for mutant in mutants:
        starts = tuple(f"{test}{end}" for test in mutant.tests for end in ("::", "["))
        red = [f for f in failures if f in mutant.tests or f.startswith(starts)]
        if red:
            found.append(Verdict(mutant, "refused", f"red without it: {red[0]}"))
    return found


def without(mutants: Sequence[Mutant], refused: Sequence[Verdict]) -> list[Mutant]:
    """Return the mutants that are to be tested."""
    known = {verdict.mutant.id for verdict in refused}
    return [mutant for mutant in mutants if mutant.id not in known]


def in_order(mutants: Sequence[Mutant], verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return the verdicts as the mutants stand in the list."""
    by_id = {verdict.mutant.id: verdict for verdict in verdicts}
    return [by_id[mutant.id] for mutant in mutants]


class Pool:
    """Workers, each of which does one thing at a time."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = workers
        self._free: SimpleQueue[Worker] = SimpleQueue()
        for worker in workers:
            self._free.put(worker)
        self._threads = ThreadPoolExecutor(len(workers))

    def run_unmutated(self, mutants: Sequence[Mutant]) -> list[Ran]:
        """Run all tests on the product as it is."""
        parts = split_tests(mutants, len(self._workers))

        def run(worker: Worker, tests: Sequence[str]) -> Ran:
            return worker.run(tests, limit=BASELINE_SECONDS, is_short=False)

        return list(self._threads.map(lambda tests: self._lend(lambda w: run(w, tests)), parts))

    def test(self, mutants: Sequence[Mutant]) -> list[Verdict]:
        """Test the mutants; say each verdict at once, return them in the order of the list."""
        waiting = [
            self._threads.submit(self._lend, lambda worker, mutant=mutant: worker.test(mutant))
            for mutant in mutants
        ]
        for number, future in enumerate(as_completed(waiting), start=1):
            say(progress(number, len(mutants), future.result()))
        return [future.result() for future in waiting]

    def stop(self) -> None:
        """End what runs and wait for it."""
        for worker in self._workers:
            worker.stop()
        self._threads.shutdown(cancel_futures=True)

    def _lend(self, job: Callable[[Worker], Result]) -> Result:
        worker = self._free.get()
        try:
            return job(worker)
        finally:
            self._free.put(worker)


def run(mutants: Sequence[Mutant], *, workers: int, markdown: Path | None) -> int:
    """Test mutants on servers and copies of their own; return the exit code."""
    started = time.monotonic()
    with ExitStack() as cleanup:
        stack = cleanup.enter_context(
            throwaway_stack("mutants", durable=False, external=os.environ)
        )
        env = development_variables(stack.env)
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="mutants-")))
        source = copy_checkout(ROOT, folder / "0")
        databases = Databases(stack.env.get("DATABASE_URL") or os.environ["DATABASE_URL"])
        cleanup.callback(databases.drop)
        databases.make_template(source, env)
        pool = Pool(
            [
                Worker(
                    source if number == 0 else copy_checkout(source, folder / str(number)),
                    name=f"mutants_{os.getpid()}_{number}",
                    databases=databases,
                    env=env,
                )
                for number in range(workers)
            ]
        )
        cleanup.callback(pool.stop)
        say(f"{len(mutants)} mutants; first their tests, without any …")
        runs = pool.run_unmutated(mutants)
        if any(ran.code not in (PASSED, TESTS_FAILED) for ran in runs):
            say("The tests do not run:\n" + "\n".join(ran.end for ran in runs))
            return REFUSED
        refused = refuse_red(mutants, [failure for ran in runs for failure in ran.failures])
        say(f"done after {time.monotonic() - started:.0f} s, {len(refused)} mutants are refused")
        verdicts = in_order(mutants, refused + pool.test(without(mutants, refused)))
    seconds = time.monotonic() - started
    say("\n".join(as_lines(verdicts, ROOT, seconds=seconds)))
    if markdown:
        markdown.write_text(as_markdown(verdicts, ROOT, seconds=seconds))
    return PASSED if all(v.state == "killed" for v in verdicts) else FAILED


def main() -> int:
    """Return 0 if all mutants are killed."""
    options = arguments()
    try:
        mutants = chosen(options)
    except ValueError as error:
        say(str(error))
        return REFUSED
    if options.list:
        for mutant in mutants:
            say(f"{mutant.id:<34} {mutant.removes}")
        return PASSED
    signal.signal(signal.SIGTERM, _interrupt)
    allow_many_open_files()
    try:
        return run(mutants, workers=options.workers, markdown=options.markdown)
    except KeyboardInterrupt:
        say("stopped")
        return INTERRUPTED
    except (NotReady, RuntimeError) as error:
        say(str(error))
        return REFUSED


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
