"""Programs of others that tests of wires need: socat, and mbpoll as a second opinion on Modbus."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tools.fetch_deb import fetch_packages
from tools.paths import DOWNLOADS

# Debian's package has the program's name
PROGRAMS = ("mbpoll", "socat")


@dataclass(frozen=True, slots=True)
class WireProgram:
    """Where a program lies, and the environment that lets it find its libraries."""

    path: Path
    env: dict[str, str]

    def environment(self) -> dict[str, str]:
        """Return the whole environment for a process of it."""
        return {**os.environ, **self.env}


def find_wire_program(name: str, *, downloads: Path = DOWNLOADS) -> WireProgram:
    """Find socat or mbpoll on the machine, else fetch it with apt without installing it.

    Raises: RuntimeError: there is none.
    """
    if name not in PROGRAMS:
        raise ValueError(f"{name} is none of {', '.join(PROGRAMS)}")
    if installed := shutil.which(name):
        return WireProgram(Path(installed), {})
    return fetch_wire_program(name, downloads=downloads)


def fetch_wire_program(name: str, *, downloads: Path = DOWNLOADS) -> WireProgram:
    """Fetch the package once, with the libraries it needs, and unpack it below a folder.

    Raises: RuntimeError: apt is not there or does not offer it.
    """
    tree = downloads / name
    program = tree / "usr/bin" / name
    if not program.exists() and not fetch_packages(tree, name):
        raise RuntimeError(f"no {name}: `apt-get install -y {name}` as root")
    folders = [*tree.glob("usr/lib/*-linux-gnu"), *tree.glob("lib/*-linux-gnu")]
    libraries = ":".join(map(str, folders))
    return WireProgram(program, {"LD_LIBRARY_PATH": libraries} if libraries else {})
