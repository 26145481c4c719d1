"""Where mutants are tested: a copy of the checkout, a database of its own, pytest."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tools.mutants.mutant import Mutant, Stale

LIMIT_SECONDS = 120.0
BASELINE_SECONDS = 900.0
LEFT_OUT = (".git", ".venv", "var", "staticfiles", ".mypy_cache", ".pytest_cache", ".ruff_cache")
_FAILURE = re.compile(r"^(?:FAILED|ERROR) (\S+?::.+?)(?: - .*)?$", re.MULTILINE)
_OPTIONS = ("-q", "-n", "0", "-p", "no:cacheprovider", "--reuse-db", "--tb=line",
            "--show-capture=no", "--no-header")  # fmt: skip
PASSED, TESTS_FAILED = 0, 1


class Stopped(Exception):
    """The run is over: somebody asked for it."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of pytest; `code` is None when it took too long."""

    code: int | None
    output: str
    seconds: float

    @property
    def failures(self) -> list[str]:
        """Return the tests that failed."""
        return _FAILURE.findall(self.output)

    @property
    def end(self) -> str:
        """Return the last lines of what was printed."""
        return "\n".join(self.output.strip().splitlines()[-12:])


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant: `state` is killed, survived, stale, broken or refused."""

    mutant: Mutant
    state: str
    by: str
    seconds: float = 0.0


class Databases:
    """A migrated database, copied in a moment for whoever needs a clean one."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._template = f"mutants_{os.getpid()}"
        self._made = [self._template]

    def url(self, name: str) -> str:
        """Return the URL of another database of the server."""
        return urlunsplit(urlsplit(self._url)._replace(path=f"/{name}"))

    def make_template(self, folder: Path, env: Mapping[str, str]) -> None:
        """Create and migrate the database that others are copied from."""
        self._execute(f'CREATE DATABASE "{self._template}"')
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v", "0"],
            cwd=folder,
            env={**env, "DATABASE_URL": self.url(self._template)},
            check=True,
        )

    def renew(self, name: str) -> None:
        """Make a database that Django takes for the finished test database of `name`."""
        self._made.append(f"test_{name}")
        self._execute(f'DROP DATABASE IF EXISTS "test_{name}" WITH (FORCE)')
        self._execute(f'CREATE DATABASE "test_{name}" TEMPLATE "{self._template}"')

    def drop(self) -> None:
        """Remove all of them."""
        for name in reversed(dict.fromkeys(self._made)):
            with suppress(psycopg.Error):
                self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]


class Worker:
    """One copy of the checkout; tests one mutant at a time."""

    def __init__(
        self, folder: Path, *, name: str, databases: Databases, env: Mapping[str, str]
    ) -> None:
        self._folder = folder
        self._name = name
        self._databases = databases
        self._env = {**env, "DATABASE_URL": databases.url(name)}
        self._process: subprocess.Popen[str] | None = None
        self._is_stopped = False

    def run(self, tests: Iterable[str], *, limit: float, is_short: bool) -> Ran:
        """Run tests on the copy as it is, with a clean database.

        Raises: Stopped.
        """
        started = time.monotonic()
        self._databases.renew(self._name)
        argv = [sys.executable, "-m", "pytest", *_OPTIONS, *(["-x"] if is_short else []), *tests]
        if self._is_stopped:
            raise Stopped
        self._process = subprocess.Popen(
            argv, cwd=self._folder, env=self._env, text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            output = self._process.communicate(timeout=limit)[0]
            code: int | None = self._process.returncode
        except subprocess.TimeoutExpired:
            self._kill()
            output, code = self._process.communicate()[0], None
        if self._is_stopped:
            raise Stopped
        return Ran(code, output or "", time.monotonic() - started)

    def test(self, mutant: Mutant) -> Verdict:
        """Put the mutant in the place of the source, run its tests, put the source back.

        Raises: Stopped.
        """
        try:
            changed = mutant.files(self._folder)
        except Stale as error:
            return Verdict(mutant, "stale", str(error))
        before = {file: file.read_bytes() for file in changed}
        try:
            for file, text in changed.items():
                _write(file, text.encode())
            ran = self.run(mutant.tests, limit=LIMIT_SECONDS, is_short=True)
        finally:
            for file, content in before.items():
                _write(file, content)
        return _judge(mutant, ran)

    def stop(self) -> None:
        """End what runs, now."""
        self._is_stopped = True
        self._kill()

    def _kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


def _judge(mutant: Mutant, ran: Ran) -> Verdict:
    if ran.code is None:
        return Verdict(mutant, "killed", f"the time limit of {LIMIT_SECONDS:.0f} s", ran.seconds)
    if ran.code == PASSED:
        return Verdict(mutant, "survived", "no test", ran.seconds)
    if ran.code == TESTS_FAILED and ran.failures:
        return Verdict(mutant, "killed", ran.failures[0], ran.seconds)
    return Verdict(mutant, "broken", f"pytest exit code {ran.code}: {ran.end}", ran.seconds)


def _write(file: Path, content: bytes) -> None:
    """Write a source file; what was compiled from it may look as new as the new text."""
    file.write_bytes(content)
    Path(importlib.util.cache_from_source(str(file))).unlink(missing_ok=True)


def copy_checkout(root: Path, target: Path) -> Path:
    """Copy a checkout, uncommitted changes included, without what can be made again."""
    left_out = shutil.ignore_patterns(*LEFT_OUT)
    shutil.copytree(root, target, ignore=left_out, symlinks=True)
    return target
