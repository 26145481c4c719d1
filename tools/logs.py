"""Output of the supervised programs: everything to files, what matters to the terminal."""

from __future__ import annotations

import logging
import re
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path

from tools.terminal import paint, say

MAX_BYTES = 10 * 1024 * 1024
KEPT_FILES = 3
LONGEST_LINE = 64 * 1024
# More than this from one program would bury the addresses at the top of the terminal.
SHOWN_LINES = 8
SHOWN_SECONDS = 10.0
COLOURS = ("36", "33", "32", "35", "34", "96", "93", "92", "95", "94")

_MATTERS = re.compile(r"\b(warning|error|critical|fatal|panic|traceback|exception)\b", re.I)
# Seen in every healthy start; nothing that the reader could act upon.
_NOISE = re.compile(
    r"overcommit_memory|running the worker with superuser privileges|SecurityWarning"
    r"|Transparent Huge Pages|TCP backlog setting|no usable sysctl"
    r"|\[stderr\]@%WARNING|UserWarning: No directory at"
    # ingest copies first and merges only if a reading came twice
    r"|duplicate key value violates unique constraint \"telemetry_sample_"
    r"|terminating connection due to administrator command|database system is starting up",
    re.I,
)
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def matters(line: str) -> bool:
    """Tell whether a line (without colours) belongs on the terminal as well."""
    return bool(_MATTERS.search(line)) and not _NOISE.search(line)


class ProgramLog:
    """The log of one program: `<folder>/<name>.log`, rotated at 10 MB, three older ones kept."""

    def __init__(self, folder: Path, name: str, *, colour: str, verbose: bool) -> None:
        self.path = folder / f"{name}.log"
        self._handler = RotatingFileHandler(
            self.path, maxBytes=MAX_BYTES, backupCount=KEPT_FILES, encoding="utf-8"
        )
        self._prefix = paint(f"{name:<15}", colour) + "| "
        self._verbose = verbose
        self._rest = b""
        self._shown_since = 0.0
        self._shown = 0
        self.last_line = ""

    def feed(self, chunk: bytes) -> None:
        """Take output as it comes; an endless line is cut."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._write(line.decode(errors="replace").rstrip())

    def close(self) -> None:
        """Write what is left of the last line."""
        if self._rest:
            self._write(self._rest.decode(errors="replace"))
            self._rest = b""
        self._handler.close()

    def _write(self, line: str) -> None:
        plain = _ESCAPES.sub("", line)
        self._handler.emit(logging.makeLogRecord({"msg": plain}))
        if plain:
            self.last_line = plain
        if self._verbose:
            say(self._prefix + line)
        elif matters(plain):
            self._show(plain, now=time.monotonic())

    def _show(self, line: str, *, now: float) -> None:
        """Print a line unless the program has printed too many just now."""
        if now - self._shown_since > SHOWN_SECONDS:
            self._shown_since, self._shown = now, 0
        self._shown += 1
        if self._shown <= SHOWN_LINES:
            say(self._prefix + re.sub(r"\s{2,}", "  ", line))
        elif self._shown == SHOWN_LINES + 1:
            say(f"{self._prefix}… more of this in {self.path}")
