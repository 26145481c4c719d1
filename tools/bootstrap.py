"""Make .venv hold exactly a locked requirement set, then become the command.

Standard library only; works without python3-venv, pip, make, curl and root.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from pathlib import Path

from tools.fetch_deb import fetch_packages
from tools.paths import DOWNLOADS, ROOT, VAR, VENV
from tools.terminal import say

PYTHON = VENV / "bin/python"
STAMP = VENV / ".stamp"
SETS = ("demo", "test", "dev")  # each contains the ones before it

# command: (requirement set or None for the machine's own Python, module, what it does)
COMMANDS: dict[str, tuple[str | None, str, str]] = {
    "demo": ("demo", "tools.demo", "start everything; --check, --reset, --verbose"),
    "test": ("test", "tools.run_tests", "run the tests with real servers; pytest arguments"),
    "check": ("dev", "tools.run_checks", "linters, types, layers, migrations"),
    "faults": ("test", "tools.run_faults", "break every server and process; pytest arguments"),
    "mutants": ("test", "tools.run_mutants", "remove each wall in turn: tests must notice; --list"),
    "bench": ("demo", "tools.run_bench", "measure; arguments of `python -m bench`"),
    "manage": ("demo", "tools.run_manage", "manage.py against the running demo"),
    "send": ("demo", "tools.send", "one message as a gateway of the running demo"),
    "stop": (None, "tools.stop", "stop the demo of this checkout"),
    "lock": (None, "tools.lock", "lock requirements/*.in again, with hashes"),
}


def usage() -> str:
    """Return the help text."""
    lines = [f"  ./run {name:<7} {text}" for name, (_, _, text) in COMMANDS.items()]
    return "\n".join(["Usage:", *lines])


def wanted_stamp(requirement_set: str) -> str:
    """Return what the stamp says while a set is installed as it is locked now."""
    locked = (ROOT / f"requirements/{requirement_set}.txt").read_bytes()
    digest = hashlib.sha256(locked + sys.version.encode()).hexdigest()
    return f"{requirement_set} {digest}"


def is_installed(requirement_set: str, stamp: str) -> bool:
    """Tell whether the stamp is that of the set or of one that contains it."""
    wide_enough = SETS[SETS.index(requirement_set) :]
    return stamp.strip() in [wanted_stamp(name) for name in wide_enough]


def pip_command(python: Path) -> list[str]:
    """Return the argv prefix of a pip that works for this Python, also if it has none.

    Exits the program with an explanation when there is none at all.
    """
    if _runs([str(python), "-m", "pip", "--version"]):
        return [str(python), "-m", "pip"]
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "--python", str(python)]
    unpacked = DOWNLOADS / "pip"
    wheels = _pip_wheels(Path("/usr/share/python-wheels"), unpacked)
    if not wheels and fetch_packages(unpacked, "python3-pip-whl"):
        wheels = _pip_wheels(unpacked)
    if not wheels:
        sys.exit("No pip. As root: apt-get install -y python3-venv   Then start again.")
    # a wheel is a zip file, so Python can run pip from inside it
    return [sys.executable, f"{wheels[-1]}/pip", "--python", str(python)]


def _pip_wheels(*folders: Path) -> list[Path]:
    return sorted(wheel for folder in folders for wheel in folder.rglob("pip-*.whl"))


def _runs(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _create_environment(uv: str | None) -> None:
    """Make .venv anew; a broken one or one of another Python is replaced."""
    if uv:
        command = [uv, "venv", "-q", "--no-config", "--clear", "-p", sys.executable, str(VENV)]
        subprocess.run(command, check=True)
    else:
        has_pip = importlib.util.find_spec("ensurepip") is not None
        venv.create(VENV, clear=True, with_pip=has_pip, symlinks=True)


def _install_command(uv: str | None) -> list[str]:
    if uv:
        return [uv, "pip", "install", "-q", "-p", str(PYTHON)]
    # --use-pep517: a package that comes as source only is built in an isolated environment.
    # The lock is complete and most modules are never imported: resolving and compiling
    # would take a third of the time.
    options = ["-q", "--disable-pip-version-check", "--no-input", "--use-pep517"]
    options += ["--no-deps", "--no-compile"]
    return [*pip_command(PYTHON), "install", "--root-user-action=ignore", *options]


def _environment_works() -> bool:
    folder = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return (VENV / "lib" / folder).is_dir() and _runs([str(PYTHON), "-c", ""])


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let two commands started together install once."""
    VAR.mkdir(exist_ok=True)
    with (VAR / "bootstrap.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def ensure_environment(requirement_set: str) -> None:
    """Install a locked set unless the stamp says that it is there."""
    if STAMP.exists() and PYTHON.exists() and is_installed(requirement_set, STAMP.read_text()):
        return
    with _one_at_a_time():
        if STAMP.exists() and PYTHON.exists() and is_installed(requirement_set, STAMP.read_text()):
            return
        started = time.monotonic()
        uv = shutil.which("uv")
        if not _environment_works():
            _create_environment(uv)
        STAMP.unlink(missing_ok=True)
        command = _install_command(uv)
        locked = f"requirements/{requirement_set}.txt"
        say(f"installing {locked} with {'uv' if uv else 'pip'} (once) …")
        subprocess.run([*command, "--require-hashes", "-r", str(ROOT / locked)], check=True)
        STAMP.write_text(wanted_stamp(requirement_set) + "\n")
        say(f"environment ready in {time.monotonic() - started:.1f} s")


def main() -> None:
    """Prepare the environment for a command, then become that command."""
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        say(usage())
        sys.exit(0 if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help", "help") else 2)
    requirement_set, module, _ = COMMANDS[sys.argv[1]]
    python = sys.executable
    if requirement_set:
        try:
            ensure_environment(requirement_set)
        except subprocess.CalledProcessError as error:
            sys.exit(f"the environment could not be made: exit code {error.returncode}, see above")
        python = str(PYTHON)
    os.execv(python, [python, "-m", module, *sys.argv[2:]])


if __name__ == "__main__":
    main()
