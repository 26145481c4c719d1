"""`./run lock`: write requirements/*.txt anew from *.in, with hashes. Standard library only."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tools.bootstrap import pip_command
from tools.paths import ROOT
from tools.terminal import say

REQUIREMENTS = ROOT / "requirements"
SETS = ("base", "demo", "test", "dev")
COMMENT = "./run lock"


def compile_command(uv: Path, name: str) -> list[str]:
    """Return the command that locks one set; all others follow the pins of base."""
    constraint = [] if name == "base" else ["-c", "base.txt"]
    return [
        *(str(uv), "pip", "compile", "-q", "--universal", "--python-version", "3.11"),
        *("--generate-hashes", "--no-emit-index-url", "--custom-compile-command", COMMENT),
        *(f"{name}.in", "-o", f"{name}.txt", *constraint),
    ]


def main() -> int:
    """Lock every set with a uv from a throw-away environment."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, symlinks=True)
        python = Path(folder) / "bin/python"
        subprocess.run([*pip_command(python), "install", "-q", "uv"], check=True)
        for name in SETS:
            say(f"locking requirements/{name}.txt")
            subprocess.run(
                compile_command(python.with_name("uv"), name), cwd=REQUIREMENTS, check=True
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
